"""The training loop: `fit` is a generator of progress that never prints, draws or sleeps."""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from vae_core.adamw import AdamW
from vae_core.config import RunConfig, check_course, check_setting
from vae_core.data import binarize_once, to_pixels
from vae_core.errors import ConfigError, DataError, LatentExplorerError
from vae_core.models import IMAGE_SHAPE, Autoencoder
from vae_core.objectives import ElboTerms, elbo_terms
from vae_core.schedules import beta_at, course_of_beta, learning_rate_at

EVALUATION_SEED = 20130
"""Seeds the noise of every evaluation, so that it neither disturbs training nor differs between epochs."""


BALANCE = 0.2
"""The power of 1 + beta that an any-beta model's loss is divided by."""
DRAWN_BELOW = ((0.05, 0.08), (30.0, 0.95))
"""Betas, and the share of an any-beta model's draws below each: beyond them the code hardly changes with beta."""


@dataclass(frozen=True)
class Controls:
    """What a person has set in place of the schedules' values while a model trains; None leaves the schedule alone."""

    beta: float | None = None
    learning_rate: float | None = None
    beta_schedule: str = "constant"
    """How beta gets to its value, from `beta_from` at `beta_since`, both in the words of `course_of_beta`."""
    beta_epochs: float = 0.0
    """How long that takes; a period, where it is cyclical."""
    beta_since: float = 0.0
    """After how many epochs it was set."""
    beta_from: float = 0.0
    """What beta was then."""

    def __post_init__(self) -> None:
        for name in ("beta", "learning_rate"):
            if (value := getattr(self, name)) is not None:
                check_setting(name, value)
        check_course(self.beta_schedule, self.beta_epochs, self.beta)

    def beta_at(self, epochs: float) -> float | None:
        """Return beta after so many epochs of training, None where that is left to the configured schedule."""
        if self.beta is None:
            return None
        passed = epochs - self.beta_since
        return course_of_beta(self.beta_schedule, passed, self.beta_epochs, self.beta_from, self.beta)


@dataclass
class Pace:
    """When `fit` reports besides the ends of epochs; whoever consumes it may change this between two reports."""

    steps: int = 100
    """At every multiple of so many steps."""
    seconds: float = math.inf
    """Once so much time has passed since the last report; 0 reports every step."""
    at: int | None = None
    """At this step."""

    def is_due(self, step: int, seconds: float) -> bool:
        """Return whether to report after ``step``, so many seconds after the last report."""
        return step % self.steps == 0 or seconds >= self.seconds or step == self.at


class NonFiniteLossError(LatentExplorerError):
    """The loss or the weights stopped being numbers; the last checkpoint written is a good one."""


@dataclass
class TrainState:
    """Everything that changes while a model trains: all that resuming needs, and nothing else."""

    config: RunConfig
    model: Autoencoder
    noise: torch.Generator
    step: int = 0
    seconds: float = 0.0
    best_loss: float = math.inf
    best_epoch: int = 0
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    controls: Controls = field(default_factory=Controls)

    @cached_property
    def optimizer(self) -> torch.optim.Optimizer:
        """AdamW, made when it is first asked for: what PyTorch imports for it takes as long as the rest of a start."""
        train = self.config.train
        return AdamW(self.model.parameters(), lr=train.learning_rate, weight_decay=train.weight_decay, fused=True)

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
    """``reconstruction + beta * kl`` on the validation images, at the beta that training ends with; None but at the
    end of an epoch that has them."""
    improved: bool = False
    stopped_early: bool = False


def choose_device(name: str) -> torch.device:
    """Return the device ``name``, or for "auto" the first of CUDA, MPS and CPU that this machine has.

    Raises ConfigError where the machine lacks the device that was named.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(device for device, present in available.items() if present)
    if not available[name]:
        raise ConfigError(f"this machine has no {name} device: use --device cpu, or auto")
    return torch.device(name)


def start(config: RunConfig) -> TrainState:
    """Return the state before the first step: weights, noise and order all follow from the seed."""
    device = choose_device(config.train.device)
    with torch.random.fork_rng(devices=[]):
        # Layers draw their weights on the CPU from this generator; torch.manual_seed would disturb other devices too.
        torch.default_generator.manual_seed(config.train.seed)
        model = Autoencoder(config.model).to(device)
    noise = torch.Generator(device).manual_seed(config.train.seed)
    return TrainState(config, model, noise)


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


def draw_log_beta(beta_range: tuple[float, ...], count: int, noise: torch.Generator) -> Tensor | None:
    """Draw a log beta per image from an any-beta model's range, (count, 1); None for a model of one beta.

    Between the betas of `DRAWN_BELOW` that the range has, and beyond them, draws are uniform in log beta.
    """
    if not beta_range:
        return None
    low, high = beta_range
    knots = [(low, 0.0), *(knot for knot in DRAWN_BELOW if low < knot[0] < high), (high, 1.0)]
    ends = torch.tensor([math.log(beta) for beta, _ in knots], device=noise.device)
    shares = torch.tensor([share for _, share in knots], device=noise.device)
    drawn = torch.rand(count, 1, generator=noise, device=noise.device)
    piece = (torch.searchsorted(shares, drawn, right=True) - 1).clamp(0, len(knots) - 2)
    within = (drawn - shares[piece]) / (shares[piece + 1] - shares[piece])
    return ends[piece] + within * (ends[piece + 1] - ends[piece])


def balanced_loss(terms: ElboTerms, beta: Tensor) -> Tensor:
    """Return the mean loss over images with a beta each, (N,), none of which takes all the gradient.

    ``reconstruction + beta * kl`` grows with beta, so large betas would take the gradient; divided by 1 + beta, small
    ones would. A power of it between the two lets all betas over four decades train alike.
    """
    return (terms.loss(beta) / (1 + beta) ** BALANCE).mean()


def _autocast(config: RunConfig, device: torch.device) -> AbstractContextManager[object]:
    if config.train.precision == "bf16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()


def train_step(state: TrainState, images: Tensor, beta: float, learning_rate: float) -> tuple[Tensor, Tensor]:
    """Take one optimiser step on uint8 images (N, 784); return mean reconstruction and KL before the step.

    Raises NonFiniteLossError, before any weight changes, where the loss is not a finite number.
    """
    if not state.model.training:
        state.model.train()
    x = prepare_batch(images, state.model.likelihood.pixels, state.noise)
    (group,) = state.optimizer.param_groups
    group["lr"] = learning_rate
    log_beta = draw_log_beta(state.model.config.beta_range, len(x), state.noise)
    with _autocast(state.config, x.device):
        terms = elbo_terms(state.model, x, generator=state.noise, log_beta=log_beta)
        reconstruction, kl = terms.reconstruction.mean(), terms.kl.mean()
        loss = reconstruction + beta * kl if log_beta is None else balanced_loss(terms, log_beta.exp().squeeze(1))
    if not math.isfinite(loss.item()):
        raise NonFiniteLossError(
            f"the loss became {loss.item()} at step {state.step + 1}: lower the learning rate, or clip gradients"
        )
    for weights in group["params"]:
        weights.grad = None
    loss.backward()
    if state.config.train.clip_norm > 0:
        torch.nn.utils.clip_grad_norm_(state.model.parameters(), state.config.train.clip_norm)
    state.optimizer.step()
    state.step += 1
    return reconstruction.detach(), kl.detach()


@torch.no_grad()
def evaluation_loss(state: TrainState, x: Tensor) -> float:
    """Return the mean loss on images (N, 1, 28, 28) at the beta training ends with, one draw of z each, in nats."""
    state.model.eval()
    generator = torch.Generator(x.device).manual_seed(EVALUATION_SEED)
    terms = [elbo_terms(state.model, chunk, generator=generator) for chunk in x.split(1000)]
    return float(torch.cat([term.loss(state.config.train.beta) for term in terms]).mean())


def _split(images: Tensor, state: TrainState) -> tuple[Tensor, Tensor | None]:
    """Return uint8 training rows (N, 784), and validation images as the model sees them, on its device."""
    held_out = state.config.train.validation
    if len(images) == 0:
        raise DataError("there are no images to train on: choose a data set that has some")
    if held_out >= len(images):
        raise ConfigError(f"{held_out} validation images leave none of the {len(images)} to train on: set fewer aside")
    rows = images.flatten(1).to(state.device)
    if held_out == 0:
        return rows, None
    kept = images[-held_out:]
    validation = binarize_once(kept) if state.model.likelihood.pixels == "binary" else to_pixels(kept)
    return rows[:-held_out], validation.to(state.device)


class _Meter:
    """Averages over the steps since the last report; its clock stands still while a report is read."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Forget everything and start the clock."""
        self.terms: list[tuple[Tensor, Tensor]] = []
        self.samples = 0
        self.began = time.perf_counter()

    def add(self, terms: tuple[Tensor, Tensor], samples: int) -> None:
        self.terms.append(terms)
        self.samples += samples

    def read(self) -> tuple[float, float, float]:
        """Return mean reconstruction, mean KL and the seconds since the start."""
        reconstruction, kl = torch.tensor(self.terms).mean(0).tolist()
        return reconstruction, kl, time.perf_counter() - self.began


def settings_at(state: TrainState, epochs: float) -> tuple[float, float]:
    """Return beta and the learning rate after ``epochs``: as they were set by hand, else the schedules' values."""
    train, controls = state.config.train, state.controls
    beta = controls.beta_at(epochs)
    beta = beta_at(train, epochs) if beta is None else beta
    rate = learning_rate_at(train, epochs) if controls.learning_rate is None else controls.learning_rate
    return beta, rate


def fit(
    state: TrainState, images: Tensor, report_every: int = 100, pace: Pace | None = None
) -> Generator[Progress, None, None]:
    """Train ``state`` in place on uint8 images (N, 28, 28), yielding progress every so many steps and epoch.

    Whoever consumes the generator may save ``state`` or set its controls at any yield; continuing from that
    checkpoint gives bit-identical weights (CPU, float32). With early stopping the best weights are put back at the
    end. ``pace`` replaces ``report_every``.

    Raises NonFiniteLossError where the loss stops being finite, DataError or ConfigError where there is no image
    left to train on.
    """
    config = state.config
    rows, validation = _split(images, state)
    batch = config.train.batch_size
    steps_per_epoch = math.ceil(len(rows) / batch)
    total = steps_per_epoch * config.train.epochs
    meter, pace = _Meter(), pace or Pace(report_every)
    while state.step < total and not _out_of_patience(state, state.step // steps_per_epoch):
        epoch, first = divmod(state.step, steps_per_epoch)
        for chosen in _epoch_order(config, epoch, len(rows)).to(rows.device).split(batch)[first:]:
            beta, rate = settings_at(state, state.step / steps_per_epoch)
            meter.add(train_step(state, rows.index_select(0, chosen), beta, rate), len(chosen))
            epoch_ends = state.step % steps_per_epoch == 0
            if epoch_ends or pace.is_due(state.step, time.perf_counter() - meter.began):
                loss = evaluation_loss(state, validation) if epoch_ends and validation is not None else None
                yield _report(state, meter, total, steps_per_epoch, (beta, rate), loss)
                meter.restart()
    if state.best_weights:
        state.model.load_state_dict(state.best_weights)
    state.model.eval()


def _out_of_patience(state: TrainState, epochs: int) -> bool:
    """Return whether early stopping ends training after ``epochs``: a function of the state, so that it survives it.

    While beta warms up the loss at its final value falls behind, so patience begins when the warm-up ends.
    """
    train = state.config.train
    warm = math.ceil(train.beta_warmup) if train.beta_schedule == "linear" else 0
    return train.patience > 0 and epochs - max(state.best_epoch, warm) >= train.patience


def _report(
    state: TrainState,
    meter: _Meter,
    total: int,
    steps_per_epoch: int,
    controls: tuple[float, float],
    validation_loss: float | None,
) -> Progress:
    """Close the books since the last report; remember the best weights where early stopping asks for them.

    Raises NonFiniteLossError rather than let anyone save weights that a step has just made useless.
    """
    if not all(weights.isfinite().all() for weights in state.model.parameters()):
        raise NonFiniteLossError(
            f"the weights stopped being numbers by step {state.step}: lower the learning rate, or clip gradients"
        )
    reconstruction, kl, seconds = meter.read()
    state.seconds += seconds
    epoch = state.step // steps_per_epoch
    improved = validation_loss is not None and validation_loss < state.best_loss
    if improved and validation_loss is not None:
        state.best_loss, state.best_epoch = validation_loss, epoch
        if state.config.train.patience:
            state.best_weights = {name: value.clone() for name, value in state.model.state_dict().items()}
    return Progress(
        step=state.step,
        total_steps=total,
        epoch=epoch,
        beta=controls[0],
        learning_rate=controls[1],
        reconstruction=reconstruction,
        kl=kl,
        samples_per_second=meter.samples / max(seconds, 1e-9),
        seconds=state.seconds,
        validation_loss=validation_loss,
        improved=improved,
        stopped_early=_out_of_patience(state, epoch),
    )
