"""The queue of runs: so many train at once, the others wait their turn, across processes and restarts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from vae_core.errors import LatentExplorerError
from vae_core.run_control import change_control
from vae_core.run_folder import RunState, config_path, is_alive, list_runs, own_process, read_state, write_state

TRAINERS_VARIABLE = "LATENT_EXPLORER_TRAINERS"
TRAINER_LOG = "trainer.log"
_SLOTS = ".slots"
_ROOT = Path(__file__).resolve().parent.parent


def most_trainers() -> int:
    """Return how many runs may train at once: half the cores, at least one, or LATENT_EXPLORER_TRAINERS."""
    given = os.environ.get(TRAINERS_VARIABLE, "")
    return max(1, int(given)) if given.isdecimal() else max(1, (os.cpu_count() or 1) // 2)


def _free_slot(folder: Path) -> FileLock | None:
    """Return a slot taken for this process, or None where all are taken; a slot goes with its process."""
    (folder / _SLOTS).mkdir(parents=True, exist_ok=True)
    for number in range(most_trainers()):
        lock = FileLock(folder / _SLOTS / f"{number}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        return lock
    return None


def _is_next(run: Path, since: float) -> bool:
    """Return whether no live trainer has waited longer in this folder."""
    for other in list_runs(run.parent):
        state = read_state(other) if other != run else None
        if state and state.status == "queued" and (state.since, other.name) < (since, run.name) and is_alive(state):
            return False
    return True


@contextmanager
def turn(run: Path, state: RunState, waits: bool, pause: Callable[[], None]) -> Iterator[None]:
    """Hold one of the places for training in the run's folder.

    A run that ``waits`` is queued until one is free, and calls ``pause`` between looks, which may raise to give up.
    Another, started by hand, trains beside those that have one.
    """
    slot = _free_slot(run.parent) if waits and _is_next(run, state.since) else None
    while slot is None and waits:
        if read_state(run).status != "queued":
            write_state(run, replace(state, status="queued", reason="", **own_process()))
        pause()
        slot = _free_slot(run.parent) if _is_next(run, state.since) else None
    try:
        yield
    finally:
        if slot is not None:
            slot.release()


def enqueue(run: Path, since: float) -> None:
    """Mark a run as waiting for a trainer, and start one for it, detached from this process."""
    write_state(run, replace(read_state(run), status="queued", reason="", since=since, pid=0, process_started=0.0))
    launch(run)


def launch(run: Path) -> subprocess.Popen[bytes]:
    """Start a trainer for an existing run in a process of its own, which outlives this one; it waits its turn.

    Raises LatentExplorerError where the process cannot be started.
    """
    if not config_path(run).is_file():
        raise LatentExplorerError(f"{run} is not a run: there is nothing to train")
    command = [sys.executable, "-m", "vae_core", "train", "--run", str(run.resolve()), "--continue", "--queue"]
    try:
        with (run / TRAINER_LOG).open("ab") as log:
            return subprocess.Popen(
                command, cwd=_ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
    except OSError as error:
        raise LatentExplorerError(f"cannot start a trainer for {run}: {error.strerror or error}") from error


def wake(folder: Path) -> list[Path]:
    """Start trainers for the queued runs that have none, after a restart; return these runs."""
    waiting = []
    for run in list_runs(folder):
        state = read_state(run)
        if state.status == "queued" and state.pid and not is_alive(state):
            write_state(run, replace(state, pid=0, process_started=0.0))
            launch(run)
            waiting.append(run)
    return waiting


def stop(run: Path, patience: float) -> None:
    """Ask the trainer of a run to stop, and return once its process has gone; one that does not answer is ended.

    A run that waits in the queue leaves it. Raises LatentExplorerError where the run does not train.
    """
    state = read_state(run)
    if state.status not in ("queued", "running", "paused"):
        raise LatentExplorerError(f"{run} does not train: it is {state.status}")
    change_control(run, stop=True)
    if is_alive(state):
        try:
            psutil.Process(state.pid).wait(patience)
        except psutil.TimeoutExpired:
            psutil.Process(state.pid).terminate()
        except psutil.Error:
            return
    if read_state(run).status == "queued":
        write_state(run, replace(read_state(run), status="stopped", reason="as it was asked to"))
