"""A Gaussian q refined for one image: the course of its ELBO uphill, by steps along the natural gradient.

With z = mean + factor eps, eps ~ N(0, I), and f(z) = log p(x, z), the gradients of E_q[f] by the mean and by the
covariance are expectations of f itself (Bonnet's and Price's theorems: Opper & Archambeau 2009, eqs. 8 and 9):
factorᵀ E[∇f] = E[eps f], and factorᵀ E[∇∇f] factor = E[(eps epsᵀ - I) f].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from vae_core.evidence import log_density
from vae_core.gaussians import Gaussians, Rule, at_nodes, hermite
from vae_core.models import Autoencoder

NODES: Final = 12
"""Gauss-Hermite nodes a dimension, for the expectations."""
STEPS: Final = 120
SETTLED: Final = 1e-4
"""Where no ELBO has grown by so many nats in `PATIENCE` steps, the refinement is done."""
PATIENCE: Final = 8
LONGEST: Final = 0.7
"""A step moves the mean by this many standard deviations at most."""
STEEPEST: Final = 0.5
"""A step changes the log of a standard deviation by this much at most."""


@dataclass(frozen=True)
class Course:
    """Where N Gaussians went in T steps from where they began."""

    mean: Tensor
    """(T + 1, N, d)."""
    factor: Tensor
    """(T + 1, N, d, d)."""
    elbo: Tensor
    """In nats, by the nodes of the refinement, (T + 1, N); it never falls."""

    def __len__(self) -> int:
        return len(self.elbo)

    @property
    def last(self) -> Gaussians:
        """Where they ended."""
        return Gaussians(self.mean[-1], self.factor[-1])

    def of(self, row: int) -> Course:
        """Return the course of one of them, without the steps on which it stood still."""
        moved = torch.cat([torch.tensor([True]), (self.mean[1:, row] != self.mean[:-1, row]).any(-1).cpu()])
        rows = slice(row, row + 1)
        return Course(self.mean[moved][:, rows], self.factor[moved][:, rows], self.elbo[moved][:, rows])


@torch.no_grad()
def refine(
    model: Autoencoder, x: Tensor, start: Gaussians, full: bool = False, rate: float = 0.5, steps: int = STEPS
) -> Course:
    """Return the course of Gaussians from ``start`` to where the ELBO of images (N, 1, 28, 28) grows no more.

    Step by step, mean += rate * covariance E[∇f] and the covariance along its own natural gradient, half as far
    wherever the ELBO would fall. They keep axes parallel to those of z, as the encoder's do, unless ``full``.
    """
    ascent = _Ascent(model, x, hermite(NODES, start.mean.shape[1]), full)
    now, elbo, pull, twist = ascent.look(start)
    rates = torch.full_like(elbo, rate)
    track = [(now.mean, now.factor, elbo)]
    for step in range(1, steps + 1):
        there, then, pull_there, twist_there = ascent.look(_step(now, pull, twist, rates))
        better = then >= elbo
        now = Gaussians(_choose(better, there.mean, now.mean), _choose(better, there.factor, now.factor))
        elbo, pull = torch.where(better, then, elbo), _choose(better, pull_there, pull)
        twist = _choose(better, twist_there, twist)
        rates = torch.where(better, (1.3 * rates).clamp(max=rate), rates / 2)
        track.append((now.mean, now.factor, elbo))
        if step >= PATIENCE and (elbo - track[-1 - PATIENCE][2]).max() < SETTLED:
            break
    return Course(*(torch.stack(parts) for parts in zip(*track, strict=True)))


class _Ascent:
    """The ELBO of Gaussians for images, and which way it grows."""

    def __init__(self, model: Autoencoder, x: Tensor, rule: Rule, full: bool) -> None:
        self.model, self.x, self.full = model, x, full
        self.nodes, self.weights = (part.to(x) for part in rule)

    def look(self, q: Gaussians) -> tuple[Gaussians, Tensor, Tensor, Tensor]:
        """Return q, its ELBO (N,), and the gradients in its own coordinates: E[eps f], E[eps epsᵀ f] + I."""
        rows = torch.arange(len(self.x), device=self.x.device)
        f = at_nodes(lambda some, z: log_density(self.model, self.x[some], z), q, self.nodes, rows)
        expected = self.weights @ f
        weighted = self.weights[:, None] * (f - expected)
        pull = torch.einsum("kn,kd->nd", weighted, self.nodes)
        twist = torch.einsum("kn,kd,ke->nde", weighted, self.nodes, self.nodes)
        twist = twist + torch.eye(self.nodes.shape[1], device=f.device)
        if not self.full:
            twist = torch.diag_embed(twist.diagonal(dim1=1, dim2=2))
        return q, expected + q.entropy, pull, twist


def _step(q: Gaussians, pull: Tensor, twist: Tensor, rates: Tensor) -> Gaussians:
    """Return q moved along the gradients; the covariance by an exponential, so that it stays positive definite."""
    move = rates[:, None] * pull
    move = move * (LONGEST / move.norm(dim=1, keepdim=True).clamp(min=LONGEST))
    growth, axes = torch.linalg.eigh(0.5 * rates[:, None, None] * twist)
    growth = growth.clamp(-STEEPEST, STEEPEST).exp()
    mean = q.mean + torch.einsum("nij,nj->ni", q.factor, move)
    return Gaussians(mean, q.factor @ (axes * growth[:, None]) @ axes.mT)


def _choose(better: Tensor, new: Tensor, old: Tensor) -> Tensor:
    return torch.where(better.reshape(-1, *[1] * (new.dim() - 1)), new, old)
