"""Geodesics: the shortest curves between latent points, by how much the decoded image changes along the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

from vae_core.curves import Curve, mean_pixels, measure, straight, subdivide
from vae_core.errors import LatentExplorerError
from vae_core.latent_graph import LatentGraph
from vae_core.models import Autoencoder

NODES: Final = 65
"""Points of a smoothed curve."""
PARTS: Final = 2
"""Each leg between two of them is decoded in so many parts, so that no image is jumped over."""
ITERATIONS: Final = 60
TRIAL: Final = 12
"""So many of them show which of two curves to start from leads to a shorter one."""
GAIN: Final = 1e-4
"""A curve that is shorter than the straight line by a smaller share is not told from it."""
_ROUGH: Final = 0.01


@dataclass(frozen=True)
class Geodesic:
    """The shortest curve found between two points, and the straight line between them."""

    curve: Curve
    straight: Curve

    @property
    def is_straight(self) -> bool:
        """Whether nothing shorter than the straight line was found."""
        return self.curve is self.straight


@torch.no_grad()
def geodesic(model: Autoencoder, a: Tensor, b: Tensor, graph: LatentGraph | None = None) -> Geodesic:
    """Return the geodesic from a (d,) to b (d,) in the metric JᵀJ that the mean decoder pulls back.

    What Shao et al. 2018 and Chen et al. 2018 look for: of all curves the one along which the mean image changes
    least. It is found by smoothing the straight line, or where there is a graph the shortest path through it if that
    leads to less; so it is the shortest of the curves near these, and not surely of all there are. The ends are exact,
    and it is never longer than the straight line.

    Raises:
        LatentExplorerError: the ends are not two finite points of the model's latent space.
    """
    wanted = (model.config.latent_dim,)
    if a.shape != wanted or b.shape != wanted or not (a.isfinite().all() and b.isfinite().all()):
        raise LatentExplorerError(f"a geodesic needs two points of {wanted[0]} finite numbers each: give both in full")
    line = measure(model, straight(a, b, NODES))
    points = line.evenly(NODES)
    if graph is not None:
        path = measure(model, graph.shortest_path(a, b), _ROUGH).evenly(NODES)
        tried = [smooth(model, start, TRIAL) for start in (points, path)]
        points = min(tried, key=lambda curve: energy(model, curve).item())
    curve = measure(model, smooth(model, points))
    return Geodesic(curve if curve.length < (1 - GAIN) * line.length else line, line)


def energy(model: Autoencoder, points: Tensor, parts: int = PARTS) -> Tensor:
    """Return the energy of the polyline through points (P, d), in squared pixel values.

    The sum over its steps of squared distances between images, times the number of steps (Shao et al. 2018):
    at least the square of the length, and as much where all steps are equal.
    """
    images = mean_pixels(model, subdivide(points, parts))
    return images.diff(dim=0).square().sum() * (len(images) - 1)


def smooth(model: Autoencoder, points: Tensor, iterations: int = ITERATIONS) -> Tensor:
    """Return the polyline through points (P, d) with those between its ends moved to where its energy is least.

    By L-BFGS (Liu & Nocedal 1989) in coordinates in which a string of beads is equally stiff all along: moving one
    bead by itself costs much and all of them together little, which takes steps by the hundred otherwise.
    """
    inner, dimension = len(points) - 2, points.shape[1]
    if inner < 1:
        return points
    loose = _loosened(inner).to(points)

    def placed(moves: Tensor) -> Tensor:
        return torch.cat([points[:1], points[1:-1] + loose @ moves, points[-1:]])

    def stretch(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        moves = torch.from_numpy(flat.reshape(inner, dimension)).to(points).requires_grad_()
        with torch.enable_grad():
            value = energy(model, placed(moves))
            (slope,) = torch.autograd.grad(value, moves)
        return value.item(), slope.double().cpu().numpy().ravel()

    found = minimize(
        stretch,
        np.zeros(inner * dimension),
        jac=True,
        method="L-BFGS-B",
        # Single precision tells energies apart by a millionth.
        options={"maxiter": iterations, "maxcor": 20, "ftol": 1e-6, "gtol": 0.0},
    )
    return placed(torch.from_numpy(found.x.reshape(inner, dimension)).to(points))


def _loosened(count: int) -> Tensor:
    """Return the matrix (count, count) whose product with its own transpose is the inverse of a string's stiffness."""
    beside = torch.ones(count - 1, dtype=torch.float64)
    stiffness = 2 * torch.eye(count, dtype=torch.float64) - beside.diag(1) - beside.diag(-1)
    inverse: Tensor = torch.linalg.inv(torch.linalg.cholesky(stiffness)).T
    return inverse
