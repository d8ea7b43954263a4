"""Standard errors against SciPy, closed forms, and the spread of estimates made again and again."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from vae_core.standard_errors import of_mean, of_quantile, of_share


@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=2, max_size=40))
def test_that_of_a_mean_is_scipys(values: list[float]) -> None:
    expected = stats.sem(np.array(values, dtype=np.float64))
    assert of_mean(torch.tensor(values)) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(st.integers(1, 300).flatmap(lambda count: st.tuples(st.integers(0, count), st.just(count))))
def test_that_of_a_share_is_the_binomial_deviation(counted: tuple[int, int]) -> None:
    part, count = counted
    expected = stats.binom(count, part / count).std() / count
    assert of_share(part / count, count) == pytest.approx(expected, abs=1e-12)


def test_a_mean_of_things_that_are_counted_has_nearly_the_error_of_their_share() -> None:
    counted = torch.tensor([1.0] * 30 + [0.0] * 170)
    assert of_mean(counted) == pytest.approx(of_share(0.15, 200), rel=0.01)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("distribution", [stats.norm(3, 2), stats.expon(scale=5)])
def test_that_of_a_quantile_is_the_asymptotic_one(distribution: stats.rv_frozen, share: float) -> None:
    # Quantiles of the distribution itself, so that nothing is left to chance.
    values = torch.from_numpy(distribution.ppf((np.arange(50_000) + 0.5) / 50_000))
    density = distribution.pdf(distribution.ppf(share))
    expected = math.sqrt(share * (1 - share) / 50_000) / density
    assert of_quantile(values, share) == pytest.approx(expected, rel=0.02)


def test_that_of_a_quantile_is_the_spread_of_quantiles_of_many_samples(generator: torch.Generator) -> None:
    samples = torch.randn(2000, 500, generator=generator).exp()
    spread = samples.quantile(0.9, dim=1).std().item()
    said = [of_quantile(sample, 0.9) or math.nan for sample in samples[:200]]
    assert np.mean(said) == pytest.approx(spread, rel=0.1)


def test_at_the_ends_the_rank_stays_within_the_values() -> None:
    values = torch.arange(10.0)
    assert of_quantile(values, 1.0) == 0
    assert of_quantile(values, 0.99) == pytest.approx((9 - values.double().quantile(0.99 - 0.0099**0.5 / 10**0.5)) / 2)


def test_a_single_value_has_no_error() -> None:
    one = torch.tensor([3.0])
    assert (of_mean(one), of_quantile(one, 0.5), of_share(None, 10), of_share(0.5, 0)) == (None, None, None, None)
