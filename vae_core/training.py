"""The training loop: `fit` is a generator of progress that never prints, draws or sleeps."""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import Tensor

from vae_core.config import RunConfig
from vae_core.data import binarize_once, to_pixels
from vae_core.errors import ConfigError, DataError
from vae_core.schedules import beta_at, learning_rate_at
from vae_core.training_state import TrainState
from vae_core.training_step import NonFiniteLossError, evaluation_loss, train_step


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


def _epoch_order(config: RunConfig, epoch: int, count: int) -> Tensor:
    """Return the shuffled image numbers of one epoch; a function of the seed and the epoch alone."""
    mixed = (config.train.seed * 1_000_003 + epoch) % 2**63
    return torch.randperm(count, generator=torch.Generator().manual_seed(mixed))


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
