"""A posterior as a picture: its log-density on an even raster around all of its mass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from vae_core.evidence import Posterior, log_density
from vae_core.gaussians import DECODED
from vae_core.models import Autoencoder

DEPTH: Final = 10.0
"""The raster is filled where the density is this many nats below the highest, or less."""
SIDE: Final = 288
"""As many numbers along an axis at most."""
_FLOOR: Final = DEPTH + 4


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


@torch.no_grad()
def posterior_raster(
    model: Autoencoder, x: torch.Tensor, found: Posterior, side: int = SIDE, within: Box | None = None
) -> Raster:
    """Return the log-density of one image's posterior in the plane, or ``within`` a box, given it on a grid of its own.

    Where it is negligible nothing is decoded; a raster of a narrow posterior costs some hundred images.
    """
    density = found.probability[0].log() - 2 * found.cell.log()
    top = density.max()
    nodes = density > top - DEPTH
    if within is not None:
        lower, upper = torch.tensor(within).to(found.z).reshape(2, 2)
        nodes &= ((found.z >= lower) & (found.z <= upper)).all(1)
    z, cell = found.z[nodes].cpu().double(), found.cell[nodes].cpu().double()
    low, high = (z - cell[:, None]).amin(0), (z + cell[:, None]).amax(0)
    step = max(cell.min().item(), ((high - low).max() / (side - 1)).item())
    ends = zip(low.tolist(), high.tolist(), strict=True)
    axes = [torch.linspace(first, last, max(2, round((last - first) / step) + 1)) for first, last in ends]
    rows, columns = torch.meshgrid(axes[1], axes[0], indexing="ij")
    places = torch.stack([columns, rows], -1).reshape(-1, 2)
    away, nearest = cKDTree(z.numpy()).query(places.numpy(), p=np.inf)
    near = torch.from_numpy(away <= cell.numpy()[nearest])
    values = torch.full((len(places),), (top - _FLOOR).item(), dtype=torch.float64)
    decoded = [log_density(model, x, some[:, None])[:, 0] for some in places[near].to(x).split(DECODED)]
    values[near] = (torch.cat(decoded) - found.log_evidence).cpu().double()
    values = values.clamp(min=(top - _FLOOR).item()).reshape(rows.shape)
    box = (low[0].item(), low[1].item(), high[0].item(), high[1].item())
    return Raster(values.numpy(), box, min(1.0, found.probability[0, nodes].sum().item()))
