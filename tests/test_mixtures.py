"""Mixtures of Gaussians: densities that integrate to one, draws that follow them, and fits that improve."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vae_core.errors import ConfigError
from vae_core.mixtures import Mixture, fit_mixture, mixture

THREE = mixture((3, 42, 6), (13, 68, 8), (4, 88, 5))


def test_one_component_is_the_normal_density() -> None:
    one = mixture((1, 2, 3))
    x = torch.tensor([2.0, 5.0], dtype=torch.float64)
    peak = 1 / (3 * math.sqrt(2 * math.pi))
    assert one.log_prob(x).exp().tolist() == pytest.approx([peak, peak * math.exp(-0.5)])


def test_a_mixture_integrates_to_one_and_has_its_mean() -> None:
    x = torch.arange(-50, 200, 0.1, dtype=torch.float64)
    density = THREE.log_prob(x).exp()
    assert float(density.sum() * 0.1) == pytest.approx(1)
    assert float((x * density).sum() * 0.1) == pytest.approx(float(THREE.weights @ THREE.means))


def test_draws_have_the_moments_of_the_density() -> None:
    drawn = THREE.sample(200_000, torch.Generator().manual_seed(0))
    mean = float(THREE.weights @ THREE.means)
    variance = float(THREE.weights @ (THREE.stds**2 + THREE.means**2)) - mean**2
    assert float(drawn.mean()) == pytest.approx(mean, abs=5 * math.sqrt(variance / 200_000))
    assert float(drawn.var()) == pytest.approx(variance, rel=0.02)


def test_one_component_fits_the_mean_and_the_standard_deviation() -> None:
    data = torch.tensor([1.0, 2.0, 3.0, 6.0])
    fitted = fit_mixture(data, 1)
    assert float(fitted.means[0]) == pytest.approx(3)
    assert float(fitted.stds[0]) == pytest.approx(math.sqrt(3.5))


def test_a_fit_to_many_draws_finds_the_mixture_they_are_of() -> None:
    fitted = fit_mixture(THREE.sample(20_000, torch.Generator().manual_seed(1)), 3)
    order = fitted.means.argsort()
    for found, true, tolerance in zip(
        (fitted.weights[order], fitted.means[order], fitted.stds[order]),
        (THREE.weights, THREE.means, THREE.stds),
        (0.03, 1.0, 1.0),
        strict=True,
    ):
        assert torch.allclose(found, true, atol=tolerance)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 4))
def test_no_round_makes_the_data_less_likely(seed: int, components: int) -> None:
    data = THREE.sample(60, torch.Generator().manual_seed(seed))
    found = [float(fit_mixture(data, components, rounds).log_prob(data).mean()) for rounds in (0, 1, 2, 5, 20)]
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(found))


@pytest.mark.parametrize("data", [[1.0, 2.0], [4.0, 4.0, 4.0]])
def test_what_cannot_be_fitted_is_refused(data: list[float]) -> None:
    with pytest.raises(ConfigError, match="3 components"):
        fit_mixture(torch.tensor(data), 3)


def test_weights_are_shares() -> None:
    assert isinstance(THREE, Mixture)
    assert float(THREE.weights.sum()) == pytest.approx(1)
