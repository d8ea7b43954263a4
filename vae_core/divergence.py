"""The Kullback-Leibler divergence: of probabilities, of densities on a line, and the Gaussian that makes it least."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import Final, NamedTuple

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from vae_core.errors import ConfigError
from vae_core.likelihoods import LOG_2PI

DIRECTIONS: Final = ("forward", "reverse")
"""KL(p || q), and KL(q || p)."""
_NODES: Final = 64


def kl_terms(p: Tensor, q: Tensor) -> Tensor:
    """Return the terms p log(p / q) of KL(p || q) in nats, of the shape of p; single ones may be negative.

    What p never does costs nothing; what q rules out and p does costs infinitely much.
    """
    return torch.where(p > 0, p * (p / q).log(), torch.zeros_like(p))


def kl_on_grid(log_p: Tensor, log_q: Tensor, cell: float) -> float:
    """Return KL(p || q) in nats for log densities (G,) at the midpoints of cells of one width."""
    return float((log_p.exp() * (log_p - log_q)).sum() * cell)


class Gauss(NamedTuple):
    """A Gaussian on a line."""

    mean: float
    std: float

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the log density in nats at x."""
        return -0.5 * (((x - self.mean) / self.std) ** 2 + LOG_2PI) - math.log(self.std)


def kl_gaussians(p: Gauss, q: Gauss) -> float:
    """Return KL(p || q) of two Gaussians in nats (Kingma & Welling 2014, appendix B, for q = N(0, 1))."""
    ratio = (p.std / q.std) ** 2
    return 0.5 * (ratio + ((p.mean - q.mean) / q.std) ** 2 - 1 - math.log(ratio))


def closest_gaussian(log_density: Callable[[Tensor], Tensor], x: Tensor, direction: str) -> Gauss:
    """Return the Gaussian q closest to a density p, known by its log, in one direction of the divergence.

    KL(p || q) is least where q has p's mean and variance; KL(q || p) has no such form and is minimised from several
    starts. ``x`` (G,) are the midpoints of cells that hold all of p's mass. Raises ConfigError for another direction.
    """
    mass = log_density(x).softmax(0)
    mean = float((mass * x).sum())
    moments = Gauss(mean, float((mass * (x - mean) ** 2).sum().sqrt()))
    if direction == "forward":
        return moments
    if direction != "reverse":
        raise ConfigError(f"unknown direction '{direction}': choose one of {', '.join(DIRECTIONS)}")
    starts = product((-1, 0, 1), (0.3, 1))
    found = [_descend(log_density, Gauss(mean + step * moments.std, width * moments.std)) for step, width in starts]
    return min(found, key=lambda pair: pair[0])[1]


def _descend(log_density: Callable[[Tensor], Tensor], start: Gauss) -> tuple[float, Gauss]:
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    standard, share = torch.from_numpy(nodes), torch.from_numpy(weights / weights.sum())

    def divergence(parameters: list[float]) -> float:
        q = Gauss(parameters[0], math.exp(parameters[1]))
        z = q.mean + q.std * standard
        return float((share * (q.log_prob(z) - log_density(z))).sum())

    best = minimize(divergence, [start.mean, math.log(start.std)], method="Nelder-Mead", options={"xatol": 1e-6})
    return float(best.fun), Gauss(float(best.x[0]), math.exp(float(best.x[1])))
