"""What `bench inference` checks, on cases that are known; its page is measured in tests/e2e."""

from __future__ import annotations

import pytest
import torch

from tests.folded import Folded
from tests.linear_gaussian import LinearGaussian
from vae_core.bench_inference import _grid_figures, _identity_figures, total_variation
from vae_core.evidence import FINE, Posterior, posterior
from vae_core.quadrature import integrate_with_joint


def _posterior(cells: list[tuple[float, float, float, float]]) -> Posterior:
    """A posterior of cells (x, y, side, mass)."""
    numbers = torch.tensor(cells)
    return Posterior(numbers[:, :2], numbers[:, 2], numbers[None, :, 3], torch.zeros(1))


def test_total_variation_adds_up_the_cells_within_each_cell() -> None:
    coarse = _posterior([(0.125, 0.125, 0.25, 0.7), (0.375, 0.125, 0.25, 0.3)])
    finer = _posterior(
        [(0.0625 + 0.125 * i, 0.0625 + 0.125 * j, 0.125, 0.15 if i < 2 else 0.1) for i in range(4) for j in range(2)]
    )
    assert total_variation(coarse, coarse) == pytest.approx(0)
    assert total_variation(coarse, finer) == pytest.approx(0.1)


def test_posteriors_that_share_nothing_are_one_apart() -> None:
    here = _posterior([(0.125, 0.125, 0.25, 1.0), (-0.125, 0.125, 0.25, 0.0)])
    there = _posterior([(-0.0625, 0.0625, 0.125, 1.0)])
    assert total_variation(here, there) == pytest.approx(1)


def test_a_finer_grid_of_a_known_posterior_is_next_to_it() -> None:
    exact = Folded((3.0, 0.7), 0.01)
    x = exact.half.images(torch.tensor([[0.8, 0.3]]))
    grid, joint = integrate_with_joint(exact.model, x, FINE / 2)
    evidence = joint.logsumexp(1)
    finer = Posterior(grid.z, grid.cell, (joint - evidence[:, None]).exp(), evidence)
    assert len(finer.z) > len(posterior(exact.model, x).z)
    assert total_variation(posterior(exact.model, x), finer) < 0.01


def test_the_figures_of_a_known_model_are_next_to_nothing() -> None:
    exact = LinearGaussian((0.6, 0.3), 0.05)
    x = exact.images(torch.randn(4, 2, generator=torch.Generator().manual_seed(0)))
    found = _identity_figures(exact.model, x)
    assert found["worst_residual"] == pytest.approx(0, abs=0.02)
    assert found["gap"] == pytest.approx(0, abs=0.02)
    assert _grid_figures(exact.model, x, 2)["worst_evidence_difference"] < 0.03


def test_an_autoencoder_has_no_identity_to_check() -> None:
    exact = LinearGaussian((0.6, 0.3), 0.05, kind="ae")
    assert set(_identity_figures(exact.model, exact.images(torch.zeros(1, 2))).values()) == {None}
