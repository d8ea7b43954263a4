"""A run directory: what its files are called, what the run is called, and where it stands.

Whoever trains appends to these files or replaces them atomically, so that a reader at any moment finds a consistent
beginning of the run.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import psutil
from filelock import FileLock, Timeout

from vae_core.checkpoints import write_atomically
from vae_core.config import RunConfig, from_json, to_json
from vae_core.errors import LatentExplorerError

VERSION = 1
CONFIG_NAME = "config.json"
ABOUT_NAME = "about.json"
STATE_NAME = "state.json"
START_NAME = "start.safetensors"
"""The weights that a forked run starts from."""
LOCK_NAME = ".lock"
ROOT_VARIABLE = "LATENT_EXPLORER_RUNS"
STATUSES = ("queued", "running", "paused", "finished", "stopped", "failed")
GONE = "its trainer is gone, killed or with the machine: resume it"
_PATIENCE = 2.0

T = TypeVar("T")


@dataclass(frozen=True)
class About:
    """What a person calls a run, and which run it was forked from."""

    version: int = VERSION
    name: str = ""
    note: str = ""
    created: float = 0.0
    """Seconds since 1970."""
    parent: str = ""
    """The folder name of the run this one was forked from; empty for none."""
    parent_step: int = 0


@dataclass(frozen=True)
class RunState:
    """Where a run stands, as its trainer wrote it last."""

    version: int = VERSION
    status: str = "stopped"
    reason: str = ""
    """Why it failed or stopped, or what its trainer did not understand."""
    step: int = 0
    total_steps: int = 0
    pid: int = 0
    process_started: float = 0.0
    """When the process of that number started: another one may have the number by now."""
    since: float = 0.0
    """When the status was taken on, in seconds since 1970; the queue's order."""


def root() -> Path:
    """Return the folder that holds the runs: ``runs``, or what the variable LATENT_EXPLORER_RUNS says."""
    return Path(os.environ.get(ROOT_VARIABLE) or "runs")


def new_folder(parent: Path) -> Path:
    """Return a folder under ``parent`` that is not there yet, named after the time of day."""
    stamp = time.strftime("%Y-%m-%d-%H%M%S")
    names = (stamp if number == 1 else f"{stamp}-{number}" for number in range(1, 10_000))
    return next(parent / name for name in names if not (parent / name).exists())


def config_path(run: Path) -> Path:
    """Return where a run keeps its configuration."""
    return run / CONFIG_NAME


def read_json(path: Path, cls: type[T], default: T | None = None) -> T:
    """Return the settings in a file of a run, or ``default`` where there is none.

    Raises LatentExplorerError where the file is missing without a default, damaged, or of a newer version.
    """
    try:
        values = json.loads(path.read_text("utf-8"))
        _refuse_newer(path, values)
        return from_json(cls, values)
    except (FileNotFoundError, NotADirectoryError):
        if default is not None:
            return default
        run = path.parent
        raise LatentExplorerError(
            f"{run} is not a run: start one with `python -m vae_core train --run {run}`"
        ) from None
    except NewerRunError:
        raise
    except (OSError, ValueError, TypeError, LatentExplorerError) as error:
        raise LatentExplorerError(f"{path} is damaged ({error}): delete the run, or put the file back") from error


class NewerRunError(LatentExplorerError):
    """The run directory was written by a newer version of this program."""


def _refuse_newer(path: Path, values: Any) -> None:
    version = values.get("version", VERSION) if isinstance(values, dict) else VERSION
    if isinstance(version, int) and version > VERSION:
        raise NewerRunError(f"{path} was written by a newer version of Latent Explorer: update the app to read the run")


def _write_json(path: Path, value: Any) -> None:
    write_atomically(path, (json.dumps(to_json(value), indent=1, ensure_ascii=False) + "\n").encode())


def read_config(run: Path) -> RunConfig:
    """Return a run's configuration. Raises LatentExplorerError where there is no run or its file is damaged."""
    return read_json(config_path(run), RunConfig)


def write_config(run: Path, config: RunConfig) -> None:
    """Write the configuration, which makes the folder a run."""
    _write_json(config_path(run), config)


def read_about(run: Path) -> About:
    """Return what a run is called; one that nobody named is called after its folder."""
    about = read_json(run / ABOUT_NAME, About, About())
    return about if about.name else replace(about, name=run.name)


def write_about(run: Path, about: About) -> None:
    """Write what a run is called."""
    _write_json(run / ABOUT_NAME, about)


def rename(run: Path, name: str | None = None, note: str | None = None) -> None:
    """Give a run another name or note."""
    about = read_about(run)
    about = about if name is None else replace(about, name=name.strip())
    write_about(run, about if note is None else replace(about, note=note.strip()))


def write_state(run: Path, state: RunState) -> None:
    """Write where the run stands."""
    _write_json(run / STATE_NAME, state)


def read_state(run: Path) -> RunState:
    """Return where a run stands. One whose trainer has died without a word is stopped, not running."""
    state = read_json(run / STATE_NAME, RunState, RunState())
    if state.status in ("running", "paused") and not is_alive(state):
        return replace(state, status="stopped", reason=GONE)
    return state


def is_alive(state: RunState) -> bool:
    """Return whether the process that wrote this state still runs."""
    try:
        started = psutil.Process(state.pid).create_time() if state.pid else 0.0
    except psutil.Error:
        return False
    return bool(state.pid) and abs(started - state.process_started) < 1.0


def own_process() -> dict[str, Any]:
    """Return the fields of a state that name this process."""
    return {"pid": os.getpid(), "process_started": psutil.Process().create_time()}


@contextmanager
def ownership(run: Path) -> Iterator[None]:
    """Hold the run for one trainer; the lock goes with the process, however it ends.

    Raises LatentExplorerError where another process trains it.
    """
    lock = FileLock(run / LOCK_NAME)
    try:
        lock.acquire(timeout=_PATIENCE)
    except Timeout:
        pid = read_state(run).pid
        raise LatentExplorerError(
            f"{run} is being trained by process {pid}: stop that one with `python -m vae_core runs stop {run}`, "
            "or choose another folder"
        ) from None
    except OSError as error:
        raise LatentExplorerError(
            f"cannot write to {run} ({error.strerror or error}): choose a folder that can be written to"
        ) from error
    try:
        yield
    finally:
        lock.release()


def list_runs(parent: Path) -> list[Path]:
    """Return the runs in a folder, the newest first."""
    if not parent.is_dir():
        return []
    found = [path.parent for path in parent.glob(f"*/{CONFIG_NAME}")]
    return sorted(found, key=lambda run: (config_path(run).stat().st_mtime, run.name), reverse=True)


def delete(run: Path) -> None:
    """Delete a run. Raises LatentExplorerError where it is none, or where it is being trained."""
    if not config_path(run).is_file():
        raise LatentExplorerError(f"{run} is not a run: nothing was deleted")
    with ownership(run):
        # Without its configuration it is no run any more, should the rest not go at once.
        config_path(run).unlink()
    shutil.rmtree(run, ignore_errors=True)


def size(run: Path) -> int:
    """Return how many bytes a run takes on disk."""
    return sum(path.stat().st_size for path in run.rglob("*") if path.is_file())
