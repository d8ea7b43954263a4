"""Square cells of the latent space by integer places: the cell at place i of a level with side h has its midpoint at
(i + 1/2) h, and halving it along each axis gives the cells at 2 i and 2 i + 1 of the next level."""

from __future__ import annotations

import torch
from torch import Tensor


def places(reach: int, dimension: int, device: torch.device | None = None) -> Tensor:
    """Return the places (G, d) of all cells within ``reach`` cells of the origin along each axis.

    In Morton's order: any run of them lies close together, and so do the halves of a run.
    """
    index = _product(torch.arange(-reach, reach, device=device), dimension)
    return index[_interleaved(index + reach).argsort()]


def halve(index: Tensor) -> Tensor:
    """Return the places (2^d G, d) of the halves of cells at places (G, d), those of one cell together."""
    dimension = index.shape[1]
    return (2 * index[:, None] + _product(torch.arange(2, device=index.device), dimension)).reshape(-1, dimension)


def midpoints(index: Tensor, side: float) -> Tensor:
    """Return the midpoints (G, d) of cells of one side; exact in float32, as halves and quarters are."""
    return (index + 0.5) * side


def beside(index: Tensor) -> Tensor:
    """Return the rows of ``index`` (G, d) that hold each cell's neighbours, -1 where there is none; shape (d, 2, G).

    Along each axis, first the neighbour before a cell, then the one behind it.
    """
    rows = torch.full((index.shape[1], 2, len(index)), -1, device=index.device)
    for axis, (before, behind) in enumerate(rows):
        key = _key(index, axis)
        order = key.argsort()
        adjacent = key[order].diff() == 1
        first, second = order[:-1][adjacent], order[1:][adjacent]
        before[second], behind[first] = first, second
    return rows


class Level:
    """All cells of one level, for finding a cell's neighbours among them."""

    def __init__(self, index: Tensor) -> None:
        keys, order = _key(index).sort()
        self._keys, self._index = keys, index[order]

    def around(self, block: Tensor) -> Tensor:
        """Return the places (H, d) of those cells beside a block of cells (G, d) that are not of it themselves."""
        dimension = block.shape[1]
        axes = torch.eye(dimension, dtype=block.dtype, device=block.device)
        beside = (block[:, None] + torch.cat([axes, -axes])).reshape(-1, dimension)
        keys = _key(beside).unique()
        at = torch.searchsorted(self._keys, keys).clamp(max=len(self._keys) - 1)
        wanted = (self._keys[at] == keys) & ~torch.isin(keys, _key(block))
        return self._index[at[wanted]]


def _product(values: Tensor, dimension: int) -> Tensor:
    return torch.cartesian_prod(*[values] * dimension).reshape(-1, dimension)


def _interleaved(index: Tensor) -> Tensor:
    """Return the number (G,) whose bits are those of the coordinates (G, d) in turn (Morton 1966)."""
    dimension = index.shape[1]
    number = torch.zeros_like(index[:, 0])
    for bit in range(int(index.max()).bit_length()):
        for axis in range(dimension):
            number |= (index[:, axis] >> bit & 1) << bit * dimension + axis
    return number


def _key(index: Tensor, axis: int = -1) -> Tensor:
    """Return one number per cell (G,) that grows by one along ``axis`` and by far more along another."""
    axis %= index.shape[1]
    others = [index[:, other] << 32 for other in range(index.shape[1]) if other != axis]
    return sum(others, index[:, axis])
