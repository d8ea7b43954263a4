"""Inference from the seen pixels alone: closed forms, the prior where nothing is seen, never nan."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.factories import make_model
from tests.linear_gaussian import LinearGaussian
from vae_core.errors import DataError
from vae_core.evidence import log_evidence, posterior
from vae_core.inpainting import Seen, completions, seeing
from vae_core.likelihoods import Bernoulli, ContinuousBernoulli, Gaussian, LearnedGaussian, Likelihood
from vae_core.modes import find_modes

LIKELIHOODS: list[Likelihood] = [Bernoulli("binary"), ContinuousBernoulli(), Gaussian(0.1), LearnedGaussian()]


def _mask(seed: int, share: float = 0.5) -> torch.Tensor:
    return torch.rand(28, 28, generator=torch.Generator().manual_seed(seed)) < share


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=lambda each: type(each).__name__)
def test_the_affine_form_is_the_density_of_the_seen_pixels(likelihood: Likelihood) -> None:
    generator = torch.Generator().manual_seed(0)
    x, mask = torch.rand(3, 784, generator=generator), _mask(1).flatten()
    params = torch.randn(5, likelihood.heads, 784, generator=generator)
    seen = Seen(likelihood, mask.float())
    expected = likelihood.pixel_log_prob(x[:, None], params)[..., mask].sum(-1)
    affine = seen.statistics(x) @ seen.natural(params).T - seen.log_partition(params) + seen.base(x)[:, None]
    assert torch.allclose(seen.log_prob(x[:, None], params), expected, atol=1e-3)
    assert torch.allclose(affine, expected, atol=2e-3)


@settings(max_examples=5)
@given(seed=st.integers(0, 1000), share=st.floats(0.02, 0.98))
def test_evidence_and_posterior_given_some_pixels_are_closed_forms(seed: int, share: float) -> None:
    exact = LinearGaussian((1.5, 0.8), 0.05)
    x, mask = exact.images(torch.tensor([[0.7, -0.4]])), _mask(seed, share)
    seen = mask.flatten()
    weight, centred = exact.weight[seen], (x.double().flatten() - exact.bias)[seen]
    covariance = (torch.eye(2).double() + weight.T @ weight / exact.variance).inverse()
    mean = covariance @ weight.T @ centred / exact.variance
    marginal = torch.distributions.LowRankMultivariateNormal(
        exact.bias[seen], weight, torch.full((int(seen.sum()),), exact.variance, dtype=torch.float64)
    )
    found = posterior(seeing(exact.model, mask), x)
    assert found.log_evidence.item() == pytest.approx(
        marginal.log_prob(x.double().flatten()[seen]).item(), abs=0.03, rel=1e-5
    )
    deviation = covariance.diagonal().sqrt()
    assert torch.all((found.mean[0].double() - mean).abs() < 0.05 * deviation)
    assert torch.allclose(found.covariance[0].double(), covariance, atol=0.06 * deviation.max().item() ** 2)


def test_with_every_pixel_seen_nothing_changes() -> None:
    exact = LinearGaussian((0.6, 0.3), 0.05)
    x = exact.images(torch.tensor([[0.7, -0.4]]))
    whole = seeing(exact.model, torch.ones(28, 28, dtype=torch.bool))
    assert torch.allclose(log_evidence(whole, x), log_evidence(exact.model, x), atol=1e-3)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian-learned", "continuous-bernoulli"])
def test_with_no_pixel_seen_the_posterior_is_the_prior(likelihood: str) -> None:
    model = seeing(make_model(likelihood=likelihood), torch.zeros(28, 28, dtype=torch.bool))
    x = torch.rand(1, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    found = posterior(model, x)
    assert found.log_evidence.item() == pytest.approx(0, abs=1e-3)
    assert torch.allclose(found.mean[0], torch.zeros(2), atol=1e-3)
    assert torch.allclose(found.covariance[0], torch.eye(2), atol=1e-2)
    modes = find_modes(model, x, found)
    assert modes.share.tolist() == pytest.approx([1])
    assert modes.z[0].abs().max() < 0.01


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "gaussian-learned"])
@pytest.mark.parametrize("picture", ["noise", "white", "black"])
def test_an_image_that_nothing_explains_has_a_posterior_all_the_same(likelihood: str, picture: str) -> None:
    model = make_model(likelihood=likelihood)
    # A decoder as certain as a trained one is.
    model.decoder.state_dict()["layers.1.weight"].mul_(30)
    noise = torch.rand(1, 1, 28, 28, generator=torch.Generator().manual_seed(0)).round()
    x = {"noise": noise, "white": torch.ones(1, 1, 28, 28), "black": torch.zeros(1, 1, 28, 28)}[picture]
    found = posterior(model, x)
    assert torch.isfinite(found.log_evidence).all()
    assert found.probability.sum().item() == pytest.approx(1, abs=1e-3)
    assert torch.isfinite(find_modes(model, x, found).z).all()


def test_completions_are_decoded_draws_of_the_posterior(generator: torch.Generator) -> None:
    exact = LinearGaussian((1.5, 0.8), 0.05)
    x, mask = exact.images(torch.tensor([[0.7, -0.4]])), _mask(0, 0.1)
    model = seeing(exact.model, mask)
    found = posterior(model, x)
    z, images = completions(model, found, 3000, generator)
    assert z.shape == (3000, 2)
    assert torch.allclose(z.mean(0), found.mean[0], atol=0.1 * found.covariance[0].diagonal().sqrt().max().item())
    assert torch.allclose(images, exact.model.decode(z))


def test_a_model_and_what_it_sees_are_two_models() -> None:
    model = make_model()
    seen = seeing(model, _mask(0))
    assert seen.likelihood is not model.likelihood
    assert seen.decoder is model.decoder
    with pytest.raises(DataError, match="784"):
        seeing(model, torch.ones(3, 3, dtype=torch.bool))
