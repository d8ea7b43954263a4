"""What variational inference leaves out: log p(x) = ELBO + KL(q(z|x) || p(z|x)), each term computed on its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from vae_core.evidence import Posterior, log_density, log_evidence
from vae_core.gaussians import Gaussians, Integrand, expectation, hermite, joined, midpoints, of_encoder, of_moments
from vae_core.likelihoods import LOG_2PI
from vae_core.models import Autoencoder
from vae_core.modes import Modes
from vae_core.quadrature import integrate, require_planar
from vae_core.refinement import Course, refine

HERMITE: Final = (8, 16, 32, 64)
MIDPOINTS: Final = (24, 48, 96, 192)
MOST_MODES: Final = 3
FINER: Final = 0.8
"""The posterior is normalised on a grid of its own for the KL, with this resolution."""


@dataclass(frozen=True)
class Identity:
    """The three terms for N images, each (N,) in nats and each computed without the others."""

    log_evidence: Tensor
    """log p(x), by quadrature over the prior (`evidence.log_evidence`)."""
    elbo: Tensor
    """E_q[log p(x, z)] + H(q), by Gauss-Hermite nodes (`elbo_of`)."""
    kl: Tensor
    """KL(q(z|x) || p(z|x)), on a lattice of q against the posterior on a grid (`kl_to_posterior`)."""

    @property
    def residual(self) -> Tensor:
        """What the terms differ by: ELBO + KL - log p(x)."""
        return self.elbo + self.kl - self.log_evidence


def elbo_of(model: Autoencoder, x: Tensor, q: Gaussians) -> Tensor:
    """Return E_q[log p(x, z)] + H(q) in nats for images (N, 1, 28, 28) and as many Gaussians; shape (N,).

    The expectation is taken at Gauss-Hermite nodes, more of them until it no longer changes.
    Raises ModelError for a latent size above 2.
    """
    require_planar(model)
    rules = [hermite(count, model.config.latent_dim) for count in HERMITE]
    return expectation(lambda rows, z: log_density(model, x[rows], z), q, rules) + q.entropy


@torch.no_grad()
def kl_to_posterior(model: Autoencoder, x: Tensor, q: Gaussians) -> Tensor:
    """Return KL(q || p(z|x)) in nats for images (N, 1, 28, 28) and as many Gaussians; shape (N,).

    The mean of log q - log p(z|x) over a lattice of midpoints laid over q; p(z|x) is p(x, z), from natural parameters,
    divided by its sum over a grid. Raises ModelError for a latent size above 2.
    """
    normaliser = integrate(model, x, resolution=FINER)[1]
    rules = [midpoints(count, model.config.latent_dim) for count in MIDPOINTS]
    return expectation(_log_ratio(model, x, q, normaliser), q, rules)


def _log_ratio(model: Autoencoder, x: Tensor, q: Gaussians, normaliser: Tensor) -> Integrand:
    """Return log q(z) - log p(z|x), for the nodes of q's lattice."""
    likelihood, flat = model.likelihood, x.flatten(1)
    statistics = likelihood.statistics(flat)
    rest = likelihood.base(flat) - normaliser

    def at(rows: Tensor, z: Tensor) -> Tensor:
        params = model.decode_params(z.reshape(-1, z.shape[-1]))
        natural = likelihood.natural(params).reshape(*z.shape[:-1], -1)
        log_partition = likelihood.log_partition(params).reshape(z.shape[:-1])
        log_prior = -0.5 * ((z**2).sum(-1) + z.shape[-1] * LOG_2PI)
        log_posterior = (natural * statistics[rows]).sum(-1) - log_partition + log_prior + rest[rows]
        return q.log_prob(rows, z) - log_posterior

    return at


def identity(model: Autoencoder, x: Tensor) -> Identity:
    """Return the three terms of log p(x) = ELBO + KL for images (N, 1, 28, 28).

    Raises ModelError for an autoencoder, and for a latent size above 2.
    """
    require_planar(model)
    q = of_encoder(model, x)
    return Identity(log_evidence(model, x), elbo_of(model, x, q), kl_to_posterior(model, x, q))


@dataclass(frozen=True)
class Split:
    """How the gap of one image between log p(x) and its ELBO falls apart (Cremer et al. 2018, sec. 3), in nats."""

    log_evidence: float
    elbo: float
    best: float
    """The ELBO of the best Gaussian with axes parallel to those of z, as the encoder's are."""

    @property
    def gap(self) -> float:
        """KL(q(z|x) || p(z|x))."""
        return self.log_evidence - self.elbo

    @property
    def amortisation(self) -> float:
        """What the encoder misses of the best Gaussian, because it serves all images at once."""
        return self.best - self.elbo

    @property
    def approximation(self) -> float:
        """What the best Gaussian misses, because the posterior is none."""
        return self.log_evidence - self.best


@dataclass(frozen=True)
class Gaps(Split):
    """The gap of one image split, and the Gaussians that split it."""

    best_full: float
    """The ELBO of the best Gaussian of any covariance."""
    refined: Course
    """From the encoder's q to the best Gaussian that gradient steps reach from there."""
    best_q: Gaussians
    best_full_q: Gaussians


def starts(q: Gaussians, modes: Modes, found: Posterior) -> Gaussians:
    """Return where the search for the best Gaussian of one image begins.

    At the encoder's q, at the moments of the whole posterior, and at those of each of its largest modes.
    """
    largest = slice(0, MOST_MODES)
    whole = of_moments(found.mean, found.covariance)
    return joined([q, whole, of_moments(modes.mean[largest], modes.covariance[largest])])


@torch.no_grad()
def gaps(model: Autoencoder, x: Tensor, found: Posterior, modes: Modes) -> Gaps:
    """Return the gaps of one image (1, 1, 28, 28), given its posterior and the modes of that.

    Raises ModelError for an autoencoder, and for a latent size above 2.
    """
    q = of_encoder(model, x)
    begin = starts(q, modes, found)
    course = refine(model, x.expand(len(begin.mean), -1, -1, -1), straightened(begin))
    best_q = _best(model, x, joined([q, course.last]))
    begin = joined([best_q, begin[1:]])
    full = refine(model, x.expand(len(begin.mean), -1, -1, -1), begin, full=True)
    best_full_q = _best(model, x, joined([best_q, full.last]))
    elbo, best, best_full = elbo_of(model, x.expand(3, -1, -1, -1), joined([q, best_q, best_full_q])).tolist()
    return Gaps(found.log_evidence.item(), elbo, best, best_full, course.of(0), best_q, best_full_q)


def straightened(q: Gaussians) -> Gaussians:
    """Return the closest Gaussians whose axes are parallel to those of z: those with the same precisions.

    They minimise KL(straight || q), as the best Gaussian does to the posterior (Bishop 2006, sec. 10.1.2).
    """
    precision = q.covariance.inverse().diagonal(dim1=1, dim2=2)
    return Gaussians(q.mean, torch.diag_embed(precision.rsqrt()))


def _best(model: Autoencoder, x: Tensor, candidates: Gaussians) -> Gaussians:
    """Return the Gaussian with the highest ELBO for one image; the first of those that share it."""
    return candidates[int(elbo_of(model, x.expand(len(candidates.mean), -1, -1, -1), candidates).argmax())]
