"""A model with one latent and one visible number, small enough that every integral over it is a sum."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from vae_core.likelihoods import LOG_2PI

REACH: Final = 6.0
NODES: Final = 1200


@dataclass(frozen=True)
class LatentCurve:
    """p(z) = N(0, 1) and p(x|z) = N(curve(z), noise^2)."""

    curve: Callable[[Tensor], Tensor]
    noise: float

    def nodes(self) -> tuple[Tensor, float]:
        """Return latent points (G,) that cover the prior, and the width of the cell around each."""
        width = 2 * REACH / NODES
        return torch.arange(NODES, dtype=torch.float64) * width - REACH + width / 2, width

    def log_joint(self, x: Tensor, z: Tensor) -> Tensor:
        """Return log p(z) p(x|z) in nats; x and z are broadcast against each other."""
        error = (x - self.curve(z)) / self.noise
        return -0.5 * (z**2 + error**2) - LOG_2PI - math.log(self.noise)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x), the log of the integral of p(z) p(x|z) over z, by a sum over the nodes; shape of x."""
        z, width = self.nodes()
        return self.log_joint(x[..., None], z).logsumexp(-1) + math.log(width)

    def sample(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw z from the prior and then x given z; each (count,)."""
        z, noise = torch.randn(2, count, generator=generator, dtype=torch.float64)
        return z, self.curve(z) + self.noise * noise


def two_bumps(noise: float) -> LatentCurve:
    """Return a model whose p(x) has two bumps, although its prior has one."""
    return LatentCurve(lambda z: 2 * torch.tanh(3 * z), noise)
