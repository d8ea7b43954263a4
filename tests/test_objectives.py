"""The objective: KL divergence, reconstruction and ELBO against torch.distributions and exact integrals."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch import distributions as td

from tests.factories import make_model
from tests.linear_gaussian import LinearGaussian
from vae_core.errors import ConfigError, ModelError
from vae_core.objectives import (
    ElboTerms,
    elbo,
    elbo_terms,
    elbo_terms_at,
    gaussian_log_prob,
    kl_divergence,
    kl_per_dimension,
    reparameterise,
    standard_normal,
)


def _codes(count: int = 5, latent_dim: int = 3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    mu, logvar = torch.randn(2, count, latent_dim, generator=generator)
    return 3 * mu, 2 * logvar


def _images(count: int) -> Tensor:
    return torch.rand(count, 1, 28, 28, generator=torch.Generator().manual_seed(1)).round()


def test_the_kl_divergence_is_that_of_torch() -> None:
    mu, logvar = _codes()
    q = td.Normal(mu, (0.5 * logvar).exp())
    expected = td.kl_divergence(q, td.Normal(torch.zeros_like(mu), 1.0))
    assert torch.allclose(kl_per_dimension(mu, logvar), expected, rtol=1e-5)
    assert torch.allclose(kl_divergence(mu, logvar), expected.sum(1), rtol=1e-5)


@given(mu=st.floats(-50, 50), logvar=st.floats(-12, 8))
def test_the_kl_divergence_is_never_negative_and_zero_at_the_prior_only(mu: float, logvar: float) -> None:
    kl = kl_divergence(torch.tensor([[mu]], dtype=torch.float64), torch.tensor([[logvar]], dtype=torch.float64)).item()
    assert kl >= -1e-12
    assert kl > 0 or (abs(mu) < 1e-6 and abs(logvar) < 1e-6)


def test_the_density_of_a_code_is_that_of_torch() -> None:
    mu, logvar = _codes()
    z = torch.randn(7, *mu.shape, generator=torch.Generator().manual_seed(2))
    expected = td.Normal(mu, (0.5 * logvar).exp()).log_prob(z).sum(-1)
    assert torch.allclose(gaussian_log_prob(z, mu, logvar), expected, rtol=1e-5)


def test_reparameterised_noise_has_the_mean_and_deviation_of_q(generator: torch.Generator) -> None:
    mu, logvar = _codes(2, 2)
    z = reparameterise(mu, logvar, standard_normal(mu, generator, 100_000))
    std = (0.5 * logvar).exp()
    assert torch.all((z.mean(0) - mu).abs() < 5 * std / 100_000**0.5)
    assert torch.allclose(z.std(0), std, rtol=0.02)


def test_the_gradient_passes_through_the_noise() -> None:
    mu, logvar = (value.requires_grad_() for value in _codes(1, 2))
    epsilon = torch.tensor([[0.5, -2.0]])
    by_mu, by_logvar = torch.autograd.grad(reparameterise(mu, logvar, epsilon).sum(), (mu, logvar))
    assert torch.allclose(by_mu, torch.ones(1, 2))
    assert torch.allclose(by_logvar, 0.5 * (0.5 * logvar).exp() * epsilon)


def test_the_terms_are_cross_entropy_and_divergence_in_nats_per_image() -> None:
    model, x = make_model(), _images(4)
    terms = elbo_terms(model, x, samples=1, generator=torch.Generator().manual_seed(3))
    mu, logvar = model.encode(x)
    assert logvar is not None
    z = mu + (logvar / 2).exp() * torch.randn(1, 4, 2, generator=torch.Generator().manual_seed(3))[0]
    entropy = F.binary_cross_entropy_with_logits(model.decoder(z), x.flatten(1), reduction="none").sum(1)
    assert torch.allclose(terms.reconstruction, entropy, rtol=1e-5)
    assert torch.allclose(terms.kl, kl_divergence(mu, logvar))
    assert torch.allclose(terms.elbo, -(terms.reconstruction + terms.kl))


@given(beta=st.floats(0, 1000))
def test_beta_weighs_the_rate(beta: float) -> None:
    terms = ElboTerms(torch.tensor([100.0, 90.0]), torch.tensor([5.0, 0.25]))
    assert torch.allclose(terms.loss(beta), torch.tensor([100.0 + 5 * beta, 90.0 + 0.25 * beta]))
    per_image = torch.tensor([beta, 2 * beta])
    assert torch.allclose(terms.loss(per_image), torch.tensor([100.0 + 5 * beta, 90.0 + 0.5 * beta]))


def test_more_samples_average_the_reconstruction_and_leave_the_rate() -> None:
    model, x = make_model(), _images(2)
    one = elbo_terms(model, x, samples=1, generator=torch.Generator().manual_seed(0))
    many = elbo_terms(model, x, samples=64, generator=torch.Generator().manual_seed(0))
    assert one.reconstruction.shape == many.reconstruction.shape == (2,)
    assert torch.equal(one.kl, many.kl)
    mu, logvar = model.encode(x)
    assert logvar is not None
    z = reparameterise(mu, logvar, standard_normal(mu, torch.Generator().manual_seed(0), 64))
    each = torch.stack([model.log_likelihood(x, sample) for sample in z])
    assert torch.allclose(many.reconstruction, -each.mean(0), rtol=1e-5)


def test_many_samples_reach_the_expectation_that_quadrature_gives() -> None:
    model, x = make_model(latent_dim=1, activation="tanh"), _images(3)
    model.encoder.state_dict()["layers.1.bias"].copy_(torch.tensor([0.7, -0.4]))
    model.decoder.state_dict()["layers.1.weight"].mul_(5)
    mu, logvar = model.encode(x)
    assert logvar is not None
    # Equal steps integrate a smooth function against a Gaussian all but exactly.
    nodes, weights = torch.linspace(-8, 8, 2001, dtype=torch.float64), torch.full((2001,), 16 / 2000)
    density = torch.exp(-0.5 * nodes**2) / math.sqrt(2 * math.pi)
    z = mu + (0.5 * logvar).exp() * nodes[:, None, None].float()
    expected = (model.log_likelihood(x, z).double() * (density * weights)[:, None]).sum(0)
    terms = elbo(model, x, samples=20_000, generator=torch.Generator().manual_seed(0))
    spread = model.log_likelihood(x, z[::200]).std(0).max().item()
    assert torch.allclose(terms.reconstruction.double(), -expected, atol=5 * spread / 20_000**0.5)


def test_the_elbo_is_the_evidence_where_q_is_the_true_posterior() -> None:
    exact = LinearGaussian((0.5, 0.2), variance=0.05)
    x = exact.images(torch.randn(20, 2, generator=torch.Generator().manual_seed(0)))
    terms = elbo(exact.model, x, samples=4000, generator=torch.Generator().manual_seed(1))
    # The noise of an estimate is that of half a chi-squared variable of each latent dimension.
    assert torch.allclose(terms.elbo.double(), exact.log_evidence(x), atol=5 / 4000**0.5 + 0.01)
    assert abs((terms.elbo.double() - exact.log_evidence(x)).mean()) < 0.02


@pytest.mark.parametrize("batch_size", [1, 7, 10_000])
def test_the_size_of_batches_changes_the_noise_alone(batch_size: int) -> None:
    model, x = make_model(), _images(9)
    terms = elbo(model, x, samples=3, generator=torch.Generator().manual_seed(0), batch_size=batch_size)
    assert terms.elbo.shape == (9,)
    assert torch.allclose(terms.kl, elbo_terms(model, x).kl, rtol=1e-5)
    again = elbo(model, x, samples=3, generator=torch.Generator().manual_seed(0), batch_size=batch_size)
    assert torch.equal(terms.reconstruction, again.reconstruction)


def test_a_vae_is_not_taken_for_an_autoencoder_where_its_noise_is_missing() -> None:
    with pytest.raises(ValueError, match="the z of a VAE is drawn"):
        elbo_terms_at(make_model(), torch.zeros(2, 1, 28, 28), None)


def test_an_autoencoder_is_trained_by_its_reconstruction_alone() -> None:
    model, x = make_model(kind="ae"), _images(3)
    terms = elbo_terms(model, x)
    assert torch.equal(terms.kl, torch.zeros(3))
    assert torch.allclose(terms.reconstruction, -model.log_likelihood(x, model.encode(x)[0]))


def test_an_autoencoder_has_no_elbo() -> None:
    with pytest.raises(ModelError, match="no ELBO"):
        elbo(make_model(kind="ae"), _images(1))


@pytest.mark.parametrize("samples", [0, -1])
def test_no_sample_is_refused(samples: int) -> None:
    with pytest.raises(ConfigError, match="at least one sample"):
        elbo(make_model(), _images(1), samples=samples)
