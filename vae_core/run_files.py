"""The files of a run directory: what they are called, what they take on disk, and which do not belong there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

CONFIG_NAME = "config.json"
ABOUT_NAME = "about.json"
STATE_NAME = "state.json"
CONTROL_NAME = "control.json"
METRICS_NAME = "metrics.jsonl"
EVENTS_NAME = "events.jsonl"
CODES_NAME = "codes.bin"
CHECKPOINT_NAME = "checkpoint.safetensors"
START_NAME = "start.safetensors"
"""The weights that a forked run starts from."""
TRAINER_LOG = "trainer.log"
KEYFRAMES = "keyframes"

LOCK_NAME = ".lock"
CONTROL_LOCK_NAME = ".control.lock"
RESERVE_NAME = ".reserve"
"""Some room on disk that a trainer gives up to be able to write why it failed when the disk is full."""

KEPT = (
    CONFIG_NAME,
    ABOUT_NAME,
    STATE_NAME,
    CONTROL_NAME,
    METRICS_NAME,
    EVENTS_NAME,
    CODES_NAME,
    CHECKPOINT_NAME,
    START_NAME,
    TRAINER_LOG,
)
"""The files of a run besides its keyframes, in the order in which they are packed."""
_PASSING = (LOCK_NAME, CONTROL_LOCK_NAME, RESERVE_NAME)
_BY_TRAINER = (METRICS_NAME, EVENTS_NAME, CODES_NAME, CHECKPOINT_NAME)
_KEYFRAME = re.compile(r"[0-9]{10,16}\.safetensors")
_HALF_WRITTEN = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{16}")


def is_keyframe(name: str) -> bool:
    """Return whether a file of the folder of keyframes is called as one."""
    return _KEYFRAME.fullmatch(name) is not None


def _half_written(name: str) -> str:
    """Return the file that one with a passing name was to become, or an empty text."""
    match = _HALF_WRITTEN.fullmatch(name)
    return match["name"] if match else ""


def files(run: Path) -> Iterator[Path]:
    """Yield every file in a run directory, links too, also while files come and go."""
    for folder, folders, names in os.walk(run):
        for name in [*names, *(name for name in folders if (Path(folder) / name).is_symlink())]:
            yield Path(folder) / name


def _is_own(relative: Path) -> bool:
    name = _half_written(relative.name) or relative.name
    if relative.parent == Path(KEYFRAMES):
        return is_keyframe(name)
    return relative.parent == Path() and name in (*KEPT, *_PASSING)


def foreign(run: Path) -> list[Path]:
    """Return the files in a run directory that no run writes, relative to it."""
    return sorted(path for path in (path.relative_to(run) for path in files(run)) if not _is_own(path))


def size(run: Path) -> int:
    """Return how many bytes a run takes on disk."""
    total = 0
    for path in files(run):
        with suppress(OSError):  # gone since it was listed
            total += path.lstat().st_size
    return total


def sweep(run: Path) -> None:
    """Remove what a killed trainer left half written. For the trainer that owns the run."""
    for path in files(run):
        if (name := _half_written(path.name)) and (name in _BY_TRAINER or path.parent.name == KEYFRAMES):
            path.unlink(missing_ok=True)


def clear(run: Path) -> None:
    """Remove all that a run has left in its folder, its locks excepted."""
    (run / CONFIG_NAME).unlink(missing_ok=True)
    for path in files(run):
        if _is_own(path.relative_to(run)) and path.name not in (LOCK_NAME, CONTROL_LOCK_NAME):
            path.unlink(missing_ok=True)
