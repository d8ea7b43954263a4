"""A Gaussian q refined for one image: the course of its ELBO uphill, by steps along the natural gradient.

With z = mean + factor eps, eps ~ N(0, I), and f(z) = log p(x, z), the gradients of E_q[f] by the mean and by the
covariance are expectations of f itself (Bonnet's and Price's theorems: Opper & Archambeau 2009, eqs. 8 and 9):
factorᵀ E[∇f] = E[eps f], and factorᵀ E[∇∇f] factor = E[(eps epsᵀ - I) f].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

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
    model: Autoencoder,
    x: Tensor,
    start: Gaussians,
    full: bool = False,
    rate: float = 0.5,
    steps: int = STEPS,
    nodes: int = NODES,
) -> Course:
    """Return the course of Gaussians from ``start`` to where the ELBO of images (N, 1, 28, 28) grows no more.

    Step by step, mean += rate * covariance E[∇f] and the covariance along its own natural gradient, half as far
    wherever the ELBO would fall. They keep axes parallel to those of z, as the encoder's do, unless ``full``.
    """
    ascent = _Ascent(model, x, hermite(nodes, start.mean.shape[1]), full)
    rows = torch.arange(len(x), device=x.device)
    now = _State(start.mean, start.factor, *ascent.look(start, rows), torch.full_like(start.mean[:, 0], rate))
    track = [now]
    for step in range(1, steps + 1):
        some = now.of(rows)
        there = _step(Gaussians(some.mean, some.factor), some.pull, some.twist, some.rate)
        then = _State(there.mean, there.factor, *ascent.look(there, rows), (1.3 * some.rate).clamp(max=rate))
        better = then.elbo >= some.elbo
        stayed = some._replace(rate=some.rate / 2)
        now = now.with_rows(rows, then, stayed, better)
        track.append(now)
        if step >= PATIENCE:
            rows = rows[(now.elbo - track[-1 - PATIENCE].elbo)[rows] >= SETTLED]
        if not len(rows):
            break
    return Course(*(torch.stack(parts) for parts in zip(*(past[:3] for past in track), strict=True)))


class _State(NamedTuple):
    """N Gaussians on their way: where they are, which way their ELBO grows, and how far they dare to go."""

    mean: Tensor
    factor: Tensor
    elbo: Tensor
    pull: Tensor
    twist: Tensor
    rate: Tensor

    def of(self, rows: Tensor) -> _State:
        """Return those with these numbers."""
        return _State(*(part[rows] for part in self))

    def with_rows(self, rows: Tensor, new: _State, old: _State, better: Tensor) -> _State:
        """Return all of them, those with these numbers as ``new`` where that is better, else as ``old``."""
        changed = []
        for whole, fresh, stale in zip(self, new, old, strict=True):
            chosen = better.reshape(-1, *[1] * (fresh.dim() - 1))
            changed.append(whole.index_copy(0, rows, torch.where(chosen, fresh, stale)))
        return _State(*changed)


class _Ascent:
    """The ELBO of Gaussians for images, and which way it grows."""

    def __init__(self, model: Autoencoder, x: Tensor, rule: Rule, full: bool) -> None:
        self.model, self.x, self.full = model, x, full
        self.nodes, self.weights = (part.to(x) for part in rule)

    def look(self, q: Gaussians, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the ELBO (M,) of Gaussians for the images with these numbers, and the gradients in their own
        coordinates: E[eps f], (M, d), and E[eps epsᵀ f] + I, (M, d, d).
        """
        everyone = torch.arange(len(rows), device=rows.device)
        f = at_nodes(lambda some, z: log_density(self.model, self.x[rows[some]], z), q, self.nodes, everyone)
        expected = self.weights @ f
        weighted = self.weights[:, None] * (f - expected)
        pull = torch.einsum("kn,kd->nd", weighted, self.nodes)
        twist = torch.einsum("kn,kd,ke->nde", weighted, self.nodes, self.nodes)
        twist = twist + torch.eye(self.nodes.shape[1], device=f.device)
        if not self.full:
            twist = torch.diag_embed(twist.diagonal(dim1=1, dim2=2))
        return expected + q.entropy, pull, twist


def _step(q: Gaussians, pull: Tensor, twist: Tensor, rates: Tensor) -> Gaussians:
    """Return q moved along the gradients; the covariance by an exponential, so that it stays positive definite."""
    move = rates[:, None] * pull
    move = move * (LONGEST / move.norm(dim=1, keepdim=True).clamp(min=LONGEST))
    growth, axes = torch.linalg.eigh(0.5 * rates[:, None, None] * twist)
    growth = growth.clamp(-STEEPEST, STEEPEST).exp()
    mean = q.mean + torch.einsum("nij,nj->ni", q.factor, move)
    return Gaussians(mean, q.factor @ (axes * growth[:, None]) @ axes.mT)
