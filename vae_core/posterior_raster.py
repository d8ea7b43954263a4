"""A posterior as a picture: its log-density on an even raster around all of its mass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import CloughTocher2DInterpolator
from scipy.spatial import cKDTree

from vae_core.evidence import Posterior

DEPTH: Final = 10.0
"""The raster is filled where the density is this many nats below the highest, or less."""
SIDE: Final = 288
"""As many numbers along an axis at most."""
_FLOOR: Final = DEPTH + 4
_FEWEST: Final = 64


Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Raster:
    """log p(z|x) of one image, row by row."""

    values: NDArray[np.float64]
    """In nats per unit of area, (H, W), the first row at the lowest y; no number is far below what can be seen."""
    box: Box
    """The first and the last column and row: x0, y0, x1, y1."""
    mass: float = 1.0
    """The part of the posterior that lies within."""

    @property
    def x(self) -> NDArray[np.float64]:
        """Where the columns stand, (W,)."""
        return np.linspace(self.box[0], self.box[2], self.values.shape[1])

    @property
    def y(self) -> NDArray[np.float64]:
        """Where the rows stand, (H,)."""
        return np.linspace(self.box[1], self.box[3], self.values.shape[0])


def levels(raster: Raster, shares: tuple[float, ...] = (0.5, 0.9, 0.99)) -> list[float]:
    """Return the log-densities that bound the smallest regions with these shares of the posterior, one for each.

    What lies outside the raster counts as lower than what lies within.
    """
    ordered = np.sort(raster.values.ravel())[::-1]
    mass = np.cumsum(np.exp(ordered - ordered[0]))
    places = [np.searchsorted(mass, min(1.0, share / raster.mass) * mass[-1]) for share in shares]
    return [float(ordered[min(place, len(ordered) - 1)]) for place in places]


def posterior_raster(found: Posterior, side: int = SIDE, within: Box | None = None, finer: float = 1.0) -> Raster:
    """Return the log-density of one image's posterior in the plane, or ``within`` a box, given it on a grid of its own.

    Between the nodes it is interpolated (Clough & Tocher 1965), within 0.02 nats where it can be seen; numbers stand as
    far apart as the nodes do where they are closest, or ``finer`` times closer.
    """
    density = (found.probability[0].log() - 2 * found.cell.log()).cpu().double()
    places, cells, top = found.z.cpu().double(), found.cell.cpu().double(), density.max().item()
    nodes = density > top - DEPTH
    if within is not None:
        lower, upper = torch.tensor(within, dtype=torch.float64).reshape(2, 2)
        nodes &= ((places >= lower) & (places <= upper)).all(1)
    z, cell = places[nodes], cells[nodes]
    low, high = (z - cell[:, None]).amin(0), (z + cell[:, None]).amax(0)
    step = max(cell.min().item() / finer, ((high - low).max() / (side - 1)).item())
    ends = zip(low.tolist(), high.tolist(), strict=True)
    axes = [torch.linspace(first, last, max(2, round((last - first) / step) + 1)) for first, last in ends]
    rows, columns = torch.meshgrid(axes[1], axes[0], indexing="ij")
    wanted = torch.stack([columns, rows], -1).reshape(-1, 2).double().numpy()
    away, nearest = cKDTree(z.numpy()).query(wanted, p=np.inf)
    near = away <= cell.numpy()[nearest]
    values = np.full(len(wanted), top - _FLOOR)
    values[near] = _between(places, density)(wanted[near])
    box = (low[0].item(), low[1].item(), high[0].item(), high[1].item())
    share = min(1.0, found.probability[0, nodes].sum().item())
    return Raster(values.clip(min=top - _FLOOR).reshape(rows.shape), box, share)


def _between(z: torch.Tensor, density: torch.Tensor) -> CloughTocher2DInterpolator:
    """Return what interpolates the densities (G,) at z (G, 2), from those nodes that have one, the highest at least."""
    count = max(_FEWEST, int((density > density.max() - _FLOOR).sum()))
    chosen = density.topk(min(count, int(density.isfinite().sum()))).indices
    heights = density[chosen]
    return CloughTocher2DInterpolator(z[chosen].numpy(), heights.numpy(), fill_value=heights.min().item())
