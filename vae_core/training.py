"""The training loop: `fit` is a generator of progress that never prints, draws or sleeps."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor

from vae_core.config import RunConfig
from vae_core.data import binarize_once
from vae_core.errors import LatentExplorerError
from vae_core.models import IMAGE_SHAPE, Autoencoder
from vae_core.objectives import elbo_terms
from vae_core.schedules import beta_at, learning_rate_at

EVALUATION_SEED = 20130
"""Seeds the noise of every evaluation, so that it neither disturbs training nor differs between epochs."""


class NonFiniteLossError(LatentExplorerError):
    """The loss stopped being a number; weights of the last good checkpoint are untouched."""


@dataclass
class TrainState:
    """Everything that changes while a model trains: all that resuming needs, and nothing else."""

    config: RunConfig
    model: Autoencoder
    optimizer: torch.optim.Optimizer
    noise: torch.Generator
    step: int = 0
    seconds: float = 0.0
    best_loss: float = math.inf
    best_epoch: int = 0
    best_weights: dict[str, Tensor] = field(default_factory=dict)

    @property
    def device(self) -> torch.device:
        """Where the model's weights are."""
        return next(self.model.parameters()).device


@dataclass(frozen=True)
class Progress:
    """What `fit` yields. Losses are nats per image, averaged over the steps since the last one."""

    step: int
    total_steps: int
    epoch: int
    """Complete epochs so far."""
    beta: float
    learning_rate: float
    reconstruction: float
    kl: float
    samples_per_second: float
    seconds: float
    """Training time so far, over all sittings."""
    validation_loss: float | None = None
    """``reconstruction + kl`` on the validation images; None but at the end of an epoch that has them."""
    improved: bool = False
    stopped_early: bool = False


def choose_device(name: str) -> torch.device:
    """Return the device ``name``, or for "auto" the first of CUDA, MPS and CPU that this machine has.

    Raises LatentExplorerError where the machine lacks the device that was named.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(device for device, present in available.items() if present)
    if not available[name]:
        raise LatentExplorerError(f"this machine has no {name} device: use --device cpu, or auto")
    return torch.device(name)


def start(config: RunConfig) -> TrainState:
    """Return the state before the first step: weights, noise and order all follow from the seed."""
    device = choose_device(config.train.device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.train.seed)
        model = Autoencoder(config.model).to(device)
    noise = torch.Generator(device).manual_seed(config.train.seed)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=config.train.learning_rate, weight_decay=config.train.weight_decay, fused=True
    )
    return TrainState(config, model, optimizer, noise)


def _epoch_order(config: RunConfig, epoch: int, count: int) -> Tensor:
    """Return the shuffled image numbers of one epoch; a function of the seed and the epoch alone."""
    mixed = (config.train.seed * 1_000_003 + epoch) % 2**63
    return torch.randperm(count, generator=torch.Generator().manual_seed(mixed))


def prepare_batch(images: Tensor, pixels: str, noise: torch.Generator) -> Tensor:
    """Turn uint8 images (N, 784) into a batch (N, 1, 28, 28): binarised anew, or grey values in [0, 1].

    Dynamic binarisation draws each pixel as a coin with its grey value as probability
    (Salakhutdinov & Murray 2008). A uniform draw from 0..254 is below ``v`` with probability v / 255 exactly.
    """
    if pixels == "binary":
        uniform = torch.randint(0, 255, images.shape, generator=noise, dtype=torch.uint8, device=images.device)
        return (uniform < images).float().reshape(-1, *IMAGE_SHAPE)
    return images.float().div_(255).reshape(-1, *IMAGE_SHAPE)


def _autocast(config: RunConfig, device: torch.device) -> AbstractContextManager[object]:
    if config.train.precision == "bf16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()


def train_step(state: TrainState, images: Tensor, beta: float, learning_rate: float) -> tuple[Tensor, Tensor]:
    """Take one optimiser step on uint8 images (N, 784); return mean reconstruction and KL before the step.

    Raises NonFiniteLossError, before any weight changes, where the loss is not a finite number.
    """
    state.model.train()
    x = prepare_batch(images, state.model.likelihood.pixels, state.noise)
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate
    with _autocast(state.config, x.device):
        terms = elbo_terms(state.model, x, generator=state.noise)
        loss = terms.loss(beta).mean()
    if not math.isfinite(loss.item()):
        raise NonFiniteLossError(
            f"the loss became {loss.item()} at step {state.step + 1}: lower the learning rate, or clip gradients"
        )
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    if state.config.train.clip_norm > 0:
        torch.nn.utils.clip_grad_norm_(state.model.parameters(), state.config.train.clip_norm)
    state.optimizer.step()
    state.step += 1
    return terms.reconstruction.detach().mean(), terms.kl.detach().mean()


@torch.no_grad()
def evaluation_loss(state: TrainState, x: Tensor) -> float:
    """Return the mean of ``reconstruction + kl`` on images (N, 1, 28, 28), one draw of z each, in nats."""
    state.model.eval()
    generator = torch.Generator(x.device).manual_seed(EVALUATION_SEED)
    losses = [elbo_terms(state.model, chunk, generator=generator).loss(1.0) for chunk in x.split(1000)]
    return float(torch.cat(losses).mean())


def _split(images: Tensor, state: TrainState) -> tuple[Tensor, Tensor | None]:
    """Return uint8 training rows (N, 784), and validation images as the model sees them, on its device."""
    held_out = state.config.train.validation
    if held_out >= len(images):
        raise LatentExplorerError(
            f"{held_out} validation images leave none of the {len(images)} to train on: set fewer aside"
        )
    rows = images.flatten(1).to(state.device)
    if held_out == 0:
        return rows, None
    kept = rows[-held_out:].reshape(-1, *IMAGE_SHAPE[1:])
    binary = state.model.likelihood.pixels == "binary"
    validation = binarize_once(kept.cpu()).to(state.device) if binary else kept.float().div(255).unsqueeze(1)
    return rows[:-held_out], validation


class _Meter:
    """Averages over the steps since the last report, without forcing the device to wait at each."""

    def __init__(self) -> None:
        self.terms: list[tuple[Tensor, Tensor]] = []
        self.samples = 0
        self.began = time.perf_counter()

    def add(self, terms: tuple[Tensor, Tensor], samples: int) -> None:
        self.terms.append(terms)
        self.samples += samples

    def reset(self) -> tuple[float, float, float, float]:
        """Return mean reconstruction, mean KL, samples and seconds since the last reset."""
        reconstruction, kl = torch.tensor(self.terms).mean(0).tolist()
        now = time.perf_counter()
        seconds, samples = now - self.began, self.samples
        self.terms, self.samples, self.began = [], 0, now
        return reconstruction, kl, samples, seconds


def fit(state: TrainState, images: Tensor, report_every: int = 100) -> Iterator[Progress]:
    """Train ``state`` in place on uint8 images (N, 28, 28), yielding progress every so many steps and epoch.

    Whoever consumes the generator may save ``state`` at any yield; continuing from that checkpoint gives
    bit-identical weights (CPU, float32). With early stopping the best weights are put back at the end.

    Raises NonFiniteLossError where the loss stops being finite, LatentExplorerError where there is no image left
    to train on.
    """
    config = state.config
    rows, validation = _split(images, state)
    batch = config.train.batch_size
    steps_per_epoch = math.ceil(len(rows) / batch)
    total = steps_per_epoch * config.train.epochs
    meter = _Meter()
    while state.step < total:
        epoch, first = divmod(state.step, steps_per_epoch)
        order = _epoch_order(config, epoch, len(rows)).to(rows.device)
        for chosen in order.split(batch)[first:]:
            epochs = state.step / steps_per_epoch
            beta, rate = beta_at(config.train, epochs), learning_rate_at(config.train, epochs)
            meter.add(train_step(state, rows[chosen], beta, rate), len(chosen))
            epoch_ends = state.step % steps_per_epoch == 0
            if epoch_ends or state.step % report_every == 0:
                loss = evaluation_loss(state, validation) if epoch_ends and validation is not None else None
                progress = _report(state, meter, total, steps_per_epoch, (beta, rate), loss)
                yield progress
                if progress.stopped_early:
                    break
        else:
            continue
        break
    if state.best_weights:
        state.model.load_state_dict(state.best_weights)
    state.model.eval()


def _report(
    state: TrainState,
    meter: _Meter,
    total: int,
    steps_per_epoch: int,
    controls: tuple[float, float],
    validation_loss: float | None,
) -> Progress:
    """Close the books since the last report; remember the best weights where early stopping asks for them."""
    reconstruction, kl, samples, seconds = meter.reset()
    state.seconds += seconds
    epoch = state.step // steps_per_epoch
    patience = state.config.train.patience
    # While beta still warms up, the loss at beta = 1 says little about where training is going.
    warming = beta_at(state.config.train, epoch) < state.config.train.beta
    improved = validation_loss is not None and validation_loss < state.best_loss
    if improved and validation_loss is not None:
        state.best_loss, state.best_epoch = validation_loss, epoch
        if patience:
            state.best_weights = {name: value.clone() for name, value in state.model.state_dict().items()}
    waited = validation_loss is not None and epoch - state.best_epoch >= patience
    return Progress(
        step=state.step,
        total_steps=total,
        epoch=epoch,
        beta=controls[0],
        learning_rate=controls[1],
        reconstruction=reconstruction,
        kl=kl,
        samples_per_second=samples / max(seconds, 1e-9),
        seconds=state.seconds,
        validation_loss=validation_loss,
        improved=improved,
        stopped_early=bool(patience and waited and not warming),
    )
