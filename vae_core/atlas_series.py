"""How an atlas grows in the browser: the packs that bring further frames, and decoders, to a series."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from vae_core.atlas_tensors import PLANE_DIMENSION, add_decoder, half_if_finite, pack_tensors
from vae_core.errors import LatentExplorerError
from vae_core.models import Autoencoder

TAIL = "tail"
KEYFRAME = "keyframe"


def check_growing(
    series: str, positions: Tensor, axis: Sequence[float], curves: Mapping[str, Sequence[float]], start: int = 0
) -> None:
    """Raise LatentExplorerError, saying what is wrong, unless these frames can be part of the series.

    Positions are (k, N, 2), the axis has k ascending numbers, and each curve k finite ones.
    """
    shaped = positions.ndim == 3 and positions.shape[0] > 0 and positions.shape[-1] == PLANE_DIMENSION
    frames = len(positions) if shaped else -1
    problems = {
        "a series needs a name": bool(series),
        "its first frame must be 0 or later": start >= 0,
        "positions must be (frames, points, 2), with one frame at least": shaped,
        "positions must be finite": bool(np.isfinite(positions.numpy(force=True)).all()),
        "every frame needs its place on the axis": frames == len(axis),
        "the axis must ascend": all(a < b for a, b in pairwise(axis)) and all(map(math.isfinite, axis)),
        "curves need a number per frame": all(len(curve) == frames for curve in curves.values()),
        "curves must be finite": all(math.isfinite(value) for curve in curves.values() for value in curve),
    }
    for sentence, fine in problems.items():
        if not fine:
            raise LatentExplorerError(f"cannot add frames to the series '{series}': {sentence}")


def pack_tail(
    series: str, start: int, positions: Tensor, axis: Sequence[float], curves: Mapping[str, Sequence[float]]
) -> bytes:
    """Return frames ``start`` to ``start + k - 1`` of a series as safetensors bytes; frames may be sent again.

    Positions (k, N, 2) travel as float16: a code is off by at most 1/2048 of its distance from the axes, less than
    a quarter of a pixel on a plane that shows all of them. Where a code is beyond 65,504 all travel as float32.
    ``axis`` has k ascending numbers, ``curves`` k finite ones each, in nats per image where they are losses.
    Raises LatentExplorerError where these do not fit together.
    """
    check_growing(series, positions, axis, curves, start)
    tensors = {
        "positions": half_if_finite(positions.detach().cpu()).contiguous(),
        "axis": torch.tensor(list(axis), dtype=torch.float32),
    }
    about = {"series": series, "start": start, "curves": {name: list(curve) for name, curve in curves.items()}}
    return pack_tensors(TAIL, about, tensors)


def pack_keyframe(series: str, frame: int, model: Autoencoder) -> bytes:
    """Return the decoder that holds from ``frame`` of a series on as safetensors bytes, weights in float16.

    Raises LatentExplorerError where there can be no such frame or the latent space is not a plane.
    """
    problems = {
        "a series needs a name": bool(series),
        "its frame must be 0 or later": frame >= 0,
        "only a latent size of 2 can be shown as a plane": model.config.latent_dim == PLANE_DIMENSION,
    }
    for sentence, fine in problems.items():
        if not fine:
            raise LatentExplorerError(f"cannot add a decoder to the series '{series}': {sentence}")
    tensors: dict[str, Tensor] = {}
    about = {"series": series, "frame": frame, **add_decoder(model, "decoder", tensors, short=True)}
    return pack_tensors(KEYFRAME, about, tensors)
