"""The modes of a posterior: where on its grid it is highest, and how much of it climbs to each of these places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from vae_core.evidence import Posterior, log_density
from vae_core.models import Autoencoder

LEAST: Final = 0.01
"""What holds less of the posterior than this is no mode of its own."""
PROMINENCE: Final = 0.7
"""Nor is a summit from which the way to a higher one goes down by fewer nats: by less than a factor of two."""
_NEGLIGIBLE: Final = 1e-9
"""Nodes with a smaller share than this lead nowhere."""
_ROUNDS: Final = 24


@dataclass(frozen=True)
class Modes:
    """The M modes of one image's posterior, the one with the most of it first."""

    z: Tensor
    """Where the density is highest, (M, d)."""
    share: Tensor
    """The part of the posterior that lies on the slopes of each, (M,)."""
    mean: Tensor
    """The mean of that part, (M, d)."""
    covariance: Tensor
    """Its covariance, (M, d, d)."""


@torch.no_grad()
def find_modes(model: Autoencoder, x: Tensor, found: Posterior, least: float = LEAST) -> Modes:
    """Return the modes of p(z|x) of one image (1, 1, 28, 28), given its posterior on a grid of its own.

    Every node points to the highest of its neighbours, uphill until there is none (as mean shift does: Comaniciu & Meer
    2002, sec. 2). Summits without `PROMINENCE` join the higher one (as in persistence: Chazal et al. 2013, sec. 2.3);
    from the others a compass search (Kolda et al. 2003, sec. 1) finds the place between the nodes. Modes that hold less
    than ``least`` of the posterior are left out, but never the largest.
    """
    mass = found.probability[0]
    nodes = (mass > _NEGLIGIBLE * mass.max()).nonzero()[:, 0]
    z, cell, mass = found.z[nodes], found.cell[nodes], mass[nodes]
    density = mass.log() - z.shape[1] * cell.log()
    heights = density.cpu().numpy()
    pairs = _touching(z.cpu().numpy(), cell.cpu().numpy())
    roots = _join(_uphill(pairs, heights), pairs, heights)
    tops, climbs = np.unique(roots, return_inverse=True)
    top = torch.from_numpy(tops).to(z.device)
    peaks = _climb(model, x, z[top], cell[top] / 2)
    same = _merge(peaks, cell[top])
    return _collect(peaks, same[torch.from_numpy(climbs).to(z.device)], z, cell, mass, least)


def _touching(z: NDArray[np.float32], cell: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return all pairs of nodes (G, d) whose cells touch, each node and itself among them; shape (P, 2)."""
    # Cells touch, along an edge or at a corner, where their midpoints are half of both sides apart.
    near = cKDTree(z).query_ball_point(z, 1.001 * cell, p=np.inf)
    first = np.repeat(np.arange(len(z)), [len(found) for found in near])
    second = np.concatenate([np.asarray(found, dtype=np.int64) for found in near])
    apart = np.abs(z[first] - z[second]).max(1)
    touching = apart < 0.5005 * (cell[first] + cell[second])
    pairs = np.stack([first[touching], second[touching]], 1)
    return np.concatenate([pairs, pairs[:, ::-1]])


def _uphill(pairs: NDArray[np.int64], density: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return for every node the one that the steepest way up from neighbour to neighbour ends at; shape (G,)."""
    # Sorted by height, the last neighbour written is the highest; among equals the one with the larger number.
    pairs = pairs[np.lexsort((pairs[:, 1], density[pairs[:, 1]]))]
    higher = np.arange(len(density))
    higher[pairs[:, 0]] = pairs[:, 1]
    while not np.array_equal(higher, higher[higher]):
        higher = higher[higher]
    return higher


def _join(roots: NDArray[np.int64], pairs: NDArray[np.int64], density: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the summit of every node, those without prominence taken for the higher one that the best way leads to."""
    between = roots[pairs[:, 0]] < roots[pairs[:, 1]]
    passes = density[pairs[between]].min(1)
    order = passes.argsort()[::-1]
    # Of all the ways between two slopes the one that stays highest counts.
    slopes, first = np.unique(roots[pairs[between]][order], axis=0, return_index=True)
    summit = {int(root): int(root) for root in np.unique(roots)}
    for k in first.argsort():
        ends = (_top(summit, int(root)) for root in slopes[k])
        low, high = sorted(ends, key=lambda root: float(density[root]))
        if density[low] - passes[order[first[k]]] < PROMINENCE:
            summit[low] = high
    tops, climbs = np.unique(roots, return_inverse=True)
    return np.array([_top(summit, int(top)) for top in tops])[climbs]


def _top(summit: dict[int, int], root: int) -> int:
    while summit[root] != root:
        root = summit[root]
    return root


def _climb(model: Autoencoder, x: Tensor, z: Tensor, step: Tensor) -> Tensor:
    """Return the summits (M, d) that a compass search finds from z (M, d), with first steps of these lengths (M,)."""
    dimension = z.shape[1]
    ways = torch.cartesian_prod(*[torch.tensor([0.0, -1.0, 1.0], device=z.device)] * dimension).reshape(-1, dimension)
    for _ in range(_ROUNDS):
        places = z[:, None] + step[:, None, None] * ways
        heights = log_density(model, x, places.reshape(-1, 1, dimension)).reshape(places.shape[:2])
        best = heights.argmax(1)
        step = torch.where(best == 0, step / 2, step)
        z = places[torch.arange(len(z), device=z.device), best]
    return z


def _merge(peaks: Tensor, within: Tensor) -> Tensor:
    """Return for every peak (M, d) the first that is no further away than half a cell; shape (M,)."""
    apart = (peaks[:, None] - peaks).abs().amax(-1)
    return (apart < 0.5 * torch.minimum(within[:, None], within)).to(torch.int8).argmax(1)


def _collect(peaks: Tensor, mode: Tensor, z: Tensor, cell: Tensor, mass: Tensor, least: float) -> Modes:
    """Return the modes of nodes z (G, d) with their cells and masses, each of the mode with this number (G,)."""
    share = torch.zeros_like(peaks[:, 0]).index_add_(0, mode, mass)
    share /= share.sum()
    kept = share.argsort(descending=True)
    kept = kept[(share[kept] >= least) | (kept == kept[0])]
    means, covariances = [], []
    for number in kept:
        own = mode == number
        weight = mass[own] / mass[own].sum()
        means.append(weight @ z[own])
        centred = z[own] - means[-1]
        # A cell's own width counts: the mass of a narrow mode may lie in few of them.
        width = torch.diag((weight @ cell[own] ** 2 / 12).expand(z.shape[1]))
        covariances.append((centred * weight[:, None]).T @ centred + width)
    return Modes(peaks[kept], share[kept], torch.stack(means), torch.stack(covariances))
