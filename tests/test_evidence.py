"""Evidence and posterior against the closed forms of a linear Gaussian model, and bounds against the evidence."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.factories import make_model
from tests.linear_gaussian import LinearGaussian
from vae_core import evidence as evidence_module
from vae_core.errors import ConfigError, ModelError
from vae_core.evidence import iwae, log_evidence, log_importance_weights, posterior
from vae_core.objectives import elbo
from vae_core.quadrature import integrate

MODELS = [((1.0,), 0.05), ((10.0,), 0.01), ((0.6, 0.3), 0.05), ((8.0, 1.0), 0.01)]
"""Lengths of the columns of W, and c: broad and narrow posteriors, along a line and in the plane."""


def _prior(count: int, latent_dim: int) -> Tensor:
    return torch.randn(count, latent_dim, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize(("scales", "variance"), MODELS)
def test_the_evidence_is_the_closed_form(scales: tuple[float, ...], variance: float) -> None:
    exact = LinearGaussian(scales, variance)
    x = exact.images(_prior(8, len(scales)))
    assert (log_evidence(exact.model, x).double() - exact.log_evidence(x)).abs().max() < 0.03


def test_the_evidence_of_groups_of_images_comes_back_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = LinearGaussian((1.0, 0.5), 0.05)
    x = exact.images(_prior(9, 2))
    monkeypatch.setattr(evidence_module, "IMAGE_GROUP", 4)
    assert (log_evidence(exact.model, x).double() - exact.log_evidence(x)).abs().max() < 0.03


def test_the_evidence_of_an_autoencoder_is_that_of_its_decoder() -> None:
    exact = LinearGaussian((1.0, 0.5), 0.05, kind="ae")
    x = exact.images(_prior(4, 2))
    assert (log_evidence(exact.model, x).double() - exact.log_evidence(x)).abs().max() < 0.03


@pytest.mark.parametrize(("scales", "variance"), MODELS)
def test_the_posterior_is_the_closed_form(scales: tuple[float, ...], variance: float) -> None:
    exact = LinearGaussian(scales, variance)
    x = exact.images(_prior(5, len(scales)))
    found = posterior(exact.model, x)
    deviation = exact.posterior_variance.sqrt()
    assert torch.allclose(found.probability.sum(1), torch.ones(5), atol=1e-4)
    assert torch.all((found.mean.double() - exact.posterior_mean(x)).abs() < 0.03 * deviation)
    covariance = found.covariance.double() / (deviation[:, None] * deviation)
    assert (covariance - torch.eye(len(scales), dtype=torch.float64)).abs().max() < 0.04
    assert torch.allclose(found.log_evidence, log_evidence(exact.model, x), atol=2e-3)


def test_the_density_of_the_posterior_is_that_of_its_gaussian() -> None:
    exact = LinearGaussian((0.6, 0.3), 0.05)
    x = exact.images(_prior(3, 2))
    found = posterior(exact.model, x)
    for density, mean in zip(found.density.double(), exact.posterior_mean(x), strict=True):
        gaussian = torch.distributions.Normal(mean, exact.posterior_variance.sqrt())
        expected = gaussian.log_prob(found.z.double()).sum(1).exp()
        assert torch.allclose(density, expected, atol=0.01 * expected.max().item())


def test_a_narrow_posterior_far_out_keeps_its_covariance() -> None:
    exact = LinearGaussian((10.0, 10.0), 0.01)
    x = exact.images(torch.tensor([[4.0, -4.0]]))
    covariance = posterior(exact.model, x).covariance[0].double()
    assert torch.allclose(covariance, torch.diag(exact.posterior_variance), atol=0.05 * 1e-4)


def test_samples_have_the_moments_of_the_posterior(generator: torch.Generator) -> None:
    exact = LinearGaussian((0.6, 0.3), 0.05)
    x = exact.images(_prior(2, 2))
    found = posterior(exact.model, x)
    z = found.sample(50_000, generator).double()
    deviation = exact.posterior_variance.sqrt()
    assert z.shape == (2, 50_000, 2)
    assert torch.all((z.mean(1) - exact.posterior_mean(x)).abs() < 0.03 * deviation)
    # A uniform place within the cell adds at most a twelfth.
    ratio = z.var(1) / exact.posterior_variance
    assert torch.all((ratio > 0.97) & (ratio < 1 + 1 / 12 + 0.03))
    again = found.sample(50_000, torch.Generator().manual_seed(0)).double()
    assert torch.equal(z, again)


def test_a_grid_made_for_others_serves_as_well() -> None:
    exact = LinearGaussian((0.6, 0.3), 0.05)
    x = exact.images(_prior(6, 2))
    grid, values = integrate(exact.model, x)
    found = posterior(exact.model, x[:2], grid)
    assert found.z is grid.z
    assert torch.allclose(found.log_evidence, values[:2], atol=2e-3)


@pytest.mark.parametrize("measure", [log_evidence, posterior])
def test_beyond_two_dimensions_exactness_is_refused_and_the_bound_named(measure: Callable[..., object]) -> None:
    with pytest.raises(ModelError, match="use the iwae bound instead"):
        measure(make_model(latent_dim=3), torch.zeros(1, 1, 28, 28))


@pytest.mark.parametrize(("scales", "variance"), [((0.5,), 0.05), ((0.6, 0.3), 0.05), ((0.9, 0.6, 0.3, 0.2), 0.05)])
@pytest.mark.parametrize("samples", [1, 5])
def test_the_bound_is_exact_where_q_is_the_posterior(
    scales: tuple[float, ...], variance: float, samples: int, generator: torch.Generator
) -> None:
    exact = LinearGaussian(scales, variance)
    x = exact.images(_prior(4, len(scales)))
    weights = log_importance_weights(exact.model, x, samples, generator)
    assert weights.shape == (samples, 4)
    assert torch.allclose(weights.double(), exact.log_evidence(x).expand(samples, 4), atol=0.02)
    assert torch.allclose(iwae(exact.model, x, samples, generator).double(), exact.log_evidence(x), atol=0.02)


def _loose() -> tuple[LinearGaussian, Tensor]:
    """A model whose encoder is not the posterior, and images of it."""
    exact = LinearGaussian((0.6, 0.3), 0.05)
    x = exact.images(_prior(200, 2))
    exact.model.encoder.state_dict()["layers.0.bias"].add_(torch.tensor([0.3, -0.3, 0.8, -0.5]))
    return exact, x


def test_with_one_sample_the_bound_is_the_elbo_in_expectation() -> None:
    exact, x = _loose()
    bound = torch.stack([iwae(exact.model, x, 1, torch.Generator().manual_seed(i)) for i in range(50)])
    lower = elbo(exact.model, x, samples=50, generator=torch.Generator().manual_seed(99)).elbo
    gap = bound.mean(0) - lower
    assert abs(gap.mean()) < 5 * gap.std() / 200**0.5


def test_the_bound_rises_with_samples_and_ends_at_the_evidence() -> None:
    exact, x = _loose()
    bounds = [iwae(exact.model, x, k, torch.Generator().manual_seed(0)).double().mean() for k in (1, 4, 20, 400)]
    evidence = exact.log_evidence(x).mean()
    assert bounds == sorted(bounds)
    assert bounds[0] < evidence - 0.1
    assert bounds[-1] == pytest.approx(evidence.item(), abs=0.02)


def test_few_samples_stay_below_the_evidence_but_for_noise() -> None:
    exact, x = _loose()
    gap = iwae(exact.model, x, 10, torch.Generator().manual_seed(3)).double() - exact.log_evidence(x)
    assert gap.mean() < 3 * gap.std() / 200**0.5


@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_the_bound_does_not_depend_on_how_its_samples_are_grouped(batch_size: int) -> None:
    exact, x = _loose()
    values = iwae(exact.model, x[:20], 300, torch.Generator().manual_seed(0), batch_size=batch_size)
    whole = iwae(exact.model, x[:20], 300, torch.Generator().manual_seed(1))
    assert values.shape == (20,)
    assert (values - whole).mean().abs() < 0.05


def test_the_bound_works_where_quadrature_does_not(generator: torch.Generator) -> None:
    values = iwae(make_model(latent_dim=30), torch.zeros(3, 1, 28, 28), 10, generator)
    assert torch.isfinite(values).all()


def test_an_autoencoder_has_no_bound() -> None:
    with pytest.raises(ModelError, match="no q"):
        iwae(make_model(kind="ae"), torch.zeros(1, 1, 28, 28))


@pytest.mark.parametrize("samples", [0, -5])
def test_no_sample_is_refused(samples: int) -> None:
    with pytest.raises(ConfigError, match="at least one sample"):
        iwae(make_model(), torch.zeros(1, 1, 28, 28), samples)
