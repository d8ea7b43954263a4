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
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import psutil
from filelock import FileLock, Timeout

from vae_core import run_files
from vae_core.config import RunConfig, from_json, to_json
from vae_core.errors import ConfigError, LatentExplorerError
from vae_core.files import write_atomically

VERSION = 1
CONFIG_NAME = run_files.CONFIG_NAME
ABOUT_NAME = run_files.ABOUT_NAME
STATE_NAME = run_files.STATE_NAME
START_NAME = run_files.START_NAME
ROOT_VARIABLE = "LATENT_EXPLORER_RUNS"
ACTIVE = ("queued", "running", "paused")
STATUSES = ("queued", "running", "paused", "finished", "stopped", "failed")
GONE = "its trainer is gone, killed or with the machine: resume it"
_PATIENCE = 2.0
_LONGEST_NAME = 200
_MOST_PROCESSES = 2**31

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
    starts: int = 0
    """How many trainers were started for it since it was queued, none of which has begun."""

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ConfigError(f"unknown status '{self.status}': choose one of {', '.join(STATUSES)}")
        if not 0 <= self.pid < _MOST_PROCESSES:
            raise ConfigError(f"{self.pid} is no number of a process")


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
        if isinstance(values, dict) and "version" not in get_type_hints(cls):
            values.pop("version", None)
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
    except (OSError, ValueError, TypeError, RecursionError, LatentExplorerError) as error:
        raise LatentExplorerError(f"{path} is damaged ({error}): delete the run, or put the file back") from error


class NewerRunError(LatentExplorerError):
    """The run directory was written by a newer version of this program."""


def _refuse_newer(path: Path, values: Any) -> None:
    version = values.get("version", VERSION) if isinstance(values, dict) else VERSION
    if isinstance(version, int | float) and version > VERSION:
        raise NewerRunError(f"{path} was written by a newer version of Latent Explorer: update the app to read the run")


def _write_json(path: Path, value: Any) -> None:
    content = json.dumps({"version": VERSION, **to_json(value)}, indent=1, ensure_ascii=False) + "\n"
    write_atomically(path, content.encode(), makes_folder=path.name == CONFIG_NAME)


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
    """Give a run another name or note; without a name it is called after its folder.

    Raises LatentExplorerError where there is no run, or its name cannot be read or written.
    """
    read_config(run)
    about = read_about(run)
    about = about if name is None else replace(about, name=" ".join(name.split())[:_LONGEST_NAME])
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
    if not state.pid:
        return False
    try:
        process = psutil.Process(state.pid)
        # A process that has ended stays a zombie until whoever started it, perhaps the app, looks at it.
        ended = process.status() == psutil.STATUS_ZOMBIE
        return not ended and abs(process.create_time() - state.process_started) < 1.0
    except psutil.Error:
        return False


def own_process() -> dict[str, Any]:
    """Return the fields of a state that name this process."""
    return process_fields(os.getpid())


def process_fields(pid: int) -> dict[str, Any]:
    """Return the fields of a state that name a process; one that has ended already counts as gone."""
    try:
        return {"pid": pid, "process_started": psutil.Process(pid).create_time()}
    except psutil.Error:
        return {"pid": pid, "process_started": 0.0}


class RunGoneError(LatentExplorerError):
    """The run directory was deleted or replaced under its trainer."""


class Ownership:
    """The hold that a trainer has on its run directory."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self._lock = run / run_files.LOCK_NAME
        self._file = self._look()

    def _look(self) -> tuple[int, int] | None:
        try:
            stat = self._lock.stat()
        except OSError:
            return None
        return stat.st_dev, stat.st_ino

    def is_kept(self) -> bool:
        """Return whether the directory is still the one that was taken hold of."""
        # The number of a file that is open cannot belong to another one meanwhile.
        return self._file is not None and self._look() == self._file and config_path(self.run).is_file()

    def check(self) -> None:
        """Raise RunGoneError where the directory was deleted or replaced."""
        if not self.is_kept():
            raise RunGoneError(f"{self.run} was deleted while it was trained: nothing more is recorded")


@contextmanager
def ownership(run: Path) -> Iterator[Ownership]:
    """Hold the run for one trainer; the lock goes with the process, however it ends.

    Raises LatentExplorerError where another process trains it.
    """
    lock = FileLock(run / run_files.LOCK_NAME)
    try:
        lock.acquire(timeout=_PATIENCE)
    except Timeout:
        state = read_state(run)
        raise LatentExplorerError(
            f"{run} is being trained by process {state.pid}: stop that one with `python -m vae_core runs stop {run}`, "
            "or choose another folder"
        ) from None
    except OSError as error:
        raise LatentExplorerError(
            f"cannot write to {run} ({error.strerror or error}): choose a folder that can be written to"
        ) from error
    try:
        yield Ownership(run)
    finally:
        lock.release()


def list_runs(parent: Path) -> list[Path]:
    """Return the runs in a folder, the newest first."""
    if not parent.is_dir():
        return []
    found = []
    for path in parent.glob(f"[!.]*/{CONFIG_NAME}"):
        with suppress(OSError):  # deleted since it was listed
            found.append((path.stat().st_mtime, path.parent.name, path.parent))
    return [run for _, _, run in sorted(found, reverse=True)]


def delete(run: Path) -> None:
    """Delete a run.

    Raises LatentExplorerError where it is none, where it is being trained, and where its folder holds anything that
    is not a run's: nothing is deleted then.
    """
    if not config_path(run).is_file():
        raise LatentExplorerError(f"{run} is not a run: nothing was deleted")
    if strangers := run_files.foreign(run):
        raise LatentExplorerError(
            f"{run} holds {strangers[0]}, which is no file of a run: nothing was deleted; move it away first"
        )
    with ownership(run):
        # Without its configuration it is no run any more, should the rest not go at once.
        config_path(run).unlink()
    shutil.rmtree(run.resolve(), ignore_errors=True)
    if run.is_symlink():
        run.unlink()
    if run.exists():
        raise LatentExplorerError(f"some files of {run} could not be deleted: delete the folder by hand")


def size(run: Path) -> int:
    """Return how many bytes a run takes on disk."""
    return run_files.size(run)
