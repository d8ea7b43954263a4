"""Looks at every file of a run, and says in sentences what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vae_core import run_keyframes
from vae_core.checkpoints import load_state, load_weights
from vae_core.config import ModelConfig
from vae_core.errors import LatentExplorerError
from vae_core.registry import CHECKPOINT_NAME
from vae_core.run_control import read_control
from vae_core.run_folder import START_NAME, read_about, read_config, read_state
from vae_core.run_records import CODES_NAME, is_unfinished, parse_codes, read_events, read_metrics


def check(run: Path) -> list[str]:
    """Return what is wrong with the files of a run, one sentence each; an empty list where all are whole.

    What a killed trainer leaves half written at the end of a log is not wrong: the next one puts it right.
    Raises LatentExplorerError where ``run`` is no run at all.
    """
    config = read_config(run)
    looks: list[Callable[[], object]] = [
        lambda: read_about(run),
        lambda: read_state(run),
        lambda: read_control(run),
        lambda: _check_metrics(run),
        lambda: read_events(run),
        lambda: _check_codes(run, config.model),
    ]
    if (run / CHECKPOINT_NAME).exists():
        looks.append(lambda: _check_checkpoint(run))
    if (run / START_NAME).exists():
        looks.append(lambda: _check_start(run, config.model))
    looks += [_keyframe_look(run, step, config.model) for step in run_keyframes.steps(run)]
    return [problem for look in looks if (problem := _problem_of(look))]


def _require_own(found: object, expected: object, path: Path) -> None:
    if found != expected:
        raise LatentExplorerError(f"{path} belongs to another run: delete it, or put the right one back")


def _check_metrics(run: Path) -> None:
    steps = [line["step"] for line in read_metrics(run)]
    if steps != sorted(set(steps)):
        raise LatentExplorerError(f"the steps in the metrics log of {run} do not ascend: two trainers wrote to it")


def _check_checkpoint(run: Path) -> None:
    state = load_state(run / CHECKPOINT_NAME, "resume the run from its start, or delete it")
    _require_own(state.config, read_config(run), run / CHECKPOINT_NAME)


def _check_start(run: Path, expected: ModelConfig) -> None:
    _require_own(load_weights(run / START_NAME, "fork the run again").config, expected, run / START_NAME)


def _keyframe_look(run: Path, step: int, expected: ModelConfig) -> Callable[[], object]:
    def look() -> None:
        kept, model = run_keyframes.load(run, step)
        _require_own(model.config, expected, run_keyframes.path_of(run, kept))

    return look


def _check_codes(run: Path, model: ModelConfig) -> None:
    path = run / CODES_NAME
    content = path.read_bytes() if path.exists() else b""
    snapshots, length = parse_codes(content)
    if snapshots and model.latent_dim != 2:
        raise LatentExplorerError(f"{path} belongs to another run: this one has no plane")
    if not is_unfinished(content[length:], len(snapshots[0][1]) if snapshots else None):
        raise LatentExplorerError(f"{path} is damaged after snapshot {len(snapshots)}: what follows is not shown")


def _problem_of(look: Callable[[], object]) -> str:
    try:
        look()
    except LatentExplorerError as error:
        return str(error)
    except OSError as error:
        return f"{error.filename} cannot be read: {error.strerror or error}"
    return ""
