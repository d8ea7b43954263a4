"""A training run as a folder: started, gone on with after an interruption, and forked."""

from __future__ import annotations

import time
from pathlib import Path

import torch

from vae_core import run_files, run_keyframes
from vae_core.checkpoints import load_state, load_weights, model_bytes
from vae_core.config import RunConfig
from vae_core.data import load_images
from vae_core.errors import LatentExplorerError
from vae_core.files import write_atomically
from vae_core.run_folder import (
    START_NAME,
    About,
    config_path,
    new_folder,
    ownership,
    read_about,
    read_config,
    write_about,
    write_config,
)
from vae_core.run_records import read_metrics
from vae_core.run_trainer import train
from vae_core.training_state import TrainState, choose_device, start

__all__ = ["config_path", "create", "fork", "has_begun", "new_folder", "read_config", "read_metrics", "reopen", "train"]

CHECKPOINT_NAME = run_files.CHECKPOINT_NAME


def has_begun(run: Path) -> bool:
    """Return whether the run holds anything that training has made."""
    return (run / CHECKPOINT_NAME).exists() or bool(read_metrics(run))


def create(run: Path, config: RunConfig, name: str = "") -> TrainState:
    """Start a run directory for ``config`` and return the state before its first step.

    Nothing is written where the data, the device or the folder is unfit, so the same call can be tried again.
    Raises LatentExplorerError in these cases, and where ``run`` already holds a run that has begun, or that waits.
    """
    prepare(run, config, name)
    return start(config)


def prepare(run: Path, config: RunConfig, name: str = "") -> None:
    """Start a run directory as `create` does, for a trainer in another process; nothing of the model is made here."""
    _prepare(run, config, About(name=name, created=time.time()))


def _prepare(run: Path, config: RunConfig, about: About, weights: bytes = b"") -> None:
    _refuse_begun(run)
    choose_device(config.train.device)
    images, _ = load_images(config.train.data, split="train")
    if config.train.validation >= len(images):
        raise LatentExplorerError(
            f"{config.train.validation} validation images leave none of the {len(images)} to train on: set fewer aside"
        )
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LatentExplorerError(f"cannot write {run}: {error.strerror or error}; choose another folder") from error
    with ownership(run):
        _refuse_begun(run)
        run_files.clear(run)
        if weights:
            write_atomically(run / START_NAME, weights)
        write_about(run, about)
        # Last, for it makes the folder a run.
        write_config(run, config)


def _refuse_begun(run: Path) -> None:
    if has_begun(run):
        raise LatentExplorerError(f"{run} already holds a run: continue it with --continue, or choose another folder")


def reopen(run: Path) -> TrainState:
    """Return the newest state of an unfinished or finished run; its files are left as they are.

    Raises LatentExplorerError where there is no run.
    """
    config = read_config(run)
    if (run / CHECKPOINT_NAME).exists():
        return load_state(run / CHECKPOINT_NAME, "delete the run and train it again")
    state = start(config)
    if (run / START_NAME).exists():
        state.model.load_state_dict(load_weights(run / START_NAME, "fork the run again").state_dict())
    return state


def fork(source: Path, step: int, run: Path, config: RunConfig, name: str = "") -> TrainState:
    """Start a run from the weights that another one had at or before ``step``, with other settings of training.

    Raises LatentExplorerError where the other run has no keyframe, or ``config`` describes another network.
    """
    if config.model != read_config(source).model:
        raise LatentExplorerError("a fork keeps the network of its run: change the settings of training only")
    kept, model = run_keyframes.load(source, step)
    about = About(
        name=name or f"{read_about(source).name}, from step {kept}",
        created=time.time(),
        parent=source.resolve().name,
        parent_step=kept,
    )
    _prepare(run, config, about, model_bytes(model, torch.float32))
    state = start(config)
    state.model.load_state_dict(model.state_dict())
    return state
