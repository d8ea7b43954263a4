"""Gaussians and expectations under them, against polynomials and closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.factories import make_model
from vae_core.errors import ModelError
from vae_core.gaussians import Gaussians, expectation, hermite, joined, midpoints, of_encoder, of_moments

SKEWED = Gaussians(torch.tensor([[0.5, -1.0], [2.0, 0.0]]), torch.tensor([[[0.6, 0.0], [0.3, 0.2]]]).expand(2, 2, 2))


def _moments(q: Gaussians) -> torch.distributions.MultivariateNormal:
    return torch.distributions.MultivariateNormal(q.mean, q.covariance)


def test_entropy_and_density_are_those_of_torch() -> None:
    z = torch.randn(5, 2, 2, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(SKEWED.entropy, _moments(SKEWED).entropy(), atol=1e-5)
    assert torch.allclose(SKEWED.log_prob(torch.arange(2), z), _moments(SKEWED).log_prob(z), rtol=1e-4)


@pytest.mark.parametrize("rule", [hermite, midpoints])
@given(a=st.floats(-2, 2), b=st.floats(-2, 2), power=st.integers(0, 4))
def test_expectations_of_polynomials_are_exact(rule: object, a: float, b: float, power: int) -> None:
    assert callable(rule)

    def f(rows: Tensor, z: Tensor) -> Tensor:
        return (a * z[..., 0] + b * z[..., 1]) ** power

    found = expectation(f, SKEWED, [rule(24, 2), rule(48, 2)])
    direction = torch.tensor([a, b])
    mean = SKEWED.mean @ direction
    variance = torch.einsum("i,nij,j->n", direction, SKEWED.covariance, direction)
    moments = [
        torch.ones(2),
        mean,
        mean**2 + variance,
        mean**3 + 3 * mean * variance,
        mean**4 + 6 * mean**2 * variance + 3 * variance**2,
    ]
    assert torch.allclose(found, moments[power], rtol=1e-3, atol=2e-3)


def test_a_function_that_a_coarse_rule_misses_is_given_a_finer_one() -> None:
    q = Gaussians(torch.zeros(1, 1), torch.ones(1, 1, 1))
    asked = []

    def wavy(rows: Tensor, z: Tensor) -> Tensor:
        asked.append(len(z))
        return torch.cos(9 * z[..., 0]) + z[..., 0] ** 2

    found = expectation(wavy, q, [hermite(count, 1) for count in (4, 8, 16, 32, 64)])
    assert found.item() == pytest.approx(1 + math.exp(-40.5), abs=3e-3)
    assert max(asked) > 16


def test_functions_of_their_own_are_integrated_for_each_gaussian() -> None:
    levels = torch.tensor([3.0, 7.0])
    found = expectation(lambda rows, z: levels[rows] + 0 * z[..., 0], SKEWED, [hermite(4, 2), hermite(8, 2)])
    assert torch.allclose(found, levels)


def test_gaussians_of_moments_have_them_and_can_be_joined() -> None:
    again = of_moments(SKEWED.mean, SKEWED.covariance)
    assert torch.allclose(again.covariance, SKEWED.covariance, atol=1e-6)
    both = joined([SKEWED, again])
    assert len(both.mean) == 4
    assert torch.equal(both[1].mean, SKEWED.mean[1:])


def test_the_encoder_has_a_gaussian_and_an_autoencoder_none() -> None:
    x = torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    model = make_model()
    mu, logvar = model.encode(x)
    assert logvar is not None
    q = of_encoder(model, x)
    assert torch.equal(q.mean, mu)
    assert torch.allclose(q.covariance, torch.diag_embed(logvar.exp()))
    with pytest.raises(ModelError, match="no q"):
        of_encoder(make_model(kind="ae"), x)
