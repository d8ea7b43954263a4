"""The evidence log p(x) and the posterior p(z|x): exact on a grid for latent size 1 or 2, bounds for any size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from vae_core.errors import ConfigError, ModelError
from vae_core.growing_grid import Quadrature
from vae_core.models import Autoencoder
from vae_core.objectives import gaussian_log_prob, reparameterise, standard_normal
from vae_core.quadrature import Survey, integrate, integrate_with_joint, log_joint

IMAGE_GROUP = 10_000
"""Images that share one grid."""
FINE: Final = 0.5
"""A sum over a grid is exact long before its single cells are: a posterior's have half the side."""


@torch.no_grad()
def log_evidence(model: Autoencoder, x: Tensor) -> Tensor:
    """Return log p(x) = log of the integral of p(x|z) p(z) in nats, for images (N, 1, 28, 28); shape (N,).

    By quadrature on a grid that refines itself where posteriors are narrow; within 0.05 nats of the integral.
    Raises ModelError for a latent size above 2, where `iwae` gives a bound.
    """
    return torch.cat([integrate(model, images)[1] for images in x.split(IMAGE_GROUP)])


def log_density(model: Autoencoder, x: Tensor, z: Tensor) -> Tensor:
    """Return log p(x, z) = log p(x|z) + log p(z) in nats, (..., N), for images (N, 1, 28, 28) and z (..., N, d)."""
    return model.log_likelihood(x, z) + gaussian_log_prob(z, torch.zeros_like(z), torch.zeros_like(z))


@dataclass(frozen=True)
class Posterior:
    """The true p(z|x) of N images on the nodes of a quadrature grid."""

    z: Tensor
    """Nodes, (G, d)."""
    cell: Tensor
    """The side of the cell around each node, (G,)."""
    probability: Tensor
    """The posterior mass of every cell, (N, G); each row sums to one."""
    log_evidence: Tensor
    """log p(x) in nats, (N,)."""

    @property
    def density(self) -> Tensor:
        """p(z|x) at every node, per unit of latent volume; shape (N, G)."""
        return self.probability / self.cell ** self.z.shape[-1]

    @property
    def mean(self) -> Tensor:
        """The posterior mean, (N, d)."""
        return self.probability @ self.z

    @property
    def covariance(self) -> Tensor:
        """The posterior covariance, (N, d, d)."""
        # About each image's own mean: far from the origin, E[zz] - E[z]E[z] of a narrow posterior is all rounding.
        parts = []
        for mass, mean in zip(self.probability, self.mean, strict=True):
            centred = self.z - mean
            parts.append((centred * mass[:, None]).T @ centred)
        return torch.stack(parts)

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw z (N, count, d): a cell by its mass, then a point uniformly within it.

        That widens the posterior's variance by cell^2 / 12, a twelfth of itself at most.
        """
        chosen = torch.multinomial(self.probability, count, replacement=True, generator=generator)
        shape = (*chosen.shape, self.z.shape[-1])
        jitter = torch.rand(shape, generator=generator, device=self.z.device) - 0.5
        return self.z[chosen] + jitter * self.cell[chosen][..., None]


@torch.no_grad()
def posterior(
    model: Autoencoder,
    x: Tensor,
    grid: Quadrature | None = None,
    survey: Survey | None = None,
    resolution: float = FINE,
) -> Posterior:
    """Return the true posterior p(z|x) of images (N, 1, 28, 28) on a quadrature grid of G nodes, by default their own.

    Meant for a few images: the result holds N x G numbers. Their own grid has nodes ``resolution`` posterior deviations
    apart at most; a ``survey`` of the model saves time where grids are made again and again.
    Raises ModelError for a latent size above 2.
    """
    if grid is None:
        grid, joint = integrate_with_joint(model, x, resolution, survey)
    else:
        joint = log_joint(model, grid, x)
    evidence = joint.logsumexp(1)
    return Posterior(grid.z, grid.cell, joint.sub_(evidence[:, None]).exp_(), evidence)


@torch.no_grad()
def log_importance_weights(
    model: Autoencoder, x: Tensor, samples: int, generator: torch.Generator | None = None
) -> Tensor:
    """Return log p(x, z) / q(z|x) in nats for ``samples`` draws z ~ q(z|x) per image; shape (samples, N).

    Raises ModelError for an autoencoder, which has no q(z|x).
    """
    mu, logvar = model.encode(x)
    if logvar is None:
        raise ModelError("an autoencoder has no q(z|x) to draw from: load a variational autoencoder")
    z = reparameterise(mu, logvar, standard_normal(mu, generator, samples))
    return log_density(model, x, z) - gaussian_log_prob(z, mu, logvar)


@torch.no_grad()
def iwae(
    model: Autoencoder,
    x: Tensor,
    samples: int = 500,
    generator: torch.Generator | None = None,
    batch_size: int = 20_000,
) -> Tensor:
    """Return the importance-weighted bound on log p(x) in nats for images (N, 1, 28, 28); shape (N,).

    log of the mean of p(x, z) / q(z|x) over ``samples`` draws (Burda et al. 2016, eq. 8): between the ELBO, at one
    sample, and log p(x), in expectation. ``batch_size`` counts decoded images held in memory at once.
    Raises ModelError for an autoencoder.
    """
    if samples < 1:
        raise ConfigError(f"the importance-weighted bound needs at least one sample, not {samples}")
    images = max(1, batch_size // samples)
    bounds = []
    for chunk in x.split(images):
        rounds = [
            log_importance_weights(model, chunk, min(batch_size, samples - done), generator)
            for done in range(0, samples, batch_size)
        ]
        bounds.append(torch.cat(rounds).logsumexp(0) - math.log(samples))
    return torch.cat(bounds)
