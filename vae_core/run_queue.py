"""The queue of runs: so many train at once, the others wait their turn, across processes and restarts."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from vae_core.errors import LatentExplorerError
from vae_core.run_control import change_control
from vae_core.run_files import TRAINER_LOG
from vae_core.run_folder import (
    ACTIVE,
    NewerRunError,
    RunState,
    config_path,
    is_alive,
    list_runs,
    own_process,
    process_fields,
    read_state,
    write_state,
)

TRAINERS_VARIABLE = "LATENT_EXPLORER_TRAINERS"
_SLOTS = ".slots"
_DESK = "queue.lock"
_ROOT = Path(__file__).resolve().parent.parent
_MOST_STARTS = 3
_PATIENCE = 10.0
_LAST_PATIENCE = 2.0


def most_trainers() -> int:
    """Return how many runs may train at once: half the cores, at least one, or LATENT_EXPLORER_TRAINERS."""
    given = os.environ.get(TRAINERS_VARIABLE, "")
    return max(1, int(given)) if given.isdecimal() else max(1, (os.cpu_count() or 1) // 2)


@contextmanager
def _desk(folder: Path) -> Iterator[None]:
    """Have the queue of a folder to oneself, for the moments in which a run changes hands.

    Raises LatentExplorerError where somebody else holds it too long, or the folder cannot be written to.
    """
    lock = FileLock(folder / _SLOTS / _DESK)
    try:
        (folder / _SLOTS).mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=_PATIENCE)
    except Timeout:
        raise LatentExplorerError(f"the queue of {folder} is held by another program: try again") from None
    except OSError as error:
        raise LatentExplorerError(
            f"cannot write to {folder} ({error.strerror or error}): choose a folder that can be written to"
        ) from error
    try:
        yield
    finally:
        lock.release()


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


def _state_of(run: Path) -> RunState:
    """Return where a run stands; one whose state cannot be read does not train, and holds up nobody."""
    try:
        return read_state(run)
    except LatentExplorerError:
        return RunState()


def _is_next(run: Path, since: float) -> bool:
    """Return whether no live trainer has waited longer in this folder."""
    others = {other.name: _state_of(other) for other in list_runs(run.parent) if other.name != run.name}
    return not any(
        state.status == "queued" and (state.since, name) < (since, run.name) and is_alive(state)
        for name, state in others.items()
    )


@contextmanager
def turn(run: Path, state: RunState, waits: bool, pause: Callable[[], None]) -> Iterator[None]:
    """Hold one of the places for training in the run's folder.

    A run that ``waits`` is queued until one is free, and calls ``pause`` between looks, which may raise to give up.
    Another, started by hand, trains beside those that have one.
    """
    slot = None
    if waits:
        since = state.since if state.status == "queued" else time.time()
        with _desk(run.parent):
            write_state(run, replace(state, status="queued", reason="", since=since, **own_process()))
        while (slot := _free_slot(run.parent) if _is_next(run, since) else None) is None:
            pause()
    try:
        yield
    finally:
        if slot is not None:
            slot.release()


def enqueue(run: Path, since: float) -> None:
    """Mark a run as waiting for a trainer, and start one for it, detached from this process.

    A run that has a trainer already is left to it. Raises LatentExplorerError where none can be started; the run
    has failed then.
    """
    with _desk(run.parent):
        state = _state_to_replace(run)
        if state.status not in ACTIVE or not is_alive(state):
            _start(run, replace(state, status="queued", reason="", since=since, starts=0))


def _state_to_replace(run: Path) -> RunState:
    try:
        return read_state(run)
    except NewerRunError:
        raise
    except LatentExplorerError:
        return RunState()


def _start(run: Path, state: RunState) -> None:
    """Start a trainer for a queued run and write down its process. For who is at the desk.

    Whoever dies in between leaves a queued run without a process, which `wake` starts again; the trainer's own first
    word waits for the desk, so that it comes last.
    """
    state = replace(state, starts=state.starts + 1, pid=0, process_started=0.0)
    write_state(run, state)
    try:
        process = launch(run)
    except LatentExplorerError as error:
        write_state(run, replace(state, status="failed", reason=str(error)))
        raise
    write_state(run, replace(state, **process_fields(process.pid)))


def launch(run: Path) -> subprocess.Popen[bytes]:
    """Start a trainer for an existing run in a process of its own, which outlives this one; it waits its turn.

    Raises LatentExplorerError where the process cannot be started.
    """
    if not config_path(run).is_file():
        raise LatentExplorerError(f"{run} is not a run: there is nothing to train")
    command = [sys.executable, "-m", "vae_core", "train", "--run", str(run.resolve()), "--continue", "--queue"]
    try:
        with (run / TRAINER_LOG).open("ab") as log:
            process = subprocess.Popen(
                command, cwd=_ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
    except OSError as error:
        raise LatentExplorerError(f"cannot start a trainer for {run}: {error.strerror or error}") from error
    # Somebody has to take note of its end, or it stays in the list of processes as long as this one.
    threading.Thread(target=process.wait, name=f"trainer {process.pid}", daemon=True).start()
    return process


def wake(folder: Path) -> list[Path]:
    """Start trainers for the queued runs that have none, after a restart; return these runs, the longest waiting first.

    One that cannot be started has failed, and so has one whose trainers have ended several times before they began.
    Raises LatentExplorerError where the folder cannot be written to.
    """
    if not _abandoned(folder):
        return []
    woken = []
    with _desk(folder):
        for run in _abandoned(folder):
            with suppress(LatentExplorerError):
                state = read_state(run)
                if state.starts < _MOST_STARTS:
                    _start(run, state)
                    woken.append(run)
                else:
                    reason = _sentence(run, state.starts)
                    write_state(run, replace(state, status="failed", reason=reason, since=time.time()))
    return woken


def _sentence(run: Path, starts: int) -> str:
    return f"{starts} trainers ended before they could begin: {run / TRAINER_LOG} has their last words"


def _abandoned(folder: Path) -> list[Path]:
    states = {run: _state_of(run) for run in list_runs(folder)}
    waiting = [run for run, state in states.items() if state.status == "queued" and not is_alive(state)]
    return sorted(waiting, key=lambda run: (states[run].since, run.name))


def give_up(run: Path, reason: str) -> None:
    """Write down that a queued run cannot be trained, and why, so that nobody starts it again and again.

    For the trainer that was started for it.
    """
    with suppress(LatentExplorerError), _desk(run.parent):
        state = read_state(run)
        if state.status == "queued" and (state.pid == os.getpid() or not is_alive(state)):
            write_state(run, replace(state, status="failed", reason=reason, since=time.time()))


def stop(run: Path, patience: float) -> None:
    """Ask the trainer of a run to stop, and return once its process has gone; one that does not answer is ended.

    A run that waits in the queue leaves it. Raises LatentExplorerError where the run does not train.
    """
    state = read_state(run)
    if state.status not in ACTIVE:
        raise LatentExplorerError(f"{run} does not train: it is {state.status}")
    change_control(run, stop=True)
    if not _is_gone_within(state, patience):
        with suppress(psutil.Error):
            psutil.Process(state.pid).terminate()
        if not _is_gone_within(state, _LAST_PATIENCE):
            with suppress(psutil.Error):
                psutil.Process(state.pid).kill()
            _is_gone_within(state, _LAST_PATIENCE)
    with _desk(run.parent):
        state = read_state(run)
        if state.status == "queued" and not is_alive(state):
            write_state(run, replace(state, status="stopped", reason="as it was asked to", since=time.time()))


def _is_gone_within(state: RunState, seconds: float) -> bool:
    """Return whether the process of a state ends within so many seconds."""
    deadline = time.monotonic() + seconds
    while is_alive(state):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True
