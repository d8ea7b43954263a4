"""Looks at every file of a run, and says in sentences what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vae_core import run_keyframes
from vae_core.checkpoints import load_state, load_weights
from vae_core.errors import LatentExplorerError
from vae_core.registry import CHECKPOINT_NAME
from vae_core.run_control import read_control
from vae_core.run_folder import START_NAME, read_about, read_config, read_state
from vae_core.run_records import CODES_NAME, parse_codes, read_events, read_metrics


def check(run: Path) -> list[str]:
    """Return what is wrong with the files of a run, one sentence each; an empty list where all are whole.

    What a killed trainer leaves half written at the end of a log is not wrong: the next one puts it right.
    Raises LatentExplorerError where ``run`` is no run at all.
    """
    read_config(run)
    looks: list[Callable[[], object]] = [
        lambda: read_about(run),
        lambda: read_state(run),
        lambda: read_control(run),
        lambda: read_metrics(run),
        lambda: read_events(run),
        lambda: _check_codes(run),
    ]
    if (run / CHECKPOINT_NAME).exists():
        looks.append(lambda: load_state(run / CHECKPOINT_NAME, "resume the run from its start, or delete it"))
    if (run / START_NAME).exists():
        looks.append(lambda: load_weights(run / START_NAME, "fork the run again"))
    looks += [_keyframe_look(run, step) for step in run_keyframes.steps(run)]
    return [problem for look in looks if (problem := _problem_of(look))]


def _keyframe_look(run: Path, step: int) -> Callable[[], object]:
    return lambda: run_keyframes.load(run, step)


def _check_codes(run: Path) -> None:
    path = run / CODES_NAME
    content = path.read_bytes() if path.exists() else b""
    snapshots, length = parse_codes(content)
    size = len(snapshots[0][1]) * 4 + 20 if snapshots else 0
    if snapshots and len(content) - length >= size:
        raise LatentExplorerError(f"{path} is damaged after snapshot {len(snapshots)}: what follows is not shown")


def _problem_of(look: Callable[[], object]) -> str:
    try:
        look()
    except LatentExplorerError as error:
        return str(error)
    return ""
