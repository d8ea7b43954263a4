"""The control file of a run: how anybody steers its trainer, from a page, a terminal or an editor."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from vae_core import run_files
from vae_core.config import check_course, check_setting
from vae_core.errors import ConfigError, LatentExplorerError
from vae_core.files import write_atomically
from vae_core.run_folder import VERSION, config_path
from vae_core.run_records import read_events

CONTROL_NAME = run_files.CONTROL_NAME
_LARGEST = 1 << 16
_PATIENCE = 5.0


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
    beta_schedule: str = "constant"
    """How beta gets to its value from what it is when this is read: of `config.BETA_SCHEDULES`."""
    beta_epochs: float = 0.0
    """In how many epochs; a period, where it is cyclical."""

    def __post_init__(self) -> None:
        for name in ("beta", "learning_rate"):
            value = getattr(self, name)
            if value is not None:
                check_setting(name, value)
                object.__setattr__(self, name, float(value))
        check_course(self.beta_schedule, self.beta_epochs, self.beta)
        for name in ("paused", "stop"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"{name} is {getattr(self, name)!r}: give true or false")
        if type(self.steps) is not int or self.steps < 0:
            raise ConfigError(f"steps is {self.steps!r}: give a whole number")


def _parse(content: bytes) -> Control:
    if len(content) > _LARGEST:
        raise ConfigError(f"it is larger than {_LARGEST:,} bytes")
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
        if path.exists() and not path.is_file():
            raise ConfigError("it is no file")
        with path.open("rb") as file:
            return _parse(file.read(_LARGEST + 1))
    except (FileNotFoundError, NotADirectoryError):
        return Control()
    except (OSError, ValueError, TypeError, RecursionError, ConfigError) as error:
        raise LatentExplorerError(
            f"{path} is not understood ({error}): write it anew with `python -m vae_core runs control {run}`"
        ) from error


def last_set(run: Path) -> Control:
    """Return the beta and learning rate that were set by hand last, as the run's own records say."""
    try:
        events = read_events(run)
    except LatentExplorerError:
        return Control()
    names = ("beta", "learning_rate", "beta_schedule", "beta_epochs")
    return Control(**{name: events[-1][name] for name in names if name in events[-1]}) if events else Control()


def change_control(run: Path, **changes: Any) -> Control:
    """Change some of what is asked of the trainer and return all of it.

    A file that is not understood is written anew, with the beta and learning rate that were set last. A ``beta``
    without its schedule is there at once. ``more_steps`` adds to the single steps asked for.
    Raises LatentExplorerError for a setting out of its range, and where ``run`` is no run or cannot be written to.
    """
    if not config_path(run).is_file():
        raise LatentExplorerError(f"{run} is not a run: `python -m vae_core runs list` shows those there are")
    try:
        with FileLock(run / run_files.CONTROL_LOCK_NAME, timeout=_PATIENCE):
            return _change(run, changes)
    except Timeout:
        raise LatentExplorerError(f"{run} is being steered by somebody else: try again") from None
    except OSError as error:
        raise LatentExplorerError(
            f"cannot write to {run} ({error.strerror or error}): free space, or make the folder writable"
        ) from error


def _change(run: Path, changes: dict[str, Any]) -> Control:
    try:
        control = read_control(run)
    except LatentExplorerError:
        control = last_set(run)
    more = changes.pop("more_steps", 0)
    if "beta" in changes:
        # Beta by itself is there at once, or back with the schedule of the configuration.
        changes = {"beta_schedule": "constant", "beta_epochs": 0.0, **changes}
    control = replace(control, **{"steps": control.steps + more, **changes})
    content = json.dumps({"version": VERSION, **vars(control)}).encode()
    write_atomically(run / CONTROL_NAME, content, makes_folder=False)
    return control


class ControlWatch:
    """Looks at a control file as often as its trainer likes, and reads it only when it has changed."""

    def __init__(self, run: Path, control: Control | None = None) -> None:
        """Watch the file of ``run``; ``control`` is in force until the file is understood."""
        self._run = run
        self._seen: tuple[int, int, int] | None = None
        self.control = control or Control()
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
