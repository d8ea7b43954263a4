"""One expectation in any dimension, exactly, on a grid and by Monte Carlo: E[exp(-|x|^2 / 2)] for x ~ N(0, I)."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

REACH: Final = 5.0
"""The grid covers [-5, 5] in each dimension."""


def integrand(x: Tensor) -> Tensor:
    """Return f(x) = exp(-|x|^2 / 2) for points (..., d); shape (...)."""
    return (-0.5 * (x**2).sum(-1)).exp()


def exact(dimension: int) -> float:
    """Return the expectation: each dimension's Gaussian integral gives the root of one half."""
    return math.exp(-0.5 * dimension * math.log(2))


def axis_nodes(nodes: int) -> tuple[Tensor, float]:
    """Return the midpoints (nodes,) of equal cells of one axis, and their width."""
    width = 2 * REACH / nodes
    return torch.arange(nodes, dtype=torch.float64) * width - REACH + width / 2, width


def grid_sum(dimension: int, nodes: int) -> float:
    """Return the sum of f(x) p(x) over a grid with so many nodes along each axis, times the volume of a cell.

    Both factors are products over dimensions, so that the sum over all nodes is a power of that over one axis.
    """
    x, width = axis_nodes(nodes)
    density = (-0.5 * x**2).exp() / math.sqrt(2 * math.pi)
    return math.pow(float((integrand(x[:, None]) * density).sum() * width), dimension)


def nodes_for(points: int, dimension: int) -> int:
    """Return how many nodes an axis can have where the whole grid has at most so many points; one at least."""
    nodes = max(1, round(math.pow(points, 1 / dimension)))
    return nodes if math.pow(nodes, dimension) <= points else nodes - 1


def monte_carlo(dimension: int, points: int, repeats: int, generator: torch.Generator) -> Tensor:
    """Return means of f over ``points`` draws of x, each time anew; shape (repeats,)."""
    draws = torch.randn(repeats, points, dimension, generator=generator, dtype=torch.float64)
    return integrand(draws).mean(1)


def monte_carlo_error(dimension: int, points: int) -> float:
    """Return the standard deviation of such a mean, as a share of the expectation.

    From E[f^2] = 3^(-d/2); it falls with the root of the number of points, whatever the dimension.
    """
    return math.sqrt(((4 / 3) ** (dimension / 2) - 1) / points)
