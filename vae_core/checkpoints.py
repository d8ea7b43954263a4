"""Checkpoints: one safetensors file each, tensors and a JSON header, replaced atomically and never pickled."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from vae_core.config import ModelConfig, RunConfig, from_json, to_json
from vae_core.errors import LatentExplorerError
from vae_core.models import Autoencoder
from vae_core.training import TrainState, start

FORMAT = 1
HEADER = "latent_explorer"
_MODEL, _BEST, _OPTIMIZER, _NOISE = "model.", "best.", "optimizer.", "generator.noise"


def write_atomically(path: Path, content: bytes) -> None:
    """Put ``content`` at ``path`` so that a reader sees the old file or the new, never a part of one.

    Raises LatentExplorerError, naming the file and the cause, where it cannot be written.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise LatentExplorerError(
            f"cannot write {path}: {error.strerror}; free space or choose another folder"
        ) from error


def read_tensors(path: Path, remedy: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and the JSON header of a checkpoint file.

    Raises LatentExplorerError, ending in ``remedy``, where the file is missing, truncated or not a checkpoint.
    """
    if not path.is_file():
        raise LatentExplorerError(f"there is no file {path}: {remedy}")
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
            header = json.loads((file.metadata() or {})[HEADER])
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise LatentExplorerError(f"{path} is damaged or not a Latent Explorer checkpoint: {remedy}") from error
    if header.get("format", 0) > FORMAT:
        raise LatentExplorerError(
            f"{path} was written by a newer version of Latent Explorer: update the app to read it"
        )
    return tensors, header


def _serialise(tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> bytes:
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return save(contiguous, metadata={HEADER: json.dumps({"format": FORMAT, **header})})


def model_bytes(model: Autoencoder, dtype: torch.dtype = torch.float32) -> bytes:
    """Return a model alone, its weights as ``dtype``, as the bytes of a checkpoint file."""
    weights = {_MODEL + name: value.to(dtype) for name, value in model.state_dict().items()}
    return _serialise(weights, {"model": to_json(model.config)})


def load_weights(path: Path, remedy: str) -> Autoencoder:
    """Return the model in a checkpoint file, in float32 on the CPU, ready to evaluate.

    Where early stopping kept better weights than the newest, those are the model.
    Raises LatentExplorerError, ending in ``remedy``, where the file cannot be used.
    """
    tensors, header = read_tensors(path, remedy)
    try:
        values = header["model"] if "model" in header else header["run"]["model"]
        model = Autoencoder(from_json(ModelConfig, values))
        prefix = _BEST if any(name.startswith(_BEST) for name in tensors) else _MODEL
        model.load_state_dict(_strip(tensors, prefix))
    except (KeyError, TypeError, RuntimeError) as error:
        raise LatentExplorerError(f"{path} does not hold the weights it describes: {remedy}") from error
    return model.float().eval().requires_grad_(False)


def _strip(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def save_state(path: Path, state: TrainState) -> None:
    """Write everything that resuming needs to ``path``, atomically.

    Raises LatentExplorerError where the file cannot be written.
    """
    tensors = {_MODEL + name: value for name, value in state.model.state_dict().items()}
    tensors |= {_BEST + name: value for name, value in state.best_weights.items()}
    moments = state.optimizer.state_dict()["state"]
    tensors |= {f"{_OPTIMIZER}{index}.{name}": value for index, slot in moments.items() for name, value in slot.items()}
    tensors[_NOISE] = state.noise.get_state()
    header = {
        "run": to_json(state.config),
        "step": state.step,
        "seconds": state.seconds,
        "best_loss": state.best_loss,
        "best_epoch": state.best_epoch,
    }
    write_atomically(path, _serialise(tensors, header))


def load_state(path: Path, remedy: str = "train it again") -> TrainState:
    """Return the training state in a checkpoint, ready for `fit` to continue.

    Raises LatentExplorerError, ending in ``remedy``, where the file cannot be used or holds a model alone.
    """
    tensors, header = read_tensors(path, remedy)
    try:
        state = start(from_json(RunConfig, header["run"]))
        state.model.load_state_dict(_strip(tensors, _MODEL))
        state.best_weights = _strip(tensors, _BEST)
        slots: dict[int, dict[str, Tensor]] = {}
        for key, value in _strip(tensors, _OPTIMIZER).items():
            index, name = key.split(".")
            slots.setdefault(int(index), {})[name] = value
        groups = state.optimizer.state_dict()["param_groups"]
        state.optimizer.load_state_dict({"state": slots, "param_groups": groups})
        state.noise.set_state(tensors[_NOISE])
        state.step, state.seconds = header["step"], header["seconds"]
        state.best_loss, state.best_epoch = header["best_loss"], header["best_epoch"]
    except (KeyError, TypeError, RuntimeError, ValueError) as error:
        raise LatentExplorerError(f"{path} cannot be resumed from: {remedy}") from error
    return state
