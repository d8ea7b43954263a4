"""Checkpoints: one safetensors file each, tensors and a JSON header, replaced atomically and never pickled."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from vae_core.config import ModelConfig, RunConfig, from_json, to_json
from vae_core.errors import ConfigError, ModelError
from vae_core.files import write_atomically
from vae_core.models import Autoencoder
from vae_core.training_state import Controls, TrainState, start

FORMAT = 1
HEADER = "latent_explorer"
_MODEL, _BEST, _OPTIMIZER, _NOISE = "model.", "best.", "optimizer.", "generator.noise"
_DAMAGE = (SafetensorError, OSError, AttributeError, KeyError, TypeError, ValueError, RuntimeError, OverflowError)
"""What reading a file that is not, or no longer, what we wrote can raise."""


def read_tensors(path: Path, remedy: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and the JSON header of a checkpoint file.

    Raises ModelError, ending in ``remedy``, where the file is missing, truncated or not a checkpoint.
    """
    if not path.is_file():
        raise ModelError(f"there is no file {path}: {remedy}")
    try:
        with safe_open(path, framework="pt") as file:
            # Cloned, because the tensors are windows into the file, and it may change under whoever trains on.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 (not a mapping)
            header = json.loads((file.metadata() or {})[HEADER])
        newer = header.get("format", 0) > FORMAT
    except _DAMAGE as error:
        raise ModelError(f"{path} is damaged or not a Latent Explorer checkpoint: {remedy}") from error
    if newer:
        raise ModelError(f"{path} was written by a newer version of Latent Explorer: update the app to read it")
    return tensors, header


def _serialise(tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> bytes:
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return save(contiguous, metadata={HEADER: json.dumps({"format": FORMAT, **header})})


def model_bytes(model: Autoencoder, dtype: torch.dtype = torch.float32) -> bytes:
    """Return a model alone, its weights as ``dtype``, as the bytes of a checkpoint file."""
    weights = {_MODEL + name: value.to(dtype) for name, value in model.state_dict().items()}
    return _serialise(weights, {"model": to_json(model.config)})


def _assemble(config: ModelConfig, weights: Mapping[str, Tensor]) -> Autoencoder:
    """Return the model of ``config`` made of ``weights``. Raises ValueError or RuntimeError where they do not fit."""
    # Without storage of its own: a header that lies about widths must not claim memory for them.
    with torch.device("meta"):
        model = Autoencoder(config)
    model.load_state_dict(weights, assign=True)
    if not all(tensor.isfinite().all() for tensor in weights.values()):
        raise ValueError("weights that are not numbers")
    return model


def load_weights(path: Path, remedy: str) -> Autoencoder:
    """Return the model in a checkpoint file, in float32 on the CPU, ready to evaluate.

    Where early stopping kept better weights than the newest, those are the model.
    Raises ModelError, ending in ``remedy``, where the file cannot be used.
    """
    tensors, header = read_tensors(path, remedy)
    try:
        values = header["model"] if "model" in header else header["run"]["model"]
        weights = _strip(tensors, _BEST) or _strip(tensors, _MODEL)
        model = _assemble(from_json(ModelConfig, values), weights)
    except (ConfigError, *_DAMAGE) as error:
        raise ModelError(f"{path} does not hold the weights it describes: {remedy}") from error
    return model.float().eval().requires_grad_(False)


def _strip(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def save_state(path: Path, state: TrainState, makes_folder: bool = True) -> None:
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
        "device": state.device.type,
        "step": state.step,
        "seconds": state.seconds,
        "best_loss": state.best_loss if math.isfinite(state.best_loss) else None,
        "best_epoch": state.best_epoch,
        "controls": vars(state.controls),
    }
    write_atomically(path, _serialise(tensors, header), makes_folder)


def load_state(path: Path, remedy: str = "train it again") -> TrainState:
    """Return the training state in a checkpoint, ready for `fit` to continue.

    Raises ModelError, ending in ``remedy``, where the file cannot be used or holds a model alone, and ConfigError
    where this machine lacks the device that the run asks for.
    """
    tensors, header = read_tensors(path, remedy)
    try:
        config = from_json(RunConfig, header["run"])
        model = _assemble(config.model, _strip(tensors, _MODEL))
        if best := _strip(tensors, _BEST):
            _assemble(config.model, best)
    except (ConfigError, *_DAMAGE) as error:
        raise ModelError(f"{path} cannot be resumed from: {remedy}") from error
    state = start(config)
    state.model.load_state_dict(model.state_dict())
    state.best_weights = best
    try:
        _restore(state, tensors, header)
    except (ConfigError, *_DAMAGE) as error:
        raise ModelError(f"{path} cannot be resumed from: {remedy}") from error
    return state


def _restore(state: TrainState, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Put counters, optimiser and noise back. Raises KeyError, TypeError, ValueError or RuntimeError for a misfit."""
    if not all(type(header[key]) is int and header[key] >= 0 for key in ("step", "best_epoch")):
        raise ValueError("counters that do not count")
    state.step, state.best_epoch = header["step"], header["best_epoch"]
    state.seconds = float(header["seconds"])
    state.best_loss = math.inf if header["best_loss"] is None else float(header["best_loss"])
    state.controls = Controls(**header.get("controls", {}))
    slots: dict[int, dict[str, Tensor]] = {}
    for index, parameter in enumerate(state.model.parameters() if state.step else ()):
        shapes = {"step": torch.Size(), "exp_avg": parameter.shape, "exp_avg_sq": parameter.shape}
        slots[index] = {name: tensors[f"{_OPTIMIZER}{index}.{name}"] for name in shapes}
        if any(slots[index][name].shape != shape for name, shape in shapes.items()):
            raise ValueError("moments of other weights")
    state.optimizer.load_state_dict({"state": slots, "param_groups": state.optimizer.state_dict()["param_groups"]})
    if header.get("device", state.device.type) == state.device.type:
        state.noise.set_state(tensors[_NOISE])
    else:
        # Generators of different devices share no state: the run goes on with noise that it has not seen.
        state.noise.manual_seed((state.config.train.seed * 1_000_003 + state.step) % 2**63)
