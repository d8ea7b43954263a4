"""Nearest neighbours among points in memory, exact: all distances, some rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import torch
from torch import Tensor

_BLOCK: Final = 10_000_000
"""Distances held in memory at once."""
_SAME: Final = 1e-12
"""Squared distances below this, relative to the squared norms, are rounding of points that were float32."""


def square_distances(points: Tensor, others: Tensor) -> Iterator[Tensor]:
    """Yield, some ``points`` (N, F) at a time, their squared distances to all ``others`` (M, F); shape (n, M).

    Both are float64, and best near the origin: distances are differences of squared norms.
    """
    sizes = others.square().sum(1)
    for chunk in points.split(max(1, _BLOCK // len(others))):
        norms = chunk.square().sum(1, keepdim=True) + sizes
        distances = torch.addmm(norms, chunk, others.T, alpha=-2)
        # Of two equal points, rounding must not make neighbours at a distance.
        yield distances.masked_fill_(distances < _SAME * norms, 0.0)


def square_radii(points: Tensor, k: int) -> Tensor:
    """Return the squared distance of every point (N, F), N > k, to its k-th nearest other one; shape (N,)."""
    # A point is its own nearest neighbour, at a distance of 0.
    radii = [distances.topk(k + 1, largest=False).values[:, k] for distances in square_distances(points, points)]
    return torch.cat(radii)
