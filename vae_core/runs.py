"""A training run as a folder: configuration, metrics log and checkpoint, appended to or replaced atomically."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vae_core.checkpoints import load_state, save_state, write_atomically
from vae_core.config import RunConfig, from_json, to_json
from vae_core.data import load_images
from vae_core.errors import LatentExplorerError
from vae_core.registry import CHECKPOINT_NAME
from vae_core.training import Progress, TrainState, fit, start

CONFIG_NAME = "config.json"
METRICS_NAME = "metrics.jsonl"
CHECKPOINT_SECONDS = 10.0
"""A checkpoint is written at least this often, and always at the end."""


def config_path(run: Path) -> Path:
    """Return where a run keeps its configuration."""
    return run / CONFIG_NAME


def new_folder(parent: Path) -> Path:
    """Return a folder under ``parent`` that is not there yet, named after the time of day."""
    stamp = time.strftime("%Y-%m-%d-%H%M%S")
    names = (stamp if number == 1 else f"{stamp}-{number}" for number in range(1, 10_000))
    return next(parent / name for name in names if not (parent / name).exists())


def read_config(run: Path) -> RunConfig:
    """Return a run's configuration. Raises LatentExplorerError where there is no run or its file is damaged."""
    path = config_path(run)
    try:
        values = json.loads(path.read_text("utf-8"))
        return from_json(RunConfig, values)
    except (FileNotFoundError, NotADirectoryError):
        raise LatentExplorerError(
            f"{run} is not a run: start one with `python -m vae_core train --run {run}`"
        ) from None
    except (OSError, ValueError, TypeError, LatentExplorerError) as error:
        raise LatentExplorerError(f"{path} is damaged ({error}): delete the run, or put the file back") from error


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """Return the lines of a run's metrics log so far; a line still being written is left for the next call.

    Raises LatentExplorerError, naming the file and the line, where a complete line is damaged.
    """
    path = run / METRICS_NAME
    if not path.is_file():
        return []
    complete, _, _ = path.read_bytes().rpartition(b"\n")
    lines = []
    for number, line in enumerate(complete.splitlines(), 1):
        try:
            lines.append({**json.loads(line)})
        except (ValueError, TypeError) as error:
            raise LatentExplorerError(f"line {number} of {path} is damaged: take it out of the file") from error
    return lines


def has_begun(run: Path) -> bool:
    """Return whether the run holds anything that training has made."""
    return (run / CHECKPOINT_NAME).exists() or bool(read_metrics(run))


def create(run: Path, config: RunConfig) -> TrainState:
    """Start a run directory for ``config`` and return the state before its first step.

    Nothing is written where the data, the device or the folder is unfit, so the same call can be tried again.
    Raises LatentExplorerError in these cases, and where ``run`` already holds a run that has begun.
    """
    if has_begun(run):
        raise LatentExplorerError(f"{run} already holds a run: continue it with --continue, or choose another folder")
    images, _ = load_images(config.train.data, split="train")
    if config.train.validation >= len(images):
        raise LatentExplorerError(
            f"{config.train.validation} validation images leave none of the {len(images)} to train on: set fewer aside"
        )
    state = start(config)
    write_atomically(config_path(run), json.dumps(to_json(config), indent=1).encode())
    return state


def reopen(run: Path) -> TrainState:
    """Return the newest state of an unfinished or finished run; metrics after its checkpoint are dropped.

    They are written again, identically, when the run goes on. Raises LatentExplorerError where there is no run.
    """
    config = read_config(run)
    if not (run / CHECKPOINT_NAME).exists():
        state = start(config)
    else:
        state = load_state(run / CHECKPOINT_NAME, "delete the run and train it again")
    kept = [json.dumps(line) + "\n" for line in read_metrics(run) if line["step"] <= state.step]
    write_atomically(run / METRICS_NAME, "".join(kept).encode())
    return state


def _stopped_early(run: Path) -> bool:
    return any(line.get("stopped_early") for line in read_metrics(run)[-1:])


def train(run: Path, state: TrainState, report_every: int = 100) -> Iterator[Progress]:
    """Train ``state`` to the end of its configuration, logging to ``run``; yield what `fit` yields.

    Every line of the metrics log is one JSON object with at least ``step``, ``beta``, ``reconstruction`` and
    ``kl``, in nats per image. Raises what `fit` and `load_images` raise; the last good checkpoint stays.
    """
    if _stopped_early(run):
        return
    images, _ = load_images(state.config.train.data, split="train")
    saved = time.monotonic()
    try:
        with (run / METRICS_NAME).open("a", encoding="utf-8") as log:
            for progress in fit(state, images, report_every):
                log.write(json.dumps(asdict(progress)) + "\n")
                log.flush()
                if time.monotonic() - saved > CHECKPOINT_SECONDS:
                    save_state(run / CHECKPOINT_NAME, state)
                    saved = time.monotonic()
                yield progress
    except OSError as error:
        raise LatentExplorerError(f"cannot write to {run}: {error.strerror}; free space, then continue") from error
    save_state(run / CHECKPOINT_NAME, state)
