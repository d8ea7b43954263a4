"""Gaussians in the latent space, such as q(z|x), and expectations under them without chance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import torch
from torch import Tensor

from vae_core.errors import ModelError
from vae_core.likelihoods import LOG_2PI
from vae_core.models import Autoencoder

DECODED: Final = 4096
"""Images that are decoded at once."""
_FAINT: Final = 1e-10
"""Nodes of a rule that count for less than this are left out."""

Rule = tuple[Tensor, Tensor]
"""Nodes (K, d) and weights (K,) for expectations under N(0, I)."""
Integrand = Callable[[Tensor, Tensor], Tensor]
"""Called with the numbers (N,) of Gaussians and z (K, N, d), the nodes of each; returns (K, N)."""


@dataclass(frozen=True)
class Gaussians:
    """N Gaussians N(mean, factor factorᵀ) in d dimensions."""

    mean: Tensor
    """(N, d)."""
    factor: Tensor
    """(N, d, d)."""

    @property
    def covariance(self) -> Tensor:
        """The covariances, (N, d, d)."""
        covariance: Tensor = self.factor @ self.factor.mT
        return covariance

    @property
    def entropy(self) -> Tensor:
        """The differential entropies in nats, (N,)."""
        dimension = self.mean.shape[1]
        log_volume: Tensor = torch.linalg.slogdet(self.factor).logabsdet
        entropy: Tensor = log_volume + 0.5 * dimension * (1 + LOG_2PI)
        return entropy

    def log_prob(self, rows: Tensor, z: Tensor) -> Tensor:
        """Return the log-densities in nats of those M Gaussians whose numbers are ``rows`` at z (..., M, d)."""
        factor = self.factor[rows]
        whitened = torch.linalg.solve(factor, (z - self.mean[rows])[..., None])[..., 0]
        log_volume: Tensor = torch.linalg.slogdet(factor).logabsdet
        log_prob: Tensor = -0.5 * ((whitened**2).sum(-1) + z.shape[-1] * LOG_2PI) - log_volume
        return log_prob

    def __getitem__(self, rows: Tensor | slice | int) -> Gaussians:
        chosen = slice(rows, rows + 1) if isinstance(rows, int) else rows
        return Gaussians(self.mean[chosen], self.factor[chosen])


def of_moments(mean: Tensor, covariance: Tensor) -> Gaussians:
    """Return the Gaussians with these means (N, d) and covariances (N, d, d)."""
    return Gaussians(mean, torch.linalg.cholesky(covariance))


def joined(parts: Sequence[Gaussians]) -> Gaussians:
    """Return all of them, one after the other."""
    return Gaussians(torch.cat([part.mean for part in parts]), torch.cat([part.factor for part in parts]))


@torch.no_grad()
def of_encoder(model: Autoencoder, x: Tensor) -> Gaussians:
    """Return q(z|x) of images (N, 1, 28, 28). Raises ModelError for an autoencoder, which has none."""
    mu, logvar = model.encode(x)
    if logvar is None:
        raise ModelError("an autoencoder has no q(z|x): load a variational autoencoder")
    return Gaussians(mu, torch.diag_embed((0.5 * logvar).exp()))


@cache
def hermite(count: int, dimension: int) -> Rule:
    """Return the Gauss-Hermite rule with ``count`` nodes a dimension: exact for polynomials below degree 2 count."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(count)
    return _product(torch.from_numpy(nodes), torch.from_numpy(weights / weights.sum()), dimension)


@cache
def midpoints(count: int, dimension: int, reach: float = 6.5) -> Rule:
    """Return the midpoint rule with ``count`` cells a dimension, out to ``reach`` standard deviations."""
    nodes = ((torch.arange(count, dtype=torch.float64) + 0.5) / count * 2 - 1) * reach
    weights = (-0.5 * nodes**2).exp()
    return _product(nodes, weights / weights.sum(), dimension)


def _product(nodes: Tensor, weights: Tensor, dimension: int) -> Rule:
    grid = torch.cartesian_prod(*[nodes] * dimension).reshape(-1, dimension)
    weight = torch.cartesian_prod(*[weights] * dimension).reshape(-1, dimension).prod(1)
    kept = weight > _FAINT * weight.max()
    return grid[kept].float(), (weight[kept] / weight[kept].sum()).float()


def at_nodes(f: Integrand, q: Gaussians, nodes: Tensor, rows: Tensor) -> Tensor:
    """Return f at the nodes (K, d), moved and stretched as those M Gaussians are whose numbers are ``rows``; (K, M)."""
    parts = []
    for some in rows.split(max(1, DECODED // len(nodes))):
        z = q.mean[some] + torch.einsum("nij,kj->kni", q.factor[some], nodes)
        parts.append(torch.cat([f(some, places) for places in z.split(max(1, DECODED // len(some)))]))
    return torch.cat(parts, 1)


@torch.no_grad()
def expectation(f: Integrand, q: Gaussians, rules: Sequence[Rule], tolerance: float = 3e-3) -> Tensor:
    """Return E_q[f] of N Gaussians, (N,): by the first of ever finer rules that agrees with the one before it.

    They agree where they differ by less than ``tolerance``; the last one stands in any case.
    """
    value = torch.full_like(q.mean[:, 0], torch.nan)
    rows = torch.arange(len(value), device=value.device)
    for nodes, weights in rules:
        if not len(rows):
            break
        finer = weights.to(value) @ at_nodes(f, q, nodes.to(value), rows)
        unsettled = ~((finer - value[rows]).abs() < tolerance)
        value[rows] = finer
        rows = rows[unsettled]
    return value
