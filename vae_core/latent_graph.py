"""A graph over the latent plane whose edges are as long as the images at their ends are apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import dijkstra
from torch import Tensor

from vae_core.curves import mean_pixels
from vae_core.errors import ModelError
from vae_core.models import Autoencoder

SIDE: Final = 160
"""Lines of the grid along each axis."""
REACH: Final = 4.0
"""The grid covers [-4, 4]^2 at least: nearly all of the prior."""
NEIGHBOURS: Final = ((1, 0), (0, 1), (1, 1), (1, -1), (2, 1), (1, 2), (2, -1), (1, -2))
"""Steps to half of the sixteen neighbours of a node; the others are the same backwards."""
_ROWS: Final = 16


@dataclass(frozen=True)
class LatentGraph:
    """The nodes of a grid over the plane, and how far the images of neighbours are apart."""

    z: Tensor
    """The nodes, (K, 2)."""
    edges: csr_array
    """The Euclidean distance of the images at both ends of each edge, (K, K), in pixel values; one way each."""

    def nearest(self, point: Tensor) -> int:
        """Return the number of the node that lies nearest to a point (2,)."""
        return int((self.z - point).square().sum(1).argmin())

    def shortest_path(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the path (P, 2) from a (2,) to b (2,) that is the shortest through the nodes (Dijkstra 1959)."""
        first, last = self.nearest(a), self.nearest(b)
        before = dijkstra(self.edges, directed=False, indices=first, return_predecessors=True)[1]
        nodes = [last]
        while nodes[-1] != first:
            nodes.append(int(before[nodes[-1]]))
        return torch.cat([a[None], self.z[nodes[::-1]], b[None]])


@torch.no_grad()
def build_graph(model: Autoencoder, codes: Tensor, side: int = SIDE) -> LatentGraph:
    """Return the graph over a model's latent plane, ``side`` x ``side`` nodes, of which each has 16 neighbours.

    It covers the prior and all codes (N, 2), and is finer where codes are dense: an autoencoder spreads most of what
    it has learned over a small part of its plane. Raises ModelError unless the latent space is a plane.
    """
    if model.config.latent_dim != 2:
        raise ModelError(
            f"a graph needs a latent size of 2 and this model has {model.config.latent_dim}: "
            "ask for a geodesic without one"
        )
    x, y = (_lines(column, side) for column in codes.double().cpu().T)
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    z = torch.stack([columns, rows], -1).to(codes)
    images = torch.stack([mean_pixels(model, row) for row in z])
    return LatentGraph(z.reshape(-1, 2), _edges(images))


def _lines(codes: Tensor, side: int) -> Tensor:
    """Return ``side`` ascending coordinates: half of them evenly spread, half distributed as the codes (N,) are."""
    low, high = min(-REACH, codes.min().item()), max(REACH, codes.max().item())
    place = np.linspace(low, high, 4097)
    share = np.searchsorted(codes.sort().values.numpy(), place, side="right") / len(codes)
    share = (share - share[0]) / (share[-1] - share[0]) if share[-1] > share[0] else np.zeros_like(share)
    return torch.from_numpy(np.interp(np.linspace(0, 1, side), 0.5 * share + np.linspace(0, 0.5, len(place)), place))


def _edges(images: Tensor) -> csr_array:
    """Return the distances between neighbours among images (H, W, 784)."""
    height, width = images.shape[:2]
    number = torch.arange(height * width).reshape(height, width)
    starts, ends, lengths = [], [], []
    for right, up in NEIGHBOURS:
        here = slice(max(0, -up), height - max(0, up)), slice(0, width - right)
        there = slice(max(0, up), height - max(0, -up)), slice(right, width)
        starts.append(number[here].flatten())
        ends.append(number[there].flatten())
        pairs = zip(images[here].split(_ROWS), images[there].split(_ROWS), strict=True)
        lengths += [(b - a).square_().sum(-1).sqrt_().flatten() for a, b in pairs]
    arrays = (torch.cat(part).cpu().numpy() for part in (lengths, starts, ends))
    length, start, end = arrays
    # An edge of no length would be none at all to a sparse matrix.
    return coo_array((np.maximum(length, 1e-12), (start, end)), shape=(height * width,) * 2).tocsr()
