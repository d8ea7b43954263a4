"""The modes of posteriors whose modes are known."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.folded import Folded
from tests.linear_gaussian import LinearGaussian
from vae_core.evidence import Posterior, posterior
from vae_core.modes import Modes, find_modes


def _modes(exact: Folded | LinearGaussian, x: torch.Tensor) -> Modes:
    return find_modes(exact.model, x, posterior(exact.model, x))


@pytest.mark.parametrize(("scales", "variance"), [((1.0,), 0.05), ((0.6, 0.3), 0.05), ((8.0, 1.0), 0.01)])
def test_a_gaussian_posterior_has_one_mode_with_its_moments(scales: tuple[float, ...], variance: float) -> None:
    exact = LinearGaussian(scales, variance)
    x = exact.images(torch.full((1, len(scales)), 0.7))
    found = _modes(exact, x)
    deviation = exact.posterior_variance.sqrt()
    assert found.share.tolist() == pytest.approx([1.0])
    for place in (found.z, found.mean):
        assert torch.all((place[0].double() - exact.posterior_mean(x)[0]).abs() < 0.02 * deviation)
    covariance = found.covariance[0].double() / (deviation[:, None] * deviation)
    # The width of the cells, counted in, adds at most a twelfth.
    assert (covariance - torch.eye(len(scales), dtype=torch.float64)).abs().max() < 0.13


@settings(max_examples=8)
@given(first=st.floats(0.4, 2.0), second=st.floats(-1.5, 1.5), scale=st.floats(1.0, 6.0))
def test_a_folded_model_has_both_its_modes_with_half_the_mass_each(first: float, second: float, scale: float) -> None:
    exact = Folded((scale, 0.7), 0.01)
    x = exact.half.images(torch.tensor([[first, second]]))
    found = _modes(exact, x)
    expected = exact.modes(x)[0]
    assert found.share.tolist() == pytest.approx([0.5, 0.5], abs=0.01)
    deviation = exact.half.posterior_variance.sqrt()
    for mode in expected:
        assert ((found.z.double() - mode).abs() < 0.02 * deviation).all(1).sum() == 1


def test_a_mode_that_holds_too_little_is_left_out_but_never_the_largest() -> None:
    exact = Folded((3.0, 0.7), 0.01)
    x = exact.half.images(torch.tensor([[0.8, 0.3]]))
    found = posterior(exact.model, x)
    assert len(find_modes(exact.model, x, found, least=0.6).z) == 1
    assert len(find_modes(exact.model, x, found, least=0.4).z) == 2


def test_the_same_posterior_gives_the_same_modes() -> None:
    exact = Folded((3.0, 0.7), 0.01)
    x = exact.half.images(torch.tensor([[0.8, 0.3]]))
    assert torch.equal(_modes(exact, x).z, _modes(exact, x).z)


def _two_hills(dip: float) -> Posterior:
    """A posterior on a row of cells whose density falls by ``dip`` nats between its two summits, steeply outside."""
    place = torch.arange(41.0) - 20
    fall = dip * (1 - (place.abs() / 10).clamp(max=1)) + 3.0 * (place.abs() - 10).clamp(min=0)
    mass = torch.softmax(-fall - 0.001 * place, 0)
    return Posterior(torch.stack([0.1 * place, torch.zeros(41)], 1), torch.full((41,), 0.1), mass[None], torch.zeros(1))


@pytest.mark.parametrize(("dip", "count"), [(0.5, 1), (0.6, 1), (0.9, 2), (3.0, 2)])
def test_a_summit_needs_a_dip_of_a_factor_of_two_before_the_next(dip: float, count: int) -> None:
    exact = LinearGaussian((1.0, 1.0), 1.0)
    found = find_modes(exact.model, exact.images(torch.zeros(1, 2)), _two_hills(dip))
    assert len(found.share) == count
    assert float(found.share.sum()) == pytest.approx(1)
