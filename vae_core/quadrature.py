"""Quadrature over the latent prior: nodes and weights that turn integrals over z into sums.

The grid starts coarse over the prior's support and halves its cells wherever the decoder distinguishes
neighbouring nodes: there some image's posterior is narrow. How well two nodes can be told apart is the symmetrised
KL divergence between their p(x|z), which for an exponential family is
``(natural - natural') . (expected - expected')``; for nodes a distance h apart it is h^2 / sigma^2 for a locally
Gaussian posterior of width sigma. Midpoint sums converge exponentially once h is near sigma
(Trefethen & Weideman 2014, sec. 3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from vae_core.errors import LatentExplorerError
from vae_core.models import Autoencoder

MAX_DIMENSION = 2
HALF_WIDTH: Final = 6.5
"""The grid covers [-6.5, 6.5]^d; the prior has less than 1e-10 of its mass outside."""
COARSE_CELLS: Final = 52
RESOLUTION: Final = 1.2
"""The largest distance between neighbouring nodes, in posterior standard deviations."""
FINEST_LEVEL: Final = 5
"""Cells are halved at most this many times, to a side of 1/128."""


@dataclass(frozen=True)
class Quadrature:
    """Nodes z (G, d) and log_weight (G,): the integral of f(z) p(z) is the sum of f(z) exp(log_weight)."""

    z: Tensor
    log_weight: Tensor
    cell: Tensor
    """The side of the square cell around each node, (G,)."""


def require_planar(model: Autoencoder) -> None:
    """Raise LatentExplorerError unless the latent space is small enough for a grid."""
    latent_dim = model.config.latent_dim
    if latent_dim > MAX_DIMENSION:
        raise LatentExplorerError(
            f"exact inference needs a latent size of 1 or 2 and this model has {latent_dim}: use the iwae bound instead"
        )


def _lattice(dimension: int, count: int) -> Tensor:
    """Return the midpoints (count^d, d) of equal cells over the support."""
    side = 2 * HALF_WIDTH / count
    axis = -HALF_WIDTH + side * (torch.arange(count, dtype=torch.float64) + 0.5)
    return torch.cartesian_prod(*[axis] * dimension).reshape(-1, dimension)


def _corners(dimension: int) -> Tensor:
    """Return the signs (2^d, d) that lead from a cell's centre to those of its halves."""
    signs = torch.tensor([-1.0, 1.0], dtype=torch.float64)
    return torch.cartesian_prod(*[signs] * dimension).reshape(-1, dimension)


@torch.no_grad()
def _distinguishability(model: Autoencoder, siblings: Tensor, chunk: int = 1024) -> Tensor:
    """Return, for cells of 2^d sibling nodes (C, 2^d, d), the largest symmetrised KL along an axis; shape (C,)."""
    dimension = siblings.shape[-1]
    number = torch.arange(2**dimension)
    parts = []
    for nodes in siblings.float().split(chunk):
        params = model.decode_params(nodes)
        natural = model.likelihood.natural(params)
        expected = model.likelihood.expected_statistics(params)
        steps = []
        for axis in range(dimension):
            bit = 2 ** (dimension - 1 - axis)
            low = number[(number // bit) % 2 == 0]
            difference = natural[:, low] - natural[:, low + bit]
            steps.append((difference * (expected[:, low] - expected[:, low + bit])).sum(-1).amax(-1))
        parts.append(torch.stack(steps).amax(0))
    return torch.cat(parts)


def build(model: Autoencoder, resolution: float = RESOLUTION, finest_level: int = FINEST_LEVEL) -> Quadrature:
    """Return the refined quadrature grid of a model with latent size 1 or 2.

    ``resolution`` is the largest node distance in posterior standard deviations; halving it quadruples the grid.
    Raises LatentExplorerError for a larger latent size.
    """
    require_planar(model)
    dimension = model.config.latent_dim
    device = next(model.parameters()).device
    corners = _corners(dimension)
    side = 2 * HALF_WIDTH / COARSE_CELLS
    pending = _lattice(dimension, COARSE_CELLS // 2)
    kept: list[Tensor] = []
    sides: list[Tensor] = []
    for level in range(finest_level + 1):
        siblings = pending[:, None] + corners * side / 2
        if level < finest_level:
            split = _distinguishability(model, siblings.to(device)).cpu() > resolution**2
        else:
            split = torch.zeros(len(siblings), dtype=torch.bool)
        done = siblings[~split].reshape(-1, dimension)
        kept.append(done)
        sides.append(torch.full((len(done),), side))
        pending, side = siblings[split].reshape(-1, dimension), side / 2
    z, cell = torch.cat(kept), torch.cat(sides)
    log_prior = -0.5 * (z**2).sum(-1) - 0.5 * dimension * math.log(2 * math.pi)
    log_weight = log_prior + dimension * cell.double().log()
    return Quadrature(z.float().to(device), log_weight.float().to(device), cell.to(device))
