"""The evidence log p(x) and the posterior p(z|x): exact on a grid for latent size 1 or 2, bounds for any size."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from vae_core.errors import LatentExplorerError
from vae_core.models import Autoencoder
from vae_core.objectives import gaussian_log_prob, reparameterise, standard_normal
from vae_core.quadrature import Quadrature, build

NODE_CHUNK = 2048
IMAGE_CHUNK = 2500

_grids: WeakKeyDictionary[Autoencoder, Quadrature] = WeakKeyDictionary()


def grid_of(model: Autoencoder) -> Quadrature:
    """Return the model's quadrature grid, built at the first call and kept for as long as the model is.

    Raises LatentExplorerError for a latent size above 2. A model whose weights still change must not be passed.
    """
    if model not in _grids:
        _grids[model] = build(model)
    return _grids[model]


def _joint_chunks(model: Autoencoder, x: Tensor, grid: Quadrature) -> Iterator[Tensor]:
    """Yield log p(x|z) p(z) dz for images (N, 1, 28, 28) and node after node: (N, up to NODE_CHUNK).

    One matrix product a chunk: log p(x|z) is affine in the image's sufficient statistics.
    """
    likelihood = model.likelihood
    flat = x.flatten(1)
    statistics, base = likelihood.statistics(flat), likelihood.base(flat)
    for z, log_weight in zip(grid.z.split(NODE_CHUNK), grid.log_weight.split(NODE_CHUNK), strict=True):
        params = model.decode_params(z)
        offset = log_weight - likelihood.log_partition(params)
        joint = torch.addmm(offset, statistics, likelihood.natural(params).T)
        yield joint.add_(base[:, None])


@torch.no_grad()
def log_evidence(model: Autoencoder, x: Tensor, grid: Quadrature | None = None) -> Tensor:
    """Return log p(x) = log of the integral of p(x|z) p(z) in nats, for images (N, 1, 28, 28); shape (N,).

    By quadrature on a grid that refines itself where posteriors are narrow; within 0.05 nats of the integral.
    Raises LatentExplorerError for a latent size above 2, where `iwae` gives a bound.
    """
    grid = grid or grid_of(model)
    results = []
    for images in x.split(IMAGE_CHUNK):
        total = images.new_full((len(images),), -math.inf)
        for joint in _joint_chunks(model, images, grid):
            top = torch.maximum(total, joint.amax(1))
            sums = joint.sub_(top[:, None]).exp_().sum(1)
            total = top + torch.log((total - top).exp() + sums)
        results.append(total)
    return torch.cat(results)


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
        second = torch.einsum("ng,gi,gj->nij", self.probability, self.z, self.z)
        return second - self.mean[:, :, None] * self.mean[:, None, :]

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw z (N, count, d): a cell by its mass, then a point uniformly within it."""
        chosen = torch.multinomial(self.probability, count, replacement=True, generator=generator)
        shape = (*chosen.shape, self.z.shape[-1])
        jitter = torch.rand(shape, generator=generator, device=self.z.device) - 0.5
        return self.z[chosen] + jitter * self.cell[chosen][..., None]


@torch.no_grad()
def posterior(model: Autoencoder, x: Tensor, grid: Quadrature | None = None) -> Posterior:
    """Return the true posterior p(z|x) of images (N, 1, 28, 28) on the model's quadrature grid.

    Raises LatentExplorerError for a latent size above 2.
    """
    grid = grid or grid_of(model)
    joint = torch.cat(list(_joint_chunks(model, x, grid)), 1)
    evidence = joint.logsumexp(1)
    return Posterior(grid.z, grid.cell, joint.sub_(evidence[:, None]).exp_(), evidence)


@torch.no_grad()
def log_importance_weights(
    model: Autoencoder, x: Tensor, samples: int, generator: torch.Generator | None = None
) -> Tensor:
    """Return log p(x, z) / q(z|x) in nats for ``samples`` draws z ~ q(z|x) per image; shape (samples, N).

    Raises LatentExplorerError for an autoencoder, which has no q(z|x).
    """
    mu, logvar = model.encode(x)
    if logvar is None:
        raise LatentExplorerError("an autoencoder has no q(z|x) to draw from: load a variational autoencoder")
    z = reparameterise(mu, logvar, standard_normal(mu, generator, samples))
    log_prior = gaussian_log_prob(z, torch.zeros_like(z), torch.zeros_like(z))
    return model.log_likelihood(x, z) + log_prior - gaussian_log_prob(z, mu, logvar)


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
    Raises LatentExplorerError for an autoencoder.
    """
    if samples < 1:
        raise LatentExplorerError(f"the importance-weighted bound needs at least one sample, not {samples}")
    images = max(1, batch_size // samples)
    bounds = []
    for chunk in x.split(images):
        rounds = [
            log_importance_weights(model, chunk, min(batch_size, samples - done), generator)
            for done in range(0, samples, batch_size)
        ]
        bounds.append(torch.cat(rounds).logsumexp(0) - math.log(samples))
    return torch.cat(bounds)
