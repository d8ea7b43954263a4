"""A training run as a folder: started, gone on with after an interruption, and forked."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import torch

from vae_core import run_keyframes
from vae_core.checkpoints import load_state, load_weights, model_bytes, write_atomically
from vae_core.config import RunConfig
from vae_core.data import load_images
from vae_core.errors import LatentExplorerError
from vae_core.registry import CHECKPOINT_NAME
from vae_core.run_control import CONTROL_NAME
from vae_core.run_folder import (
    START_NAME,
    About,
    config_path,
    new_folder,
    read_about,
    read_config,
    write_about,
    write_config,
)
from vae_core.run_records import CODES_NAME, METRICS_NAME, CodesReader, keep_codes, keep_lines, read_metrics
from vae_core.run_trainer import train
from vae_core.training import TrainState, start

__all__ = ["config_path", "create", "fork", "has_begun", "new_folder", "read_config", "read_metrics", "reopen", "train"]


def has_begun(run: Path) -> bool:
    """Return whether the run holds anything that training has made."""
    return (run / CHECKPOINT_NAME).exists() or bool(read_metrics(run))


def create(run: Path, config: RunConfig, name: str = "") -> TrainState:
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
    write_about(run, About(name=name, created=time.time()))
    write_config(run, config)
    return state


def reopen(run: Path) -> TrainState:
    """Return the newest state of an unfinished or finished run; what it recorded after its checkpoint is dropped.

    It is recorded again, identically but for the moments, when the run goes on. Raises LatentExplorerError where
    there is no run.
    """
    config = read_config(run)
    if (run / CHECKPOINT_NAME).exists():
        state = load_state(run / CHECKPOINT_NAME, "delete the run and train it again")
    else:
        state = start(config)
        if (run / START_NAME).exists():
            state.model.load_state_dict(load_weights(run / START_NAME, "fork the run again").state_dict())
    _drop_after(run, state.step)
    return state


def _drop_after(run: Path, step: int) -> None:
    lines = read_metrics(run)
    kept = [line for line in lines if line["step"] <= step]
    if step == 0:
        kept = []
    content = (run / METRICS_NAME).read_bytes() if lines or (run / METRICS_NAME).exists() else b""
    if len(kept) < len(lines) or not content.endswith(b"\n"):
        keep_lines(run / METRICS_NAME, kept)
    snapshots = CodesReader(run).read()
    early = [snapshot for snapshot in snapshots if 0 < step >= snapshot[0]]
    if (run / CODES_NAME).exists():
        keep_codes(run, early)
    run_keyframes.drop_after(run, step if step else -1)


def fork(source: Path, step: int, run: Path, config: RunConfig, name: str = "") -> TrainState:
    """Start a run from the weights that another one had at or before ``step``, with other settings of training.

    Raises LatentExplorerError where the other run has no keyframe, or ``config`` describes another network.
    """
    if config.model != read_config(source).model:
        raise LatentExplorerError("a fork keeps the network of its run: change the settings of training only")
    kept, model = run_keyframes.load(source, step)
    state = create(run, config, name or f"{read_about(source).name}, from step {kept}")
    write_atomically(run / START_NAME, model_bytes(model, torch.float32))
    write_about(run, replace(read_about(run), parent=source.name, parent_step=kept))
    (run / CONTROL_NAME).unlink(missing_ok=True)
    state.model.load_state_dict(model.state_dict())
    return state
