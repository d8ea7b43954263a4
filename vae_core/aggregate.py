"""The aggregate posterior q(z), the mean of q(z|x) over images: what the codes of a data set fill of the prior."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from vae_core.likelihoods import LOG_2PI
from vae_core.models import LOGVAR_RANGE
from vae_core.neighbours import square_radii
from vae_core.objectives import gaussian_log_prob, reparameterise, standard_normal

HOLE: Final = 0.1
"""There is a hole where q(z) is below this share of the prior's density, as in the plane's overlay."""
NEIGHBOURS: Final = 10
HOLES_DIMENSION: Final = 10
"""The largest latent size whose holes some thousand codes can tell from the spaces between them."""
GRID_DIMENSION: Final = 2
"""The largest latent size in which holes are summed over a grid."""
_HALF_WIDTH: Final = 6.5
_CELLS: Final = 832
"""A grid of cells with sides of 1/64 over [-6.5, 6.5]; the prior has less than 1e-9 of its mass outside."""
_BLOCK: Final = 4_000_000
"""Densities held in memory at once."""


@dataclass(frozen=True)
class AggregatePosterior:
    """A mixture of N equally likely Gaussians, N(mu, diag(e^logvar)) each, in double precision."""

    mu: Tensor
    """Means, (N, d)."""
    logvar: Tensor
    """Log-variances, (N, d)."""

    def log_density(self, z: Tensor) -> Tensor:
        """Return log q(z) in nats at points z (S, d), the exact sum over all N Gaussians; shape (S,)."""
        precision = (-self.logvar).exp()
        # -(z - mu)^2 / 2 sigma^2 is linear in (z^2, z): all pairs of points and Gaussians are one matrix product.
        slopes = torch.cat([-0.5 * precision, self.mu * precision], 1).T
        offset = -0.5 * (LOG_2PI + self.logvar + self.mu**2 * precision).sum(1) - math.log(len(self.mu))
        return torch.cat(
            [
                torch.addmm(offset, torch.cat([points**2, points], 1), slopes).logsumexp(1)
                for points in z.double().split(max(1, _BLOCK // len(self.mu)))
            ]
        )

    def grid_density(self, axis: Tensor) -> Tensor:
        """Return q(z) on the grid of the coordinates ``axis`` (S,) in every dimension; shape (S,) or (S, S).

        For a latent size of 1 or 2; element [i, j] is at (axis[i], axis[j]). A Gaussian with a diagonal covariance
        is a product over dimensions, so the sum over all of them is one matrix product.
        """
        total = axis.new_zeros([len(axis)] * self.mu.shape[1], dtype=torch.float64)
        rows = max(1, _BLOCK // (len(axis) * self.mu.shape[1]))
        for mu, logvar in zip(self.mu.split(rows), self.logvar.split(rows), strict=True):
            log_density = -0.5 * (
                LOG_2PI + logvar[..., None] + (axis - mu[..., None]) ** 2 * (-logvar)[..., None].exp()
            )
            first, *second = log_density.exp().unbind(1)
            total += first.T @ second[0] if second else first.sum(0)
        return total / len(self.mu)


def aggregate_posterior(mu: Tensor, logvar: Tensor) -> AggregatePosterior:
    """Return q(z) of exactly these N images: the mixture of their q(z|x), mu (N, d) and logvar (N, d)."""
    return AggregatePosterior(mu.to("cpu", torch.float64), logvar.to("cpu", torch.float64))


@torch.no_grad()
def population_posterior(mu: Tensor, logvar: Tensor | None) -> AggregatePosterior:
    """Return q(z) of all images that these N are a sample of, mu (N, d) and logvar (N, d), None for an AE.

    No Gaussian is narrower than the space its code has to itself: its standard deviation is at least the distance
    to the tenth nearest other code over sqrt(d), so that it reaches so far (Breiman et al. 1977, whose kernels these
    are where q(z|x) is a point, as in an AE). Without that, the spaces between the codes of a sample would be holes,
    and the more the fewer images there are: at 1,000 of them about half the prior of a good VAE.
    """
    mu = mu.to("cpu", torch.float64)
    count, dimension = mu.shape
    narrowest = torch.full((count, 1), math.exp(LOGVAR_RANGE[0]), dtype=torch.float64)
    if count > 1:
        radii = square_radii(mu - mu.mean(0), min(NEIGHBOURS, count - 1))
        narrowest = torch.maximum(narrowest, radii[:, None] / dimension)
    widths = narrowest.log().expand_as(mu)
    return AggregatePosterior(mu, widths if logvar is None else torch.maximum(logvar.to(widths), widths))


@torch.no_grad()
def holes(aggregate: AggregatePosterior, samples: int, generator: torch.Generator | None = None) -> float:
    """Return the share of the prior's mass where q(z) < p(z) / 10: the prior draws from there, the codes do not.

    Rezende & Viola 2018 name the holes, Rosca et al. 2018 count such samples; the tenth is ours. Summed over a grid
    for a latent size of 1 or 2, else over ``samples`` draws from the prior, with a standard error of at most
    1/(2 sqrt(samples)).
    """
    dimension = aggregate.mu.shape[1]
    if dimension <= GRID_DIMENSION:
        axis = (torch.arange(_CELLS, dtype=torch.float64) + 0.5) * (2 * _HALF_WIDTH / _CELLS) - _HALF_WIDTH
        side = (-0.5 * (LOG_2PI + axis**2)).exp()
        prior = side if dimension == 1 else side[:, None] * side
        empty = aggregate.grid_density(axis) < HOLE * prior
        return float((prior * empty).sum() / prior.sum())
    z = torch.randn(samples, dimension, generator=generator, dtype=torch.float64)
    log_prior = -0.5 * (LOG_2PI + z**2).sum(1)
    return float((aggregate.log_density(z) < log_prior + math.log(HOLE)).double().mean())


@torch.no_grad()
def information(mu: Tensor, logvar: Tensor, samples: int = 10_000, generator: torch.Generator | None = None) -> Tensor:
    """Return log q(z|x) - log q(z) in nats, a mean for each of the images it was estimated with, float64.

    About ``samples`` draws of z are made, as many for each of the N images, or one for so many of them where there are
    more; q(z) is the exact sum over all.
    """
    aggregate = aggregate_posterior(mu, logvar)
    repeats = max(1, samples // len(mu))
    order = torch.randperm(len(mu), generator=generator)[:samples].repeat(repeats)
    mu, logvar = aggregate.mu[order], aggregate.logvar[order]
    z = reparameterise(mu, logvar, standard_normal(mu, generator))
    return (gaussian_log_prob(z, mu, logvar) - aggregate.log_density(z)).reshape(repeats, -1).mean(0)


def mutual_information(
    mu: Tensor, logvar: Tensor, samples: int = 10_000, generator: torch.Generator | None = None
) -> float:
    """Return I_q(x; z) in nats: how much a code tells about which of the N images it is of, from 0 to log N.

    It is E[KL(q(z|x) || p(z))] - KL(q(z) || p(z)), the part of the rate that is information (Hoffman & Johnson 2016;
    Makhzani et al. 2016), that is E[log q(z|x) - log q(z)], in which the prior cancels; estimated by `information`.
    """
    return clamp_information(information(mu, logvar, samples, generator).mean().item(), len(mu))


def clamp_information(estimate: float, count: int) -> float:
    """Return an estimate of I_q(x; z) of ``count`` images, where it is less than 0 or more than log N that."""
    return min(max(estimate, 0.0), math.log(count))
