"""The latent atlas: N points at K frames along an axis with a decoder for each, as one block of safetensors bytes.

Everything the plane shows has this format (docs/architecture.md): a plain model is an atlas with a single frame. One of
a series grows in the browser, by the packs of `pack_tail` and `pack_keyframe`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from vae_core.atlas_series import KEYFRAME, TAIL, check_growing, pack_keyframe, pack_tail
from vae_core.atlas_tensors import (
    PLANE_DIMENSION,
    add_decoder,
    add_network,
    half_if_finite,
    likelihood_of,
    pack_tensors,
)
from vae_core.data import to_pixels
from vae_core.errors import LatentExplorerError
from vae_core.evaluation import CHUNK
from vae_core.models import Autoencoder
from vae_core.objectives import kl_divergence

NO_LABEL = 255
HEADER = "atlas"

__all__ = (
    "Atlas",
    "encode_images",
    "log_spaced",
    "of_any_beta",
    "of_model",
    "of_pair",
    "pack",
    "pack_keyframe",
    "pack_tail",
    "read_header",
)


@dataclass(frozen=True)
class Atlas:
    """Points along an axis, and the networks that belong to them."""

    name: str
    positions: Tensor
    """Codes (K, N, 2), float32."""
    labels: Tensor
    """Class numbers (N,); -1 where there is none."""
    decoders: Mapping[int, Autoencoder]
    """The model whose decoder holds from each frame on; frame 0 must be there."""
    encoder: Autoencoder | None = None
    """The model that encodes drawn digits."""
    axis_name: str = "single"
    axis: Sequence[float] = (0.0,)
    values: Mapping[str, Tensor] = field(default_factory=dict)
    """Quantities to colour points by, each (N,) or (K, N), in nats per image."""
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Quantities of a whole frame, K numbers each, in nats per image."""
    classes: Sequence[str] = tuple("0123456789")
    series: str = ""
    """The series that this is the beginning of, if it grows; its frames are then the steps of a training run."""

    def __post_init__(self) -> None:
        frames, points, dimension = self.positions.shape
        problems = {
            "positions must have two coordinates": dimension == PLANE_DIMENSION,
            "every frame needs its place on the axis": len(self.axis) == frames,
            "every point needs a label, -1 for none": len(self.labels) == points,
            "the first frame needs a decoder": 0 in self.decoders,
            "values must be (N,) or (K, N)": all(v.shape[-1] == points for v in self.values.values()),
            "curves need a number per frame": all(len(curve) == frames for curve in self.curves.values()),
        }
        for sentence, fine in problems.items():
            if not fine:
                raise LatentExplorerError(f"cannot make an atlas of {self.name}: {sentence}")
        if self.series:
            check_growing(self.series, self.positions, self.axis, self.curves)


def pack(atlas: Atlas) -> bytes:
    """Return the atlas as safetensors bytes; its header's ``id`` is a hash of the content.

    Many frames and decoders make a series large: its positions and decoders travel as float16, as its tails do.
    """
    labels = torch.where(atlas.labels < 0, NO_LABEL, atlas.labels).to(torch.uint8)
    growing = bool(atlas.series)
    positions = half_if_finite(atlas.positions) if growing else atlas.positions.float()
    tensors = {"positions": positions.contiguous(), "labels": labels}
    tensors["axis"] = torch.tensor(list(atlas.axis), dtype=torch.float32)
    tensors |= {f"values.{key}": value.float().contiguous() for key, value in atlas.values.items()}
    decoders = []
    for frame, model in sorted(atlas.decoders.items()):
        name = "decoder" if len(atlas.decoders) == 1 else f"decoder@{frame}"
        decoders.append({"frame": frame, **add_decoder(model, name, tensors, short=growing)})
    encoder = None
    if atlas.encoder is not None:
        config = atlas.encoder.config
        encoder = add_network(atlas.encoder.encoder, "encoder", config.activation, 1, tensors)
    config = atlas.decoders[0].config
    about: dict[str, Any] = {
        "name": atlas.name,
        "kind": config.kind,
        "latent_dim": config.latent_dim,
        "axis": {"name": atlas.axis_name},
        **likelihood_of(atlas.decoders[0]),
        "classes": list(atlas.classes),
        "units": dict.fromkeys(atlas.values, "nats"),
        "curves": {name: list(curve) for name, curve in atlas.curves.items()},
        "encoder": encoder,
        "decoders": decoders,
    }
    if growing:
        about["series"] = atlas.series
    return pack_tensors(HEADER, about, tensors)


def read_header(packed: bytes) -> dict[str, Any]:
    """Return the description in the header of a packed atlas, tail or keyframe, without reading its tensors."""
    length = int.from_bytes(packed[:8], "little")
    metadata = json.loads(packed[8 : 8 + length])["__metadata__"]
    header: dict[str, Any] = json.loads(next(metadata[kind] for kind in (HEADER, TAIL, KEYFRAME) if kind in metadata))
    return header


@torch.no_grad()
def encode_images(model: Autoencoder, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Encode uint8 images (N, 28, 28): codes mu (N, d), and per image the values to colour by.

    ``reconstruction`` is -log p(x|z) at z = mu in nats; ``kl`` is the rate in nats, absent for an AE.
    """
    codes, reconstructions, rates = [], [], []
    for chunk in images.split(CHUNK):
        x = to_pixels(chunk)
        mu, logvar = model.encode(x)
        codes.append(mu)
        reconstructions.append(-model.log_likelihood(x, mu))
        if logvar is not None:
            rates.append(kl_divergence(mu, logvar))
    values = {"reconstruction": torch.cat(reconstructions)}
    if rates:
        values["kl"] = torch.cat(rates)
    return torch.cat(codes), values


def of_model(name: str, model: Autoencoder, images: Tensor, labels: Tensor) -> Atlas:
    """Return the single-frame atlas of one model with a two-dimensional latent space.

    Images are uint8 (N, 28, 28), shown as they are (grey), labels (N,) with -1 for none.
    Raises LatentExplorerError where the latent space is not a plane.
    """
    _require_plane(name, model)
    codes, values = encode_images(model, images)
    return Atlas(name, codes[None], labels, {0: model}, encoder=model, values=values)


def _require_plane(name: str, model: Autoencoder) -> None:
    if model.config.latent_dim != PLANE_DIMENSION:
        raise LatentExplorerError(
            f"{name} has a latent size of {model.config.latent_dim}: only a latent size of 2 can be shown as a plane"
        )


def of_pair(names: tuple[str, str], models: tuple[Autoencoder, Autoencoder], images: Tensor, labels: Tensor) -> Atlas:
    """Return the atlas that leads from one model's latent space, frame 0, to another's, frame 1.

    Images are uint8 (N, 28, 28), labels (N,) with -1 for none.
    Raises LatentExplorerError where either latent space is not a plane.
    """
    for name, model in zip(names, models, strict=True):
        _require_plane(name, model)
    first, second = (encode_images(model, images) for model in models)
    shared = first[1].keys() & second[1].keys()
    values = {key: torch.stack([first[1][key], second[1][key]]) for key in sorted(shared)}
    positions = torch.stack([first[0], second[0]])
    decoders = dict(enumerate(models))
    return Atlas(" to ".join(names), positions, labels, decoders, axis_name="model", axis=(0.0, 1.0), values=values)


def log_spaced(low: float, high: float, count: int) -> list[float]:
    """Return ``count`` betas from ``low`` to ``high``, evenly spaced in their logarithm, both ends exact."""
    return [low, *(low * (high / low) ** (k / (count - 1)) for k in range(1, count - 1)), high]


def of_any_beta(
    name: str,
    model: Autoencoder,
    images: Tensor,
    labels: Tensor,
    betas: Sequence[float],
    curves: Mapping[str, Sequence[float]],
) -> Atlas:
    """Return the atlas of an any-beta model, a frame for each of ``betas``, ascending within its range.

    ``curves`` are figures measured at these betas, such as the ``distortion`` and ``rate`` on the test set, in nats.
    The one decoder is gated: between frames the browser turns its gates to the beta in between.
    Raises LatentExplorerError where the latent space is not a plane, ConfigError for a beta out of range.
    """
    _require_plane(name, model)
    positions, rates = [], []
    for fixed in map(model.at, betas):
        encoded = [fixed.encode(to_pixels(chunk)) for chunk in images.split(CHUNK)]
        positions.append(torch.cat([mu for mu, _ in encoded]))
        rates.append(torch.cat([kl_divergence(mu, logvar) for mu, logvar in encoded if logvar is not None]))
    return Atlas(
        name,
        torch.stack(positions),
        labels,
        {0: model},
        encoder=model,
        axis_name="beta",
        axis=list(betas),
        values={"kl": torch.stack(rates)},
        curves=curves,
    )
