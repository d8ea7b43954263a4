"""The control file of a run: how anybody steers its trainer, from a page, a terminal or an editor."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from vae_core.checkpoints import write_atomically
from vae_core.config import check_setting
from vae_core.errors import ConfigError, LatentExplorerError
from vae_core.run_folder import VERSION, config_path

CONTROL_NAME = "control.json"
_LOCK_NAME = ".control.lock"


@dataclass(frozen=True)
class Control:
    """What a trainer is asked to do."""

    beta: float | None = None
    """In place of the schedule's; None leaves beta to the schedule."""
    learning_rate: float | None = None
    paused: bool = False
    steps: int = 0
    """How many single steps have been asked for since the run began; a paused trainer takes those it has not."""
    stop: bool = False

    def __post_init__(self) -> None:
        for name in ("beta", "learning_rate"):
            value = getattr(self, name)
            if value is not None:
                check_setting(name, value)
        for name in ("paused", "stop"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"{name} is {getattr(self, name)!r}: give true or false")
        if type(self.steps) is not int or self.steps < 0:
            raise ConfigError(f"steps is {self.steps!r}: give a whole number")


def _parse(content: bytes) -> Control:
    values = json.loads(content)
    if not isinstance(values, dict):
        raise ConfigError("it holds no object of settings")
    version = values.pop("version", VERSION)
    if version != VERSION:
        raise ConfigError(f"its version is {version!r}, and {VERSION} is understood here")
    unknown = sorted(set(values) - set(Control.__dataclass_fields__))
    if unknown:
        raise ConfigError(f"unknown setting '{unknown[0]}': it has {', '.join(Control.__dataclass_fields__)}")
    return Control(**values)


def read_control(run: Path) -> Control:
    """Return what is asked of the trainer: nothing, where there is no file.

    Raises LatentExplorerError where the file is not understood, saying how to write it anew.
    """
    path = run / CONTROL_NAME
    try:
        return _parse(path.read_bytes())
    except FileNotFoundError:
        return Control()
    except (OSError, ValueError, TypeError, ConfigError) as error:
        raise LatentExplorerError(
            f"{path} is not understood ({error}): write it anew with `python -m vae_core runs control {run}`"
        ) from error


def change_control(run: Path, **changes: Any) -> Control:
    """Change some of what is asked of the trainer and return all of it; a file that is not understood starts anew.

    ``more_steps`` adds to the single steps asked for. Raises LatentExplorerError for a setting out of its range, and
    where ``run`` is no run.
    """
    if not config_path(run).is_file():
        raise LatentExplorerError(f"{run} is not a run: `python -m vae_core runs list` shows those there are")
    with FileLock(run / _LOCK_NAME, timeout=5):
        try:
            control = read_control(run)
        except LatentExplorerError:
            control = Control()
        more = changes.pop("more_steps", 0)
        control = replace(control, **{"steps": control.steps + more, **changes})
        write_atomically(run / CONTROL_NAME, json.dumps({"version": VERSION, **vars(control)}).encode())
    return control


class ControlWatch:
    """Looks at a control file as often as its trainer likes, and reads it only when it has changed."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self._seen: tuple[int, int, int] | None = None
        self.control = Control()
        self.problem = ""
        """What is wrong with the file, in a sentence; the last settings that were understood stay in force."""

    def look(self) -> bool:
        """Return whether the file has changed since the last look, for better or worse."""
        try:
            stat = (self._run / CONTROL_NAME).stat()
            seen = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        except OSError:
            seen = (0, 0, 0)
        if seen == self._seen:
            return False
        self._seen = seen
        try:
            self.control, self.problem = read_control(self._run), ""
        except LatentExplorerError as error:
            self.problem = str(error)
        return True
