"""What the packs of an atlas are written with: networks as tensors, likelihoods, and a hash of the content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor

from vae_core.models import Autoencoder, Mlp

VERSION = 1
PLANE_DIMENSION = 2


def half_if_lossless(weight: Tensor) -> Tensor:
    """Return float16 where that changes nothing (the bundled models are stored so), else float32."""
    half = weight.half()
    return half if torch.equal(half.float(), weight.float()) else weight.float()


def half_if_finite(numbers: Tensor) -> Tensor:
    """Return float16, which keeps eleven bits of every number, or float32 where a number is too large for it."""
    # With numpy, in this thread: a trainer on the same cores would keep torch's threads waiting for one another.
    plain = numbers.numpy(force=True)
    with np.errstate(over="ignore"):
        half = plain.astype(np.float16)
    return torch.from_numpy(half if np.isfinite(half).all() else plain.astype(np.float32))


def add_network(
    mlp: Mlp, name: str, activation: str, heads: int, tensors: dict[str, Tensor], *, short: bool = False
) -> dict[str, Any]:
    """Add the layers of ``mlp`` to ``tensors`` under ``name`` and return their description.

    ``short`` weights are float16 even where that rounds them.
    """
    stored = half_if_finite if short else half_if_lossless
    layers = []
    for number, layer in enumerate(mlp.layers):
        prefix = f"{name}.{number}"
        layers.append(prefix)
        for part, value in layer.state_dict().items():
            tensors[f"{prefix}.{part}"] = stored(value.detach().cpu()).contiguous()
    for number, gate in enumerate(mlp.gates):
        for part, value in gate.state_dict().items():
            tensors[f"{name}.{number}.gate_{part}"] = stored(value.detach().cpu()).contiguous()
    return {"activation": activation, "layers": layers, "heads": heads, "gated": len(mlp.gates) > 0}


def add_decoder(model: Autoencoder, name: str, tensors: dict[str, Tensor], *, short: bool = False) -> dict[str, Any]:
    """Add the decoder of ``model`` to ``tensors`` under ``name``; return its description with its likelihood."""
    network = add_network(model.decoder, name, model.config.activation, model.likelihood.heads, tensors, short=short)
    return {**network, **likelihood_of(model)}


def likelihood_of(model: Autoencoder) -> dict[str, Any]:
    """Return the name of the model's likelihood, and its variance where that is fixed."""
    config = model.config
    return {
        "likelihood": config.likelihood,
        "variance": config.variance if config.likelihood == "gaussian" else None,
    }


def content_hash(tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> str:
    """Return what a pack is known by: 16 hexadecimal digits that differ where anything in it does."""
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()[:16]


def pack_tensors(kind: str, about: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> bytes:
    """Return a pack of this kind as safetensors bytes: the tensors, and ``about`` with version and id in the header."""
    header = {"version": VERSION, **about}
    header["id"] = content_hash(tensors, header)
    return save(dict(tensors), metadata={kind: json.dumps(header)})
