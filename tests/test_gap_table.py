"""The gaps of many digits at once, against those of single ones and closed forms."""

from __future__ import annotations

import math

import pytest
import torch

from tests.folded import Folded
from tests.linear_gaussian import LinearGaussian
from vae_core.evidence import posterior
from vae_core.gap_table import Row, gap_rows
from vae_core.gaps import gaps
from vae_core.modes import find_modes


def _rows(exact: Folded | LinearGaussian, x: torch.Tensor, group: int = 20) -> list[Row]:
    return [row for rows in gap_rows(exact.model, x, range(len(x)), group=group) for row in rows]


def test_a_group_has_the_figures_of_each_alone() -> None:
    exact = LinearGaussian((0.9, 0.4), 0.05)
    exact.model.encoder.state_dict()["layers.0.bias"].add_(torch.tensor([0.2, -0.1, 0.3, 0.4]))
    x = exact.images(torch.randn(5, 2, generator=torch.Generator().manual_seed(0)))
    rows = _rows(exact, x, group=2)
    assert [row.number for row in rows] == [0, 1, 2, 3, 4]
    for row, image in zip(rows, x.split(1), strict=True):
        found = posterior(exact.model, image)
        single = gaps(exact.model, image, found, find_modes(exact.model, image, found))
        assert row.log_evidence == pytest.approx(single.log_evidence, abs=0.01)
        assert row.amortisation == pytest.approx(single.amortisation, abs=0.02)
        assert row.approximation == pytest.approx(0, abs=0.02)
        assert row.gap == pytest.approx(row.amortisation + row.approximation, abs=1e-3)
        assert (row.modes, row.second) == (1, 0.0)


def test_digits_with_two_posteriors_stand_out() -> None:
    exact = Folded((3.0, 0.7), 0.01)
    x = exact.half.images(torch.tensor([[1.0, 0.3], [0.8, -0.5]]))
    for row in _rows(exact, x):
        assert row.modes == 2
        assert row.second == pytest.approx(0.5, abs=0.02)
        assert row.approximation == pytest.approx(math.log(2), abs=0.03)


def test_only_the_digits_asked_for_are_looked_at() -> None:
    exact = LinearGaussian((0.9, 0.4), 0.05)
    x = exact.images(torch.zeros(6, 2))
    groups = list(gap_rows(exact.model, x, range(3, 6), group=2))
    assert [[row.number for row in rows] for rows in groups] == [[3, 4], [5]]
