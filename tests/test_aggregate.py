"""The aggregate posterior against mixtures summed by hand, SciPy's nearest neighbours, and shares known beforehand."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import KDTree
from torch import Tensor

from vae_core import aggregate
from vae_core.aggregate import aggregate_posterior, holes, information, mutual_information, population_posterior
from vae_core.standard_errors import of_mean

HALF = math.sqrt(2 * math.log(10))
"""How far a unit Gaussian lies from the origin so that it is below a tenth of N(0, 1) on exactly one half-line."""


def mixture(count: int = 6, dimension: int = 2, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    mu = torch.randn(count, dimension, generator=generator)
    return mu, torch.randn(count, dimension, generator=generator) - 1


def gaussians(mu: list[float], logvar: float = 0.0) -> tuple[Tensor, Tensor]:
    """Return one Gaussian for each mean, in one dimension."""
    return torch.tensor(mu)[:, None], torch.full((len(mu), 1), logvar)


@given(st.integers(0, 30), st.sampled_from([1, 2, 5]))
def test_the_density_is_the_mean_of_the_gaussians(seed: int, dimension: int) -> None:
    mu, logvar = mixture(6, dimension, seed)
    z, _ = mixture(9, dimension, seed + 100)
    scale = (0.5 * logvar.double()).exp()
    each = stats.norm.logpdf(z.double()[:, None], mu.double(), scale).sum(-1)
    expected = np.log(np.exp(each).mean(1))
    assert aggregate_posterior(mu, logvar).log_density(z).numpy() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("dimension", [1, 2])
def test_on_a_grid_it_is_the_same_density(dimension: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aggregate, "_BLOCK", 20)
    q = aggregate_posterior(*mixture(dimension=dimension))
    axis = torch.linspace(-2, 3, 7, dtype=torch.float64)
    nodes = torch.cartesian_prod(*[axis] * dimension).reshape(-1, dimension)
    torch.testing.assert_close(q.grid_density(axis).flatten(), q.log_density(nodes).exp())


def tenth_neighbour(codes: Tensor) -> npt.NDArray[np.float64]:
    distances, _ = KDTree(codes.double().numpy()).query(codes.double().numpy(), k=11)
    return np.asarray(distances[:, 10])


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_points_are_widened_to_their_tenth_neighbour(dimension: int) -> None:
    codes = mixture(50, dimension)[0] + 4
    z = mixture(7, dimension, seed=3)[0] + 4
    scale = tenth_neighbour(codes)[:, None] / math.sqrt(dimension)
    each = stats.norm.logpdf(z.double()[:, None], codes.double(), scale).sum(-1)
    density = population_posterior(codes, None).log_density(z)
    assert density.numpy() == pytest.approx(np.log(np.exp(each).mean(1)))


def test_posteriors_are_widened_where_they_are_narrower_than_that() -> None:
    mu, logvar = mixture(50)
    expected = np.maximum(logvar.double().numpy(), np.log(tenth_neighbour(mu)[:, None] ** 2 / 2))
    assert population_posterior(mu, logvar).logvar.numpy() == pytest.approx(expected)


@pytest.mark.parametrize("count", [1, 2, 5, 30])
def test_codes_that_are_all_the_same_have_a_density_too(count: int) -> None:
    q = population_posterior(torch.ones(count, 2), None)
    assert q.log_density(q.mu).isfinite().all()
    assert 0.99 < holes(q, 10) <= 1


@pytest.mark.parametrize(("dimension", "count"), [(1, 100), (2, 100), (2, 1000), (5, 1000), (10, 1000)])
def test_a_sample_that_fills_the_prior_leaves_no_holes_between_its_codes(
    dimension: int, count: int, generator: torch.Generator
) -> None:
    codes = torch.randn(count, dimension, generator=generator)
    assert holes(population_posterior(codes, None), 1000, generator) < 0.02


def test_a_sample_with_nothing_to_one_side_leaves_about_half_the_prior_empty(generator: torch.Generator) -> None:
    codes = torch.randn(4000, 2, generator=generator)
    codes[:, 0].abs_()
    # Less than half: at the edge the kernels reach over it.
    assert 0.44 < holes(population_posterior(codes, None), 0) < 0.5


# Holes


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_codes_that_fill_the_prior_leave_no_hole(dimension: int) -> None:
    q = aggregate_posterior(torch.zeros(4, dimension), torch.zeros(4, dimension))
    assert holes(q, 1000, torch.Generator().manual_seed(0)) == 0


@pytest.mark.parametrize(("dimension", "tolerance"), [(1, 1e-9), (2, 1e-9), (3, 0.02)])
def test_a_gaussian_to_one_side_leaves_the_other_half_empty(
    dimension: int, tolerance: float, generator: torch.Generator
) -> None:
    # q / p = exp(a z - a^2 / 2) along one axis, which at z = 0 is exp(-log 10).
    mu = torch.zeros(1, dimension, dtype=torch.float64)
    mu[0, -1] = HALF
    q = aggregate_posterior(mu, torch.zeros_like(mu))
    assert holes(q, 10_000, generator) == pytest.approx(0.5, abs=tolerance)


@given(st.floats(0.1, 4))
def test_the_empty_share_follows_the_distance_of_a_gaussian(distance: float) -> None:
    mu = torch.tensor([[0.0, distance]])
    edge = distance / 2 - math.log(10) / distance
    share = holes(aggregate_posterior(mu, torch.zeros(1, 2)), 0)
    assert share == pytest.approx(stats.norm.cdf(edge), abs=0.004)


def test_codes_nowhere_near_the_prior_leave_all_of_it_empty(generator: torch.Generator) -> None:
    for dimension in (1, 2, 4):
        far = torch.full((3, dimension), 50.0)
        assert holes(aggregate_posterior(far, torch.zeros_like(far)), 500, generator) == 1


def test_grid_and_draws_agree(generator: torch.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    mu, logvar = mixture(12)
    q = aggregate_posterior(mu + 0.5, logvar - 3)
    summed = holes(q, 0)
    assert 0.1 < summed < 0.9
    monkeypatch.setattr(aggregate, "GRID_DIMENSION", 0)
    assert holes(q, 20_000, generator) == pytest.approx(summed, abs=4 * 0.5 / math.sqrt(20_000))


@given(st.permutations(range(6)), st.booleans())
def test_the_order_of_images_does_not_matter(order: list[int], points: bool) -> None:
    mu, logvar = mixture()
    whole = holes(population_posterior(mu, None if points else logvar), 0)
    mixed = holes(population_posterior(mu[order], None if points else logvar[order]), 0)
    assert mixed == pytest.approx(whole, abs=1e-6)
    assert 0 <= whole <= 1


def test_turning_the_codes_of_an_autoencoder_does_not_change_the_holes() -> None:
    codes = mixture(60)[0].double() * torch.tensor([1.0, 0.2])
    turn = torch.tensor([[0.8, -0.6], [0.6, 0.8]], dtype=torch.float64)
    before, after = (holes(population_posterior(some, None), 0) for some in (codes, codes @ turn))
    assert 0.05 < before < 0.95
    assert after == pytest.approx(before, abs=0.002)


# Mutual information


@pytest.mark.parametrize("dimension", [1, 2, 20])
def test_a_collapsed_encoder_tells_nothing(dimension: int, generator: torch.Generator) -> None:
    mu = torch.full((100, dimension), 0.3)
    assert mutual_information(mu, torch.zeros_like(mu), generator=generator) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("dimension", [1, 2, 20])
def test_codes_that_are_far_apart_tell_all_images_apart(dimension: int, generator: torch.Generator) -> None:
    mu = torch.arange(100.0)[:, None].expand(100, dimension)
    information = mutual_information(mu, torch.full_like(mu, -10.0), generator=generator)
    assert information == pytest.approx(math.log(100), abs=1e-6)


def test_images_in_pairs_of_one_code_are_told_apart_by_pairs(generator: torch.Generator) -> None:
    mu, logvar = gaussians([0.0, 0.0, 50.0, 50.0, 100.0, 100.0])
    assert mutual_information(mu, logvar, generator=generator) == pytest.approx(math.log(3), abs=1e-9)


def test_a_linear_gaussian_encoder_has_the_capacity_of_its_channel(generator: torch.Generator) -> None:
    # mu ~ N(0, s^2) sent with noise of variance v: log(1 + s^2 / v) / 2 nats (Cover & Thomas 2006, eq. 9.16).
    mu = torch.from_numpy(stats.norm.ppf((np.arange(4000) + 0.5) / 4000))[:, None]
    logvar = torch.full_like(mu, math.log(0.25))
    measured = mutual_information(mu, logvar, generator=generator)
    assert measured == pytest.approx(0.5 * math.log(1 + 1 / 0.25), abs=4 / math.sqrt(4000))


def test_it_is_the_rate_less_what_the_aggregate_posterior_is_off_the_prior(generator: torch.Generator) -> None:
    # The form of Hoffman & Johnson, with KL(q(z) || p) summed over a fine grid.
    mu, logvar = mixture(8, 1)
    axis = torch.linspace(-12, 12, 20_001, dtype=torch.float64)
    density = aggregate_posterior(mu, logvar).grid_density(axis)
    log_prior = torch.from_numpy(stats.norm.logpdf(axis))
    marginal = torch.trapezoid(torch.special.xlogy(density, density) - density * log_prior, axis).item()
    rate = 0.5 * (mu**2 + logvar.exp() - logvar - 1).sum(1).mean().item()
    measured = mutual_information(mu, logvar, 100_000, generator)
    assert measured == pytest.approx(rate - marginal, abs=0.02)


@given(st.integers(0, 100), st.integers(1, 30), st.sampled_from([1, 2, 8]), st.integers(1, 40))
def test_it_is_from_nothing_to_telling_all_apart(seed: int, count: int, dimension: int, samples: int) -> None:
    mu, logvar = mixture(count, dimension, seed)
    information = mutual_information(mu, logvar, samples, torch.Generator().manual_seed(seed))
    assert 0 <= information <= math.log(count)


def test_a_mixture_is_held_in_double_precision() -> None:
    q = aggregate_posterior(*mixture())
    assert (q.mu.dtype, q.logvar.dtype) == (torch.float64, torch.float64)


def test_what_each_image_is_told_by_spreads_as_in_a_linear_gaussian_channel(generator: torch.Generator) -> None:
    # log q(z|x) - log q(z) is half the difference of two squared standard normals of correlation sqrt(v / (s^2 + v)),
    # plus a constant: its variance is s^2 / (s^2 + v).
    mu = torch.from_numpy(stats.norm.ppf((np.arange(4000) + 0.5) / 4000))[:, None]
    told = information(mu, torch.full_like(mu, math.log(0.25)), 4000, generator)
    assert told.shape == (4000,)
    assert of_mean(told) == pytest.approx(math.sqrt(1 / 1.25 / 4000), rel=0.05)


def test_its_error_is_that_of_a_mean_over_images_however_often_each_is_drawn(generator: torch.Generator) -> None:
    # Three of four images share a code: they are told by log 4/3, the last one by log 4, and further draws do not
    # make the images more.
    mu, logvar = gaussians([0.0, 0.0, 0.0, 100.0])
    told = information(mu, logvar, 10_000, generator)
    assert sorted(told.tolist()) == pytest.approx([math.log(4 / 3)] * 3 + [math.log(4)])
    assert of_mean(told) == pytest.approx(math.log(3) / 4)


def test_of_many_images_some_are_drawn() -> None:
    mu, logvar = mixture(50)
    told = information(mu, logvar, 20, torch.Generator().manual_seed(0))
    assert told.shape == (20,)
    estimate = mutual_information(mu, logvar, 20, torch.Generator().manual_seed(0))
    assert estimate == pytest.approx(min(max(told.mean().item(), 0), math.log(50)))
