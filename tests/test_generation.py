"""Measures of generated images against closed forms and computations made another way."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import scipy.linalg
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.factories import make_images, make_model, make_recogniser
from vae_core import generation, neighbours
from vae_core.data import to_pixels
from vae_core.generation import (
    Recognised,
    completeness,
    frechet_distance,
    generate,
    judge,
    precision_recall,
    recognise,
)
from vae_core.recogniser import Recogniser

X = to_pixels(make_images(30)[0])


@pytest.fixture
def recogniser() -> Recogniser:
    return make_recogniser()


def cloud(count: int, dimension: int = 3, seed: int = 0, centre: float = 0.0, spread: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return centre + spread * torch.randn(count, dimension, generator=generator, dtype=torch.float64)


def shaped(mean: Tensor, root: Tensor, count: int = 50, seed: int = 0) -> Tensor:
    """Return points whose sample mean is ``mean`` and whose sample covariance is ``root`` times its transpose."""
    noise = cloud(count, len(mean), seed)
    noise = noise - noise.mean(0)
    white = noise @ torch.linalg.inv(torch.linalg.cholesky(noise.T.cov())).T
    points: Tensor = mean + white @ root.T
    return points


# Precision and recall


def covered_share(points: npt.NDArray[np.float64], balls: npt.NDArray[np.float64], k: int) -> float:
    """Return the share of points in some ball around ``balls`` to the k-th neighbour, one pair at a time."""
    inside = 0
    radii = []
    for index, centre in enumerate(balls):
        others = np.delete(balls, index, axis=0)
        radii.append(sorted(float(np.linalg.norm(other - centre)) for other in others)[k - 1])
    for point in points:
        inside += any(float(np.linalg.norm(point - ball)) <= radius for ball, radius in zip(balls, radii, strict=True))
    return inside / len(points)


@given(st.integers(0, 100), st.integers(5, 14), st.integers(5, 14), st.integers(1, 4), st.floats(0.2, 2.0))
def test_precision_and_recall_are_those_of_a_search_through_all_pairs(
    seed: int, real_count: int, generated_count: int, k: int, spread: float
) -> None:
    real = cloud(real_count, seed=seed)
    generated = cloud(generated_count, seed=seed + 1000, centre=0.7, spread=spread)
    expected = (
        covered_share(generated.numpy(), real.numpy(), k),
        covered_share(real.numpy(), generated.numpy(), k),
    )
    assert precision_recall(real, generated, k) == pytest.approx(expected)


def test_a_set_covers_itself() -> None:
    assert precision_recall(cloud(40), cloud(40)) == (1.0, 1.0)


def test_sets_far_apart_do_not_cover_each_other() -> None:
    assert precision_recall(cloud(40), cloud(40, centre=100.0)) == (0.0, 0.0)


def test_dropping_half_of_the_modes_costs_recall_and_not_precision() -> None:
    real = torch.cat([cloud(50), cloud(50, seed=1, centre=100.0)])
    assert precision_recall(real, real[:50]) == (1.0, 0.5)
    assert precision_recall(real[:50], real) == (0.5, 1.0)


@given(st.integers(0, 50), st.permutations(range(12)))
def test_the_order_of_images_does_not_matter(seed: int, order: list[int]) -> None:
    real, generated = cloud(12, seed=seed), cloud(12, seed=seed + 1000)
    assert precision_recall(real[order], generated) == precision_recall(real, generated)
    assert precision_recall(real, generated[order]) == precision_recall(real, generated)
    assert frechet_distance(real[order], generated) == pytest.approx(frechet_distance(real, generated))


@given(st.integers(0, 50), st.floats(-1e3, 1e3))
def test_exchanging_the_sets_exchanges_precision_and_recall_wherever_they_lie(seed: int, shift: float) -> None:
    real, generated = cloud(12, seed=seed), cloud(15, seed=seed + 1000)
    precision, recall = precision_recall(real, generated)
    assert precision_recall(generated + shift, real + shift) == (recall, precision)


def test_images_that_are_all_the_same_cover_exactly_themselves() -> None:
    same = (torch.rand(1, 9) * 1e3).expand(20, 9)
    assert precision_recall(same, same) == (1.0, 1.0)
    assert precision_recall(same + 1, same) == (0.0, 0.0)


def test_it_does_not_matter_how_many_distances_fit_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    real, generated = cloud(40), cloud(31, seed=1)
    whole = precision_recall(real, generated)
    monkeypatch.setattr(neighbours, "_BLOCK", 100)
    assert precision_recall(real, generated) == whole


@pytest.mark.parametrize("counts", [(3, 10), (10, 3), (0, 10)])
def test_no_more_images_than_neighbours_have_no_precision(counts: tuple[int, int]) -> None:
    assert precision_recall(cloud(counts[0]), cloud(counts[1])) == (None, None)


# Fréchet distance


def distance_by_matrix_root(first: Tensor, second: Tensor) -> float:
    """The textbook formula, with the root of the product of covariances."""
    covariances = [np.cov(points.numpy(), rowvar=False) for points in (first, second)]
    root = np.asarray(scipy.linalg.sqrtm(covariances[0] @ covariances[1]))
    means = first.mean(0) - second.mean(0)
    return float(means @ means) + float(np.trace(covariances[0] + covariances[1] - 2 * root.real))


@given(st.integers(0, 100), st.integers(2, 6), st.floats(-3, 3), st.floats(0.1, 3))
def test_the_distance_is_that_of_the_root_of_the_product(
    seed: int, dimension: int, centre: float, spread: float
) -> None:
    mixing = cloud(dimension, dimension, seed=seed + 500)
    first = cloud(40, dimension, seed=seed)
    second = cloud(50, dimension, seed=seed + 1000, centre=centre, spread=spread) @ mixing
    measured = frechet_distance(first, second)
    assert measured == pytest.approx(distance_by_matrix_root(first, second), rel=1e-6, abs=1e-6)
    assert measured == pytest.approx(frechet_distance(second, first), rel=1e-9, abs=1e-9)
    assert measured is not None
    assert measured >= 0


def test_two_gaussians_with_the_same_axes_have_the_closed_form() -> None:
    first = shaped(torch.tensor([1.0, 2.0]).double(), torch.diag(torch.tensor([3.0, 0.5])).double())
    second = shaped(torch.tensor([-1.0, 2.5]).double(), torch.diag(torch.tensor([1.0, 2.0])).double(), 70, seed=1)
    expected = (2.0**2 + 0.5**2) + (3 - 1) ** 2 + (0.5 - 2) ** 2
    assert frechet_distance(first, second) == pytest.approx(expected)


def test_equal_sets_are_at_no_distance_though_their_covariance_is_singular() -> None:
    flat = cloud(40, 2) @ cloud(2, 8, seed=1)
    assert frechet_distance(flat, flat) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(flat, flat + 1) == pytest.approx(8, rel=1e-6)


def test_orthogonal_lines_share_nothing() -> None:
    # C C' = 0: what is left is both traces.
    first, second = torch.zeros(3, 2).double(), torch.zeros(3, 2).double()
    first[:, 0], second[:, 1] = torch.tensor([-1.0, 0, 1]), torch.tensor([-2.0, 0, 2])
    assert frechet_distance(first, second) == pytest.approx(1 + 4)


def test_one_image_has_no_covariance_and_so_no_distance() -> None:
    assert frechet_distance(cloud(1), cloud(9)) is None
    assert frechet_distance(cloud(9), cloud(1)) is None


# The recogniser, and what it judges


def test_one_pass_gives_what_the_recogniser_says(recogniser: Recogniser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation, "_CHUNK", 7)
    seen = recognise(recogniser, X)
    torch.testing.assert_close(seen.features, recogniser.features(X).double())
    torch.testing.assert_close(seen.confidence, recogniser(X).softmax(1).amax(1))


def test_an_image_is_accepted_from_nine_tenths_on() -> None:
    assert completeness(torch.tensor([0.1, 0.9, 0.89999, 1.0])) == 0.5
    assert completeness(torch.tensor([0.899])) == 0


def test_generated_images_are_the_means_of_draws_from_the_prior(monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_model(latent_dim=3)
    monkeypatch.setattr(generation, "_CHUNK", 7)
    drawn = generate(model, 20, torch.Generator().manual_seed(4))
    z = torch.randn(20, 3, generator=torch.Generator().manual_seed(4))
    torch.testing.assert_close(drawn, model.decode(z))


def test_a_constant_decoder_is_at_the_distance_of_its_image_and_covers_nothing(recogniser: Recogniser) -> None:
    model = make_model()
    for parameter in model.decoder.parameters():
        parameter.zero_()
    real, generated = recognise(recogniser, X), recognise(recogniser, generate(model, 30))
    judged = judge(real, generated)
    grey = recogniser.features(torch.full((1, 1, 28, 28), 0.5))[0].double()
    expected = (real.features.mean(0) - grey).square().sum() + real.features.var(0).sum()
    assert judged.frechet == pytest.approx(expected.item(), rel=1e-5)
    assert judged.recall == 0
    assert judged.completeness in (0, 1)


def test_sets_are_compared_by_as_many_images_of_each() -> None:
    many = Recognised(cloud(60, seed=1), torch.linspace(0, 1, 60))
    few = Recognised(cloud(20), torch.ones(20))
    judged = judge(few, many)
    assert (judged.precision, judged.recall) == precision_recall(few.features, many.features[:20])
    assert judged.frechet == frechet_distance(few.features, many.features[:20])
    assert judged.completeness == completeness(many.confidence)


def test_shares_have_the_binomial_error_of_the_set_they_are_of() -> None:
    sure = Recognised(cloud(80, seed=1, centre=1.0), torch.linspace(0, 1, 80))
    real = Recognised(cloud(50), torch.ones(50))
    judged = judge(real, sure)
    expected = {
        "completeness": (judged.completeness, 80),  # of all that were generated
        "precision": (judged.precision, 50),
        "recall": (judged.recall, 50),
    }
    assert judged.errors.keys() == expected.keys()
    for key, (share, count) in expected.items():
        assert share is not None
        assert 0 < share < 1
        assert judged.errors[key] == pytest.approx(np.sqrt(share * (1 - share) / count))


@pytest.mark.parametrize("key", ["completeness", "precision", "recall"])
def test_the_error_of_a_share_is_how_far_it_spreads_over_other_images(key: str) -> None:
    """Of those the share is of: what is generated for precision, what is real for recall."""
    fixed = Recognised(cloud(60), torch.ones(60))
    drawn = [Recognised(cloud(60, seed=seed, spread=1.5), cloud(60, 1, seed)[:, 0] + 0.9) for seed in range(1, 81)]
    judged = [judge(other, fixed) if key == "recall" else judge(fixed, other) for other in drawn]
    spread = np.std([getattr(one, key) for one in judged], ddof=1)
    assert np.mean([one.errors[key] for one in judged]) == pytest.approx(spread, rel=0.25)
