"""The one trainer: runs `fit` on a run directory, records what it does there, and obeys the control file."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from vae_core import run_keyframes
from vae_core.checkpoints import save_state
from vae_core.data import binarize_once, load_images, to_pixels
from vae_core.errors import LatentExplorerError
from vae_core.objectives import elbo_terms
from vae_core.registry import CHECKPOINT_NAME
from vae_core.run_control import ControlWatch, change_control
from vae_core.run_folder import own_process, ownership, read_state, write_state
from vae_core.run_queue import turn
from vae_core.run_records import (
    EVENTS_NAME,
    METRICS_NAME,
    CodesReader,
    append_codes,
    append_line,
    read_events,
    read_metrics,
    thin_codes,
)
from vae_core.training import (
    EVALUATION_SEED,
    Controls,
    NonFiniteLossError,
    Pace,
    Progress,
    TrainState,
    fit,
    settings_at,
)

LOOK_SECONDS = 0.1
"""How often the control file is looked at, and a line of metrics written."""
SNAPSHOT_SECONDS = 0.27
KEYFRAME_SECONDS = 2.0
CHECKPOINT_SECONDS = 10.0
"""A checkpoint is written at least this often, and always at the end."""
PROBES = 2000
MEASURED = 500
"""How many of the probe digits the test figures in the metrics log are measured on."""
_THIN_EVERY = 100


class StopRequestedError(Exception):
    """Somebody asked the trainer to stop; not an error of theirs."""


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


class _Clock:
    """Says when a thing is due that happens every so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.last = -math.inf

    def is_due(self) -> bool:
        now = time.monotonic()
        if now - self.last < self.seconds:
            return False
        self.last = now
        return True


class Recorder:
    """Writes what a run has become into its directory."""

    def __init__(self, run: Path, state: TrainState) -> None:
        self.run, self.state = run, state
        self.probes = _probes(state)
        self.snapshots = len(CodesReader(run).read())
        self._snapshot, self._keyframe = _Clock(SNAPSHOT_SECONDS), _Clock(KEYFRAME_SECONDS)
        self._checkpoint = _Clock(CHECKPOINT_SECONDS)
        self._checkpoint.is_due()

    @torch.no_grad()
    def snapshot(self) -> dict[str, float]:
        """Append the probes' codes; return the test figures, in nats per image."""
        model = self.state.model.eval()
        figures = self._test_figures()
        if model.config.latent_dim == 2:
            codes, _ = model.encode(self.probes.grey)
            append_codes(self.run, self.state.step, codes.cpu())
            self.snapshots += 1
            if self.snapshots % _THIN_EVERY == 0:
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
            run_keyframes.save(self.run, self.state.step, self.state.model)

    def record(self, progress: Progress, whole: bool = False) -> None:
        """Append a line of metrics, and what else is due; ``whole``: all of it, due or not."""
        due = self._snapshot.is_due() or whole
        figures = self.snapshot() if due else {}
        append_line(self.run / METRICS_NAME, {**asdict(progress), **figures})
        if self._keyframe.is_due() or whole:
            run_keyframes.save(self.run, self.state.step, self.state.model)
        if self._checkpoint.is_due():
            self.save()

    def save(self) -> None:
        """Write a checkpoint, from which the run goes on exactly."""
        save_state(self.run / CHECKPOINT_NAME, self.state)


class _Steering:
    """Brings what the control file asks for into the training state, and writes down when it did."""

    def __init__(self, run: Path, state: TrainState, pace: Pace) -> None:
        self.run, self.state, self.pace = run, state, pace
        self.watch = ControlWatch(run)
        self.watch.look()
        self.steps_taken = self.watch.control.steps
        # Changes after the checkpoint happen again at the same steps, so that the run becomes what it was.
        self.to_repeat = [event for event in read_events(run) if event["step"] >= state.step]
        self.apply()

    def apply(self) -> bool:
        """Set beta and learning rate as they are to be after this step; return whether they changed."""
        before = self.state.controls
        while self.to_repeat and self.to_repeat[0]["step"] <= self.state.step:
            event = self.to_repeat.pop(0)
            self.state.controls = Controls(event["beta"], event["learning_rate"])
        self.pace.at = self.to_repeat[0]["step"] if self.to_repeat else None
        if not self.to_repeat:
            wanted = Controls(self.watch.control.beta, self.watch.control.learning_rate)
            if wanted != self.state.controls:
                self.state.controls = wanted
                append_line(self.run / EVENTS_NAME, {"step": self.state.step, **vars(wanted)})
        return self.state.controls != before

    def is_paused(self) -> bool:
        """Return whether the trainer has to wait: it is paused, and has taken all the single steps asked for."""
        control = self.watch.control
        return control.paused and self.steps_taken >= control.steps


def train(run: Path, state: TrainState, report_every: int | None = None, waits: bool = False) -> Iterator[Progress]:
    """Train ``state`` to the end of its configuration in its run directory; yield what `fit` yields.

    Everything is recorded as it happens and the control file is obeyed, ten times a second, or every so many steps.
    Every line of the metrics log is one JSON object with at least ``step`` and ``beta``, and but for the first
    ``reconstruction`` and ``kl``, in nats per image. A run that ``waits`` takes its turn in the queue.

    Raises what `fit` and `load_images` raise, and LatentExplorerError where the folder cannot be written to, or
    another process trains the run; the last good checkpoint stays.
    """
    if _has_stopped_early(run):
        return
    images, _ = load_images(state.config.train.data, split="train")
    with ownership(run):
        status = _Status(run, state)
        try:
            with turn(run, status.state, waits, lambda: _wait_in_queue(run)):
                yield from _train(run, state, images, status, report_every)
        except StopRequestedError:
            status.write("stopped", "as it was asked to")
        except GeneratorExit:
            status.write("stopped", "its trainer was interrupted: resume it")
            raise
        except KeyboardInterrupt:
            status.write("stopped", "it was interrupted: resume it")
            raise
        except NonFiniteLossError as error:
            status.write("failed", str(error))
            raise
        except OSError as error:
            sentence = f"cannot write to {run}: {error.strerror or error}; free space, then continue"
            with suppress(LatentExplorerError, OSError):
                status.write("failed", sentence)
            raise LatentExplorerError(sentence) from error


class _Status:
    """Writes where the run stands, when that changes."""

    def __init__(self, run: Path, state: TrainState) -> None:
        self.run, self.train = run, state
        self.state = replace(read_state(run), **own_process())

    def write(self, status: str, reason: str = "") -> None:
        if (status, reason) == (self.state.status, self.state.reason) and status != "finished":
            return
        self.state = replace(self.state, status=status, reason=reason, step=self.train.step, since=time.time())
        write_state(self.run, self.state)


def _wait_in_queue(run: Path) -> None:
    watch = ControlWatch(run)
    if watch.look() and watch.control.stop:
        raise StopRequestedError
    time.sleep(LOOK_SECONDS)


def _train(
    run: Path, state: TrainState, images: Tensor, status: _Status, report_every: int | None
) -> Iterator[Progress]:
    pace = Pace(2**62, LOOK_SECONDS) if report_every is None else Pace(report_every)
    usual = pace.seconds
    steering, recorder = _Steering(run, state, pace), Recorder(run, state)
    total = -(-_training_images(state, images) // state.config.train.batch_size) * state.config.train.epochs
    status.state = replace(status.state, total_steps=total)
    status.write("running", steering.watch.problem)
    recorder.begin()
    progress: Progress | None = None
    with closing(fit(state, images, pace=pace)) as steps:
        _obey(steering, recorder, status, usual)
        for progress in steps:
            recorder.record(progress, whole=pace.seconds == 0)
            yield progress
            _obey(steering, recorder, status, usual)
    if progress is not None:
        run_keyframes.save(run, state.step, state.model)
    recorder.save()
    status.write("finished")


def _training_images(state: TrainState, images: Tensor) -> int:
    return len(images) - state.config.train.validation


def _obey(steering: _Steering, recorder: Recorder, status: _Status, usual: float) -> None:
    """Do what the control file asks for; returns when training is to go on. Raises StopRequestedError."""
    pace = steering.pace
    if pace.seconds == 0:
        steering.steps_taken += 1
    while True:
        steering.watch.look()
        if steering.watch.control.stop:
            recorder.save()
            raise StopRequestedError
        steering.apply()
        if not steering.is_paused():
            break
        if status.state.status != "paused":
            recorder.save()
        status.write("paused", steering.watch.problem)
        time.sleep(LOOK_SECONDS / 2)
    single = steering.watch.control.paused
    pace.seconds = 0 if single else usual
    if not single:
        steering.steps_taken = steering.watch.control.steps
        status.write("running", steering.watch.problem)


def _has_stopped_early(run: Path) -> bool:
    return any(line.get("stopped_early") for line in read_metrics(run)[-1:])


def prepare_to_resume(run: Path) -> None:
    """Take back what would stop or pause a run that is to go on."""
    change_control(run, stop=False, paused=False)
