"""Why decoded images are blurred: what lies near one code, averaged, and how undecided an image is."""

from __future__ import annotations

import torch
from torch import Tensor

from vae_core.errors import ConfigError


def nearest(codes: Tensor, z: Tensor, count: int) -> Tensor:
    """Return the numbers of the ``count`` codes (N, d) nearest to z (d,), the nearest first; (count,).

    Raises ConfigError where there are not so many codes.
    """
    if not 1 <= count <= len(codes):
        raise ConfigError(f"{count} nearest codes are asked for and there are {len(codes)}")
    return (codes - z).square().sum(1).topk(count, largest=False).indices


def running_means(x: Tensor) -> Tensor:
    """Return the means of the first one, two, ... of images (K, ...); shape of x."""
    counts = torch.arange(1, len(x) + 1, dtype=x.dtype).reshape(-1, *[1] * (x.dim() - 1))
    return x.cumsum(0) / counts


def undecided(x: Tensor) -> Tensor:
    """Return how undecided images (N, ...) in [0, 1] are: the sum of 4 m (1 - m) as a share of that of all ink; (N,).

    Nought for black and white, the larger the more of the ink is grey; 4 m (1 - m) is four times a coin's variance.
    """
    flat = x.flatten(1)
    return 4 * (flat * (1 - flat)).sum(1) / flat.sum(1).clamp(min=1e-12)


def rms_difference(x: Tensor, other: Tensor) -> Tensor:
    """Return the root of the mean squared difference a pixel between images (N, ...) and another (...); (N,)."""
    return (x - other).flatten(1).square().mean(1).sqrt()
