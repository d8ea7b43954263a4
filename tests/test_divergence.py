"""The KL divergence: the worked example, closed forms, and which Gaussian is closest in either direction."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vae_core.divergence import DIRECTIONS, Gauss, closest_gaussian, kl_gaussians, kl_on_grid, kl_terms
from vae_core.errors import ConfigError
from vae_core.mixtures import mixture
from vae_core.objectives import kl_divergence

GRID = torch.arange(-30, 30, 0.01, dtype=torch.float64) + 0.005
shares = st.floats(0.001, 0.999)
means, stds = st.floats(-2, 2), st.floats(0.3, 3)


def test_the_worked_example_costs_much_where_it_matters_and_earns_little_where_it_does_not() -> None:
    terms = kl_terms(torch.tensor([0.9, 0.1]), torch.tensor([0.1, 0.9]))
    assert terms.tolist() == pytest.approx([0.9 * math.log(9), -0.1 * math.log(9)])


@given(shares, shares)
def test_the_divergence_is_never_negative_and_zero_only_between_equals(p: float, q: float) -> None:
    first, second = (torch.tensor([a, 1 - a], dtype=torch.float64) for a in (p, q))
    assert float(kl_terms(first, second).sum()) >= -1e-12
    assert float(kl_terms(first, first).sum()) == 0


def test_what_never_happens_is_free_and_what_is_ruled_out_costs_everything() -> None:
    assert float(kl_terms(torch.tensor([0.0, 1.0]), torch.tensor([0.5, 0.5])).sum()) == pytest.approx(math.log(2))
    assert float(kl_terms(torch.tensor([0.5, 0.5]), torch.tensor([0.0, 1.0])).sum()) == math.inf


@given(means, stds, means, stds)
def test_the_sum_on_a_grid_is_the_closed_form_of_gaussians(a: float, s: float, b: float, t: float) -> None:
    p, q = Gauss(a, s), Gauss(b, t)
    assert kl_on_grid(p.log_prob(GRID), q.log_prob(GRID), 0.01) == pytest.approx(kl_gaussians(p, q), abs=1e-6)


@given(means, stds)
def test_against_the_prior_it_is_the_divergence_of_the_vae(mean: float, std: float) -> None:
    expected = kl_divergence(torch.tensor([mean]), torch.tensor([2 * math.log(std)])).item()
    assert kl_gaussians(Gauss(mean, std), Gauss(0, 1)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_closest_gaussian_to_a_gaussian_is_itself(direction: str) -> None:
    found = closest_gaussian(Gauss(1.5, 0.7).log_prob, GRID, direction)
    assert tuple(found) == pytest.approx((1.5, 0.7), abs=1e-3)


def test_one_direction_covers_both_modes_and_the_other_chooses_the_larger() -> None:
    two = mixture((0.6, -4, 1), (0.4, 4, 1))
    covering = closest_gaussian(two.log_prob, GRID, "forward")
    choosing = closest_gaussian(two.log_prob, GRID, "reverse")
    assert tuple(covering) == pytest.approx((-0.8, math.sqrt(1 + 16 - 0.64)), abs=1e-3)
    assert tuple(choosing) == pytest.approx((-4, 1), abs=0.01)
    # What is lost by leaving the other mode out: log of this mode's share.
    log_q, log_p = choosing.log_prob(GRID), two.log_prob(GRID)
    assert kl_on_grid(log_q, log_p, 0.01) == pytest.approx(-math.log(0.6), abs=0.01)


def test_another_direction_is_refused_and_the_choices_named() -> None:
    with pytest.raises(ConfigError, match="forward, reverse"):
        closest_gaussian(Gauss(0, 1).log_prob, GRID, "sideways")
