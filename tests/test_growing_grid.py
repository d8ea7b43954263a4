"""A grid that grows: its cells, what makes it halve them, and the sums over what has grown, against closed forms."""

from __future__ import annotations

import math

import pytest
import torch

from tests.linear_gaussian import LinearGaussian
from vae_core.growing_grid import COARSE_SIDE, Block, GrowingSum, Sheet, cells
from vae_core.lattice import Level, places

EVERYWHERE = 26
"""So many coarse cells reach 6.5 from the origin."""


@pytest.mark.parametrize("level", [0, 3])
def test_a_cell_weighs_its_volume_times_the_priors_density_at_its_middle(level: int) -> None:
    found = cells(torch.tensor([[0, 0], [3, -1]]), level)
    side = COARSE_SIDE / 2**level
    assert found.cell.tolist() == [side, side]
    assert found.z.tolist() == [[side / 2, side / 2], [3.5 * side, -side / 2]]
    expected = -0.5 * (found.z**2).sum(1) - math.log(2 * math.pi) + 2 * math.log(side)
    torch.testing.assert_close(found.log_weight, expected)


def _sheet(exact: LinearGaussian, level: int) -> tuple[Sheet, torch.Tensor]:
    index = places(4, len(exact.posterior_variance))
    return Sheet(exact.model, index, Level(index).around(index), level), index


@pytest.mark.parametrize("level", [0, 2])
@pytest.mark.parametrize("scales", [(3.0,), (3.0, 1.0)])
def test_a_linear_decoders_images_are_told_apart_by_the_square_of_their_distance(
    scales: tuple[float, ...], level: int
) -> None:
    exact = LinearGaussian(scales, variance=0.5)
    sheet, _ = _sheet(exact, level)
    # The symmetrised divergence of two Gaussians of one variance; along the axis on which the mean moves most.
    side = COARSE_SIDE / 2**level
    expected = (side * max(scales)) ** 2 / exact.variance
    torch.testing.assert_close(sheet.divergence, torch.full_like(sheet.divergence, expected), rtol=1e-3, atol=0.0)


def test_cells_stay_whole_where_the_posterior_is_wide_and_are_halved_where_it_is_narrow() -> None:
    exact = LinearGaussian((1.0, 1.0), variance=1.0)
    x = exact.images(torch.zeros(1, 2))
    sheet, index = _sheet(exact, 0)
    for threshold, whole in ((2 * COARSE_SIDE**2, True), (0.5 * COARSE_SIDE**2, False)):
        growing = GrowingSum(exact.model, exact.model.likelihood.statistics(x.flatten(1)), keep=False)
        blocks = [Block(index, torch.tensor([0]))]
        growing.survey(blocks, [sheet])
        halves = growing.descend(blocks, iter([sheet]), 0, threshold)
        assert (halves == []) is whole
        if not whole:
            assert sum(len(half.index) for half in halves) == 4 * len(index)
            assert len(growing.grid().z) == 0


def test_the_sum_over_leaves_is_the_evidence_whatever_was_halved() -> None:
    exact = LinearGaussian((4.0,), variance=0.5)
    x = exact.images(torch.tensor([[0.3], [-1.0]]))
    index = places(EVERYWHERE, 1)
    flat = x.flatten(1)
    for depth in (1, 3):
        growing = GrowingSum(exact.model, exact.model.likelihood.statistics(flat), keep=True)
        blocks = [Block(index, torch.arange(2))]
        growing.survey(blocks, list(growing.sheets(blocks, 0)))
        for level in range(depth + 1):
            # Below every divergence, so that all that an image may have mass in is halved at each level.
            threshold = 0.0 if level < depth else math.inf
            blocks = growing.descend(blocks, growing.sheets(blocks, level), level, threshold)
        assert blocks == []
        total = growing.total + exact.model.likelihood.base(flat)
        torch.testing.assert_close(total.double(), exact.log_evidence(x), atol=0.02, rtol=0.0)
        kept = torch.cat(growing.joint, 1).logsumexp(1)
        torch.testing.assert_close(kept, growing.total, atol=1e-3, rtol=0.0)
        assert growing.grid().cell.min().item() == COARSE_SIDE / 2**depth
