"""A grid over the latent plane that grows: coarse at first, with cells halved where two things come together, that
posteriors may be narrow there and that some image's posterior may have mass in them.

How narrow, the decoder tells: the symmetrised KL divergence between p(x|z) at neighbouring nodes, for an exponential
family ``(natural - natural') . (expected - expected')``, is h^2 / sigma^2 for nodes a distance h apart and a locally
Gaussian posterior of width sigma. Where the grid has found an image's posterior, its own curvature counts as well: an
image that the model explains badly has a narrower one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from vae_core.lattice import Level, beside, halve, midpoints
from vae_core.likelihoods import LOG_2PI
from vae_core.models import Autoencoder
from vae_core.products import product

COARSE_SIDE: Final = 0.25
NEGLIGIBLE: Final = 12.0
"""A cell this many nats below an image's evidence adds nothing to it that counts."""
SIGNIFICANT: Final = 5.0
"""Down to so many nats below an image's evidence, its own curvature has a say in the size of cells."""
BLOCK: Final = 1024
"""How many neighbouring cells are looked at together, for those images that may have mass in them."""


@dataclass(frozen=True)
class Quadrature:
    """Nodes and weights: the integral of f(z) p(z) is the sum of f(z) exp(log_weight)."""

    z: Tensor
    """Nodes, (G, d)."""
    log_weight: Tensor
    """The log of the prior mass that each node stands for, (G,)."""
    cell: Tensor
    """The side of the square cell around each node, (G,)."""


class Sheet:
    """A block of cells of one level at places ``index`` (G, d), with those ``around`` it (H, d), decoded."""

    def __init__(self, model: Autoencoder, index: Tensor, around: Tensor, level: int) -> None:
        local, likelihood = torch.cat([index, around]), model.likelihood
        grid = cells(local, level)
        params = model.decode_params(grid.z)
        self.index = index
        self.rows = beside(local)
        self.natural = likelihood.natural(params)
        self.offset = grid.log_weight - likelihood.log_partition(params)
        self.divergence = _divergence(self.natural, likelihood.expected_statistics(params), self.rows)

    def joint(self, statistics: Tensor) -> Tensor:
        """Return log p(x|z) p(z) dz less the base measure of x: one matrix product, as it is affine in these."""
        return product(statistics, self.natural, self.offset)


@dataclass(frozen=True)
class Block:
    """Neighbouring cells of one level, and the images that may have mass in them."""

    index: Tensor
    """The cells' places, (G, d)."""
    images: Tensor
    """The images' numbers, (M,)."""


class GrowingSum:
    """The sums over a grid while it grows from level to level, for images with statistics (N, S)."""

    def __init__(self, model: Autoencoder, statistics: Tensor, keep: bool) -> None:
        self.model = model
        self.statistics = statistics
        self.keep = keep
        self.leaves: list[Quadrature] = []
        self.joint: list[Tensor] = []
        """What was added up, (N, G) for the G nodes of each part of the leaves, where it is kept."""
        self.total = torch.full_like(statistics[:, 0], -math.inf)
        """The log-sum over the leaves, (N,): log p(x), less the base measure, once every cell is one."""
        self.estimate = self.total
        """The log-sum over the leaves and all cells of the newest level: what is negligible is measured by it."""

    def grid(self) -> Quadrature:
        """Return the leaves so far."""
        columns = zip(*((leaf.z, leaf.log_weight, leaf.cell) for leaf in self.leaves), strict=True)
        return Quadrature(*map(torch.cat, columns))

    def survey(self, blocks: list[Block], sheets: list[Sheet]) -> None:
        """Estimate the sums from the coarsest cells alone."""
        estimate = self.estimate.clone()
        for block, sheet in zip(blocks, sheets, strict=True):
            joint = sheet.joint(self.statistics[block.images])[:, : len(block.index)]
            estimate[block.images] = torch.logaddexp(estimate[block.images], joint.logsumexp(1))
        self.estimate = estimate

    def sheets(self, blocks: list[Block], level: int) -> Iterator[Sheet]:
        """Decode the blocks of a level, one after the other."""
        neighbours = Level(torch.cat([block.index for block in blocks]))
        for block in blocks:
            yield Sheet(self.model, block.index, neighbours.around(block.index), level)

    def descend(self, blocks: list[Block], sheets: Iterator[Sheet], level: int, threshold: float) -> list[Block]:
        """Make leaves of those cells of a level that are fine enough, and return the halves of the others."""
        newest, halves = self.total.clone(), []
        for block, sheet in zip(blocks, sheets, strict=True):
            index, images = block.index, block.images
            share, relevant, split = self._look(sheet, images, threshold)
            top = share.amax(1)
            mass = (share - top[:, None]).exp_()
            top += self.estimate[images]
            newest[images] = torch.logaddexp(newest[images], top + mass.sum(1).log())
            self.total[images] = torch.logaddexp(self.total[images], top + (mass @ (~split).to(mass.dtype)).log())
            self.leaves.append(cells(index[~split], level))
            if self.keep:
                self._remember(share[:, ~split] + self.estimate[images, None], images)
            for chosen in split.nonzero()[:, 0].split(BLOCK // 2 ** index.shape[1]):
                if len(chosen):
                    halves.append(Block(halve(index[chosen]), images[relevant[:, chosen].any(1)]))
        self.estimate = newest
        return halves

    def _remember(self, joint: Tensor, images: Tensor) -> None:
        everyone = joint.new_full((len(self.statistics), joint.shape[1]), -math.inf)
        everyone[images] = joint
        self.joint.append(everyone)

    def _look(self, sheet: Sheet, images: Tensor, threshold: float) -> tuple[Tensor, Tensor, Tensor]:
        """Compare a block of G cells and those around it with one another, for M images.

        Returns the log of every image's posterior mass in every cell, (M, G), as far as it is known; which images
        may have mass where, (M, G); and which cells are to be split, (G,).
        """
        count = len(sheet.index)
        share = sheet.joint(self.statistics[images])
        share -= self.estimate[images, None]
        coarse = (sheet.divergence > threshold) | (_curvature(share, sheet.rows) > 2 * threshold)
        # A peak within a cell is higher than its node by a quarter of the divergence, where the posterior is as
        # narrow as the model expects; the whole of it allows for images that the model explains badly.
        relevant = share > -NEGLIGIBLE - sheet.divergence
        split = coarse & relevant.any(0)
        return share[:, :count], relevant[:, :count], split[:count]


def cells(index: Tensor, level: int) -> Quadrature:
    """Return the cells of a level at places ``index`` (G, d), each with its midpoint for a node."""
    side = COARSE_SIDE / 2**level
    z = midpoints(index, side)
    dimension = index.shape[1]
    log_weight = -0.5 * (z**2).sum(-1) - 0.5 * dimension * LOG_2PI + dimension * math.log(side)
    return Quadrature(z, log_weight, torch.full_like(log_weight, side))


def _divergence(natural: Tensor, expected: Tensor, rows: Tensor) -> Tensor:
    """Return the largest symmetrised KL divergence of p(x|z) at each cell from that at its neighbours; shape (G,).

    p(x|z) is given by its natural parameters and expected statistics at the cells, each (G, S).
    """
    largest = natural.new_zeros(len(natural))
    for _, behind in rows:
        first = (behind >= 0).nonzero()[:, 0]
        second = behind[first]
        apart = ((natural[first] - natural[second]) * (expected[first] - expected[second])).sum(-1)
        for end in (first, second):
            largest[end] = torch.maximum(largest[end], apart)
    return largest


def _curvature(share: Tensor, rows: Tensor) -> Tensor:
    """Return the largest second difference of -log p(z|x) across each cell, of images with mass there; shape (G,).

    ``share`` (N, G) is the log of each image's posterior mass in each cell.
    """
    largest = share.new_zeros(share.shape[1])
    image, cell = (share > -SIGNIFICANT).nonzero().unbind(1)
    for before, behind in rows:
        inner = ((before >= 0) & (behind >= 0))[cell]
        i, c = image[inner], cell[inner]
        curvature = 2 * share[i, c] - share[i, before[c]] - share[i, behind[c]]
        largest.scatter_reduce_(0, c, curvature, "amax")
    return largest
