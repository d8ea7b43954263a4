"""Quadrature over the latent prior: integrals over z become sums over a grid that is fine where it needs to be.

The grid grows from the prior's support (`growing_grid`). Midpoint sums converge exponentially once the distance of
nodes is near a posterior's width (Trefethen & Weideman 2014, sec. 3).
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

from vae_core.errors import ModelError
from vae_core.growing_grid import BLOCK, COARSE_SIDE, Block, GrowingSum, Quadrature, Sheet
from vae_core.lattice import Level, midpoints, places
from vae_core.likelihoods import Likelihood
from vae_core.models import Autoencoder
from vae_core.products import product, quick_products

MAX_DIMENSION = 2
HALF_WIDTH: Final = 6.5
"""The grid covers [-6.5, 6.5]^d at least; the prior has less than 1e-9 of its mass outside."""
WIDEST: Final = 26.0
"""Further out than this the prior, below e^-338, outweighs what any decoder gains."""
RESOLUTION: Final = 1.0
"""The largest distance between neighbouring nodes, in posterior standard deviations."""
FINEST_LEVEL: Final = 12
"""Cells are halved at most this many times, to a side of 6e-5."""


def require_planar(model: Autoencoder) -> None:
    """Raise ModelError unless the latent space is small enough for a grid."""
    latent_dim = model.config.latent_dim
    if latent_dim > MAX_DIMENSION:
        raise ModelError(
            f"exact inference needs a latent size of 1 or 2 and this model has {latent_dim}: use the iwae bound instead"
        )


def needed_half_width(codes: Tensor) -> Tensor:
    """Return how wide a grid must be for each of the codes (N, d) to lie well inside; shape (N,).

    A VAE's codes keep to the prior; those of an autoencoder, or under a small beta, may lie where the prior has next
    to no mass, and yet be all that explains the image.
    """
    doublings = ((codes.abs().amax(-1) + 1) / HALF_WIDTH).log2().ceil().clamp(min=0)
    return (HALF_WIDTH * 2**doublings).clamp(max=WIDEST)


@quick_products()
def log_joint(model: Autoencoder, grid: Quadrature, x: Tensor) -> Tensor:
    """Return log p(x|z) p(z) dz in nats for images (N, 1, 28, 28) at all nodes of a grid; shape (N, G)."""
    flat = x.flatten(1)
    statistics = model.likelihood.statistics(flat)
    joint = flat.new_empty(len(flat), len(grid.z))
    nodes = zip(grid.z.split(BLOCK), grid.log_weight.split(BLOCK), joint.split(BLOCK, 1), strict=True)
    for z, log_weight, part in nodes:
        part.copy_(_affine(model.likelihood, model.decode_params(z), log_weight, statistics))
    return joint.add_(model.likelihood.base(flat)[:, None])


def _affine(likelihood: Likelihood, params: Tensor, log_weight: Tensor, statistics: Tensor) -> Tensor:
    """Return log p(x|z) p(z) dz less the base measure of x: one matrix product, as it is affine in the statistics."""
    return product(statistics, likelihood.natural(params), log_weight - likelihood.log_partition(params))


class Survey:
    """The coarsest cells of a model, decoded once: further images then cost no more than the cells they have mass in.

    It reaches at least ``half_width`` from the origin along each axis. Raises ModelError for a latent size above 2.
    """

    @torch.no_grad()
    def __init__(self, model: Autoencoder, half_width: float = HALF_WIDTH) -> None:
        require_planar(model)
        self.reach = round(half_width / COARSE_SIDE)
        device = next(model.parameters()).device
        index = places(self.reach, model.config.latent_dim, device)
        level = Level(index)
        self.sheets = [Sheet(model, block, level.around(block), 0) for block in index.split(BLOCK)]


@quick_products()
def integrate(
    model: Autoencoder,
    x: Tensor,
    resolution: float = RESOLUTION,
    finest_level: int = FINEST_LEVEL,
    survey: Survey | None = None,
) -> tuple[Quadrature, Tensor]:
    """Return a grid fit for the images x (N, 1, 28, 28), and their log p(x) on it in nats, (N,).

    ``resolution`` is the largest node distance in posterior standard deviations; halving it quadruples the grid. A
    ``survey`` of the same model saves time. Raises ModelError for a latent size above 2.
    """
    integral = _integral(model, x, resolution, finest_level, survey, keep=False)
    return integral.grid(), integral.total + model.likelihood.base(x.flatten(1))


@quick_products()
def integrate_with_joint(
    model: Autoencoder, x: Tensor, resolution: float = RESOLUTION, survey: Survey | None = None
) -> tuple[Quadrature, Tensor]:
    """Return a grid fit for a few images, and log p(x|z) p(z) dz at its nodes in nats, (N, G).

    It is -inf where an image has less than e^-12 of its mass. Raises ModelError for a latent size above 2.
    """
    integral = _integral(model, x, resolution, FINEST_LEVEL, survey, keep=True)
    return integral.grid(), torch.cat(integral.joint, 1).add_(model.likelihood.base(x.flatten(1))[:, None])


def _integral(
    model: Autoencoder, x: Tensor, resolution: float, finest_level: int, survey: Survey | None, keep: bool
) -> GrowingSum:
    require_planar(model)
    half_widths = needed_half_width(model.encode(x)[0])
    widest = half_widths.max().item()
    if survey is None or survey.reach < round(widest / COARSE_SIDE):
        survey = Survey(model, widest)
    integral = GrowingSum(model, model.likelihood.statistics(x.flatten(1)), keep)
    blocks = [Block(sheet.index, _reaching(half_widths, sheet.index)) for sheet in survey.sheets]
    integral.survey(blocks, survey.sheets)
    for level in range(finest_level + 1):
        if blocks:
            sheets = integral.sheets(blocks, level) if level else iter(survey.sheets)
            blocks = integral.descend(blocks, sheets, level, resolution**2 if level < finest_level else math.inf)
    return integral


def _reaching(half_widths: Tensor, index: Tensor) -> Tensor:
    """Return the numbers of the images whose own grids, so wide (N,), reach into a block of the coarsest cells (G, d).

    One code far out asks for a wide grid, but not on behalf of all the other images.
    """
    nearest = midpoints(index, COARSE_SIDE).abs().amax(1).min()
    return (half_widths > nearest).nonzero()[:, 0]
