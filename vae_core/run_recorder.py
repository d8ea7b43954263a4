"""What a trainer writes into its run directory as it goes: metrics, snapshots, keyframes and checkpoints."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from vae_core import run_files, run_keyframes
from vae_core.checkpoints import save_state
from vae_core.data import binarize_once, load_images, to_pixels
from vae_core.objectives import elbo_terms
from vae_core.run_folder import Ownership
from vae_core.run_records import (
    EVENTS_NAME,
    METRICS_NAME,
    MOST_SNAPSHOTS,
    CodesReader,
    append_codes,
    append_line,
    keep_codes,
    keep_lines,
    parse_codes,
    read_events,
    read_metrics,
    thin_codes,
)
from vae_core.training import Progress, settings_at
from vae_core.training_state import TrainState
from vae_core.training_step import EVALUATION_SEED

SNAPSHOT_SECONDS = 0.31
KEYFRAME_SECONDS = 2.0
CHECKPOINT_SECONDS = 10.0
"""A checkpoint is written at least this often, and always at the end."""
PROBES = 2000
MEASURED = 250
"""How many of the probe digits the test figures in the metrics log are measured on."""


@dataclass(frozen=True)
class Probes:
    """The digits whose codes a run records: the first of its test set."""

    grey: Tensor
    """(N, 1, 28, 28) in [0, 1], which are encoded."""
    measured: Tensor
    """The first of them as the model's likelihood sees them."""


def probe_images(data: str) -> tuple[Tensor, Tensor]:
    """Return the probe digits of a data set, uint8 (N, 28, 28), and their labels (N,)."""
    images, labels = load_images(data, split="test")
    return images[:PROBES], labels[:PROBES]


def _probes(state: TrainState) -> Probes:
    images, _ = probe_images(state.config.train.data)
    binary = state.model.likelihood.pixels == "binary"
    measured = binarize_once(images[:MEASURED]) if binary else to_pixels(images[:MEASURED])
    return Probes(to_pixels(images).to(state.device), measured.to(state.device))


def drop_after(run: Path, step: int) -> None:
    """Drop what a run recorded after ``step``, from where it goes on, and what a killed trainer left half written.

    It is recorded again, identically but for the moments. Changes made by hand stay, for they happen again at the
    same steps. For the trainer that owns the run.
    """
    run_files.sweep(run)
    for name, lines in ((METRICS_NAME, read_metrics(run)), (EVENTS_NAME, read_events(run))):
        kept = [line for line in lines if name == EVENTS_NAME or 0 < step >= line["step"]]
        path = run / name
        if path.exists() and (len(kept) < len(lines) or not path.read_bytes().endswith(b"\n")):
            keep_lines(path, kept)
    codes = run / run_files.CODES_NAME
    content = codes.read_bytes() if codes.exists() else b""
    snapshots, whole = parse_codes(content)
    early = [snapshot for snapshot in snapshots if 0 < step >= snapshot[0]]
    if len(early) < len(snapshots) or whole < len(content):
        keep_codes(run, early)
    run_keyframes.drop_after(run, step if step else -1)


class Clock:
    """Says when a thing is due that happens every so many seconds on average, however seldom it is asked."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._next = -math.inf

    def is_due(self) -> bool:
        """Return whether it is time again; what was missed, as in a pause, is not made up for."""
        now = time.monotonic()
        if now < self._next:
            return False
        is_late = now - self._next > self.seconds
        self._next = (now if is_late else self._next) + self.seconds
        return True


class Recorder:
    """Writes what a run has become into its directory."""

    def __init__(self, run: Path, state: TrainState, hold: Ownership) -> None:
        self.run, self.state, self.hold = run, state, hold
        self.probes = _probes(state)
        self.snapshots = len(CodesReader(run).read())
        self._snapshot, self._keyframe = Clock(SNAPSHOT_SECONDS), Clock(KEYFRAME_SECONDS)
        self._checkpoint = Clock(CHECKPOINT_SECONDS)
        self._checkpoint.is_due()

    @torch.no_grad()
    def snapshot(self) -> dict[str, float]:
        """Append the probes' codes; return the test figures, in nats per image, none where one is not finite."""
        # Training and evaluation compute the same; while a model trains, its products are the quicker ones.
        model = self.state.model.train()
        figures = self._test_figures()
        if not all(map(math.isfinite, figures.values())):
            return {}
        if model.config.latent_dim == 2:
            codes, _ = model.encode(self.probes.grey)
            append_codes(self.run, self.state.step, codes.cpu())
            self.snapshots += 1
            if self.snapshots > MOST_SNAPSHOTS:
                self.snapshots = thin_codes(self.run)
        return figures

    def _test_figures(self) -> dict[str, float]:
        generator = torch.Generator(self.state.device).manual_seed(EVALUATION_SEED)
        terms = elbo_terms(self.state.model, self.probes.measured, generator=generator)
        return {"test_reconstruction": terms.reconstruction.mean().item(), "test_kl": terms.kl.mean().item()}

    def begin(self) -> None:
        """Record the model before its first step, where nothing is recorded yet."""
        if not self.snapshots and self.state.step == 0:
            self._snapshot.is_due()
            beta, rate = settings_at(self.state, 0.0)
            start = {"step": 0, "epoch": 0, "beta": beta, "learning_rate": rate, "seconds": 0.0}
            append_line(self.run / METRICS_NAME, {**start, **self.snapshot()})
        if self._keyframe.is_due():
            self.keep()

    def record(self, progress: Progress, whole: bool = False) -> None:
        """Append a line of metrics, and what else is due; ``whole``: all of it, due or not.

        Raises RunGoneError where the directory was deleted.
        """
        self.hold.check()
        ends = progress.stopped_early or progress.step == progress.total_steps
        due = self._snapshot.is_due() or whole or ends
        figures = self.snapshot() if due else {}
        append_line(self.run / METRICS_NAME, {**asdict(progress), **figures})
        if self._keyframe.is_due() or whole:
            self.keep()
        if self._checkpoint.is_due():
            self.save()

    def keep(self) -> None:
        """Keep the weights as they are after this step."""
        run_keyframes.save(self.run, self.state.step, self.state.model)

    def save(self) -> None:
        """Write a checkpoint, from which the run goes on exactly."""
        save_state(self.run / run_files.CHECKPOINT_NAME, self.state, makes_folder=False)

    def end(self) -> None:
        """Keep the model that training ended with."""
        self.hold.check()
        self.keep()
        self.save()
