"""The one trainer: runs `fit` on a run directory, records what it does there, and obeys the control file."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from torch import Tensor

from vae_core.data import load_images
from vae_core.errors import LatentExplorerError
from vae_core.run_control import ControlWatch, change_control
from vae_core.run_files import RESERVE_NAME
from vae_core.run_folder import (
    NewerRunError,
    Ownership,
    RunGoneError,
    RunState,
    own_process,
    ownership,
    read_config,
    read_state,
    write_state,
)
from vae_core.run_queue import turn
from vae_core.run_recorder import PROBES, Recorder, drop_after, probe_images
from vae_core.run_steering import LOOK_SECONDS, Steering, StopRequestedError
from vae_core.training import Pace, Progress, fit
from vae_core.training_state import TrainState

__all__ = ["LOOK_SECONDS", "PROBES", "TerminatedError", "prepare_to_resume", "probe_images", "train"]

_RESERVE = b"\0" * 8192


class TerminatedError(KeyboardInterrupt):
    """The trainer's process was told to end, as when the machine shuts down."""


def train(
    run: Path, state: TrainState, report_every: int | None = None, waits: bool = False, resumes: bool = False
) -> Generator[Progress, None, None]:
    """Train ``state`` to the end of its configuration in its run directory; yield what `fit` yields.

    Everything is recorded as it happens and the control file is obeyed, ten times a second, or every so many steps.
    What the run recorded after ``state`` is dropped first. Every line of the metrics log is one JSON object with at
    least ``step`` and ``beta``, and but for the first ``reconstruction`` and ``kl``, in nats per image. A run that
    ``waits`` takes its turn in the queue; one that ``resumes`` takes back an earlier stop or pause.

    Raises what `fit` and `load_images` raise, and LatentExplorerError where the folder cannot be written to or was
    deleted, or another process trains the run; the last good checkpoint stays.
    """
    with ownership(run) as hold, _Status(run, state, hold) as status:
        images, _ = load_images(state.config.train.data, split="train")
        if read_config(run) != state.config:
            raise LatentExplorerError(
                f"{run} holds a run of another configuration than its checkpoint: put its config.json back, or fork it"
            )
        drop_after(run, state.step)
        if resumes:
            prepare_to_resume(run)
        with turn(run, status.state, waits, lambda: _wait_in_queue(run, hold)):
            yield from _train(run, state, images, status, report_every)


class _Status:
    """Writes where the run stands, when that changes, and why it ended."""

    def __init__(self, run: Path, state: TrainState, hold: Ownership) -> None:
        self.run, self.train, self.hold = run, state, hold
        self._written: tuple[str, str] | None = None

    def __enter__(self) -> _Status:
        try:
            before = read_state(self.run)
        except NewerRunError:
            raise
        except LatentExplorerError:
            before = RunState()
        self.state = replace(before, starts=0, **own_process())
        return self

    def write(self, status: str, reason: str = "") -> None:
        """Write the status down unless it is what was written last."""
        if (status, reason) == self._written:
            return
        self._written = status, reason
        self.state = replace(self.state, status=status, reason=reason, step=self.train.step, since=time.time())
        write_state(self.run, self.state)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        """Write down how training ended; to be stopped is no error.

        Raises LatentExplorerError for an error of the file system.
        """
        is_kept = self.hold.is_kept()
        with suppress(OSError):
            (self.run / RESERVE_NAME).unlink()
        if not is_kept:
            raise RunGoneError(f"{self.run} was deleted while it was trained: nothing more is recorded") from error
        sentence = _sentence(self.run, error) if error else ""
        with suppress(LatentExplorerError, OSError):
            self._write_ending(error, sentence)
        if isinstance(error, OSError):
            raise LatentExplorerError(sentence) from error
        return isinstance(error, StopRequestedError)

    def _write_ending(self, error: BaseException | None, sentence: str) -> None:
        if isinstance(error, TerminatedError) and read_state(self.run).status == "queued":
            return  # It keeps its place for when the machine is back.
        if isinstance(error, StopRequestedError | KeyboardInterrupt | GeneratorExit):
            self.write("stopped", sentence)
        elif error is not None:
            self.write("failed", sentence)


def _sentence(run: Path, error: BaseException) -> str:
    if isinstance(error, StopRequestedError):
        return "as it was asked to"
    if isinstance(error, KeyboardInterrupt | GeneratorExit):
        return "it was interrupted: resume it"
    if isinstance(error, LatentExplorerError):
        return str(error)
    if isinstance(error, OSError):
        return f"cannot write to {run}: {error.strerror or error}; free space, then resume it"
    return f"its trainer ended with {type(error).__name__}: {error}"


def _wait_in_queue(run: Path, hold: Ownership) -> None:
    hold.check()
    watch = ControlWatch(run)
    if watch.look() and watch.control.stop:
        raise StopRequestedError
    time.sleep(LOOK_SECONDS)


def _train(
    run: Path, state: TrainState, images: Tensor, status: _Status, report_every: int | None
) -> Iterator[Progress]:
    (run / RESERVE_NAME).write_bytes(_RESERVE)
    pace = Pace(2**62, LOOK_SECONDS) if report_every is None else Pace(report_every)
    steps_per_epoch = -(-_training_images(state, images) // state.config.train.batch_size)
    recorder, steering = Recorder(run, state, status.hold), Steering(run, state, pace, steps_per_epoch)
    total = steps_per_epoch * state.config.train.epochs
    status.state = replace(status.state, total_steps=total)
    status.write("running", steering.watch.problem)
    recorder.begin()
    with closing(fit(state, images, pace=pace)) as steps:
        _obey(steering, recorder, status)
        for progress in steps:
            recorder.record(progress, whole=steering.is_single)
            yield progress
            if state.step < total:
                _obey(steering, recorder, status)
    recorder.end()
    status.write("finished")


def _training_images(state: TrainState, images: Tensor) -> int:
    return len(images) - state.config.train.validation


def _obey(steering: Steering, recorder: Recorder, status: _Status) -> None:
    """Do what the control file asks for; return when training is to go on, and write down what is waited for."""

    def wait() -> None:
        recorder.hold.check()
        if status.state.status != "paused":
            recorder.save()
        status.write("paused", steering.watch.problem)

    was_single = steering.is_single
    try:
        steering.obey(wait)
    except StopRequestedError:
        recorder.save()
        raise
    if steering.is_single and not was_single:
        recorder.keep()  # for whoever compares the weights after a single step with those before
    if not steering.is_single:
        status.write("running", steering.watch.problem)


def prepare_to_resume(run: Path) -> None:
    """Take back what would stop or pause a run that is to go on."""
    change_control(run, stop=False, paused=False)
