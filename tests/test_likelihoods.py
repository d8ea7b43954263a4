"""Likelihoods: densities, moments and samples against torch.distributions and numerical integrals."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate
from torch import Tensor
from torch import distributions as td
from torch.distributions.kl import kl_divergence

from vae_core.config import LIKELIHOODS, ModelConfig
from vae_core.likelihoods import Likelihood, build_likelihood

VARIANCE = 0.07
GREY = [name for name in LIKELIHOODS if name != "bernoulli"]
LOGITS = st.floats(-60, 60)


def _likelihood(name: str) -> Likelihood:
    return build_likelihood(ModelConfig(likelihood=name, variance=VARIANCE))


def _params(likelihood: Likelihood, count: int = 6, pixels: int = 9, scale: float = 3.0) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    shape = (count, likelihood.heads, pixels)
    return scale * torch.randn(*shape, generator=generator, dtype=torch.float64)


def _images(likelihood: Likelihood, count: int = 4, pixels: int = 9) -> Tensor:
    x = torch.rand(count, pixels, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return x.round() if likelihood.pixels == "binary" else x


def _reference(name: str, params: Tensor) -> td.Distribution:
    """The same distribution of pixels from torch."""
    logits = params[..., 0, :]
    if name.startswith("bernoulli"):
        return td.Bernoulli(logits=logits, validate_args=False)
    if name == "continuous-bernoulli":
        # Torch's default keeps a third of the range of probabilities out of its closed form.
        return td.ContinuousBernoulli(logits=logits, lims=(0.4999, 0.5001), validate_args=False)
    if name == "gaussian":
        return td.Normal(logits.sigmoid(), math.sqrt(VARIANCE))
    return td.Normal(logits.sigmoid(), (-3 + 3 * params[..., 1, :].sigmoid()).exp())


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_log_probabilities_are_those_of_torch(name: str) -> None:
    likelihood = _likelihood(name)
    params, x = _params(likelihood), _images(likelihood)
    expected = _reference(name, params[:, None]).log_prob(x).sum(-1)
    assert torch.allclose(likelihood.log_prob(x, params[:, None]), expected, rtol=1e-6)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_means_and_deviations_are_those_of_torch(name: str) -> None:
    likelihood = _likelihood(name)
    params = _params(likelihood)
    reference = _reference(name, params)
    assert torch.allclose(likelihood.mean(params), reference.mean, atol=1e-6)
    assert torch.allclose(likelihood.std(params), reference.stddev, atol=1e-6)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_a_likelihood_is_the_exponential_family_it_says_it_is(name: str) -> None:
    likelihood = _likelihood(name)
    params, x = _params(likelihood), _images(likelihood)
    affine = likelihood.statistics(x) @ likelihood.natural(params).T - likelihood.log_partition(params)
    affine = affine + likelihood.base(x)[:, None]
    assert torch.allclose(affine.T, likelihood.log_prob(x, params[:, None]), rtol=1e-10)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_expected_statistics_are_the_gradient_of_the_log_partition(name: str) -> None:
    likelihood = _likelihood(name)
    params = _params(likelihood).requires_grad_()
    # By the chain rule through the raw outputs: dA = E[T] . d natural.
    (gradient,) = torch.autograd.grad(likelihood.log_partition(params).sum(), params)
    natural = likelihood.natural(params)
    (expected,) = torch.autograd.grad((natural * likelihood.expected_statistics(params).detach()).sum(), params)
    assert torch.allclose(gradient, expected, atol=1e-7)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_the_symmetrised_divergence_is_a_product_of_differences(name: str) -> None:
    likelihood = _likelihood(name)
    params = _params(likelihood)
    first, second = _reference(name, params[:3]), _reference(name, params[3:])
    both_ways = (kl_divergence(first, second) + kl_divergence(second, first)).sum(-1)
    natural, expected = likelihood.natural(params), likelihood.expected_statistics(params)
    product = ((natural[:3] - natural[3:]) * (expected[:3] - expected[3:])).sum(-1)
    assert torch.allclose(product, both_ways, rtol=1e-5)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_samples_have_the_mean_and_deviation(name: str, generator: torch.Generator) -> None:
    likelihood = _likelihood(name)
    params = _params(likelihood, count=1).float()
    drawn = likelihood.sample(params.expand(40_000, -1, -1), generator)
    mean, std = likelihood.mean(params)[0], likelihood.std(params)[0]
    assert drawn.shape == (40_000, 9)
    assert torch.all((drawn.mean(0) - mean).abs() < 5 * std / 200 + 1e-6)
    assert torch.allclose(drawn.std(0), std, rtol=0.03, atol=6e-3)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_samples_follow_from_the_generator(name: str) -> None:
    likelihood = _likelihood(name)
    params = _params(likelihood).float()
    first, second = (likelihood.sample(params, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, likelihood.sample(params, torch.Generator().manual_seed(4)))


@pytest.mark.parametrize("name", ["bernoulli", "bernoulli-grey"])
def test_bernoulli_samples_are_black_or_white(name: str, generator: torch.Generator) -> None:
    likelihood = _likelihood(name)
    assert set(likelihood.sample(_params(likelihood), generator).unique().tolist()) == {0.0, 1.0}


def test_only_the_dynamic_bernoulli_is_a_probability_of_binary_pixels() -> None:
    assert {name: _likelihood(name).pixels for name in LIKELIHOODS} == {
        "bernoulli": "binary",
        **dict.fromkeys(GREY, "grey"),
    }


@given(logit=LOGITS)
def test_the_continuous_bernoulli_integrates_to_one_with_its_mean_and_deviation(logit: float) -> None:
    likelihood = _likelihood("continuous-bernoulli")
    params = torch.tensor([[[logit]]], dtype=torch.float64)

    def moment(power: int) -> float:
        def weighted(x: float) -> float:
            return x**power * likelihood.log_prob(torch.tensor([[x]], dtype=torch.float64), params).exp().item()

        # The mass gathers at one end; quad must be told where.
        ends = [10 / (abs(logit) + 10), 1 - 10 / (abs(logit) + 10)]
        return float(integrate.quad(weighted, 0, 1, points=sorted(ends), epsabs=1e-9)[0])

    mean = moment(1)
    assert moment(0) == pytest.approx(1, abs=1e-7)
    assert likelihood.mean(params).item() == pytest.approx(mean, abs=1e-7)
    assert likelihood.std(params).item() == pytest.approx(math.sqrt(moment(2) - mean**2), abs=1e-5)


@given(logit=LOGITS)
def test_the_continuous_bernoulli_is_as_good_in_float32(logit: float) -> None:
    likelihood = _likelihood("continuous-bernoulli")
    double = torch.tensor([[[logit]]], dtype=torch.float32).double()
    single = double.float()
    assert likelihood.mean(single).item() == pytest.approx(likelihood.mean(double).item(), abs=3e-7)
    assert likelihood.std(single).item() == pytest.approx(likelihood.std(double).item(), rel=2e-4)
    expected = likelihood.log_partition(double).item()
    assert likelihood.log_partition(single).item() == pytest.approx(expected, abs=5e-7, rel=3e-7)


@given(logit=st.floats(-1e-3, 1e-3))
def test_samples_of_a_nearly_flat_continuous_bernoulli_are_nearly_uniform(logit: float) -> None:
    likelihood = _likelihood("continuous-bernoulli")
    params = torch.full((1, 1, 500), logit)
    drawn = likelihood.sample(params, torch.Generator().manual_seed(0))
    uniform = torch.rand(1, 500, generator=torch.Generator().manual_seed(0))
    # The largest distance between the two distribution functions is an eighth of the logit.
    assert min((drawn - uniform).abs().max(), (drawn - (1 - uniform)).abs().max()) < 3e-4


def test_samples_of_a_moderate_continuous_bernoulli_lean_to_its_side(generator: torch.Generator) -> None:
    # A logit of 0.09 moves the mean by 0.0075: no reason to treat it as flat.
    likelihood = _likelihood("continuous-bernoulli")
    drawn = likelihood.sample(torch.full((1, 1, 400_000), 0.09), generator)
    assert drawn.mean().item() == pytest.approx(0.5 + 0.09 / 12, abs=4 * 0.289 / 400_000**0.5)


@pytest.mark.parametrize("size", [0.0, 1e-7, 1e-3, 0.4999999, 0.5, 20.0, 90.0, 1e4])
@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("name", LIKELIHOODS)
def test_values_and_gradients_stay_finite_at_extreme_logits(name: str, sign: int, size: float) -> None:
    likelihood = _likelihood(name)
    params = torch.full((1, likelihood.heads, 784), sign * size).requires_grad_()
    for x in (torch.zeros(1, 784), torch.ones(1, 784)):
        for value in (likelihood.log_prob(x, params), likelihood.mean(params), likelihood.log_partition(params)):
            (gradient,) = torch.autograd.grad(value.sum(), params, retain_graph=True)
            assert torch.isfinite(value).all()
            assert torch.isfinite(gradient).all()
    assert torch.isfinite(likelihood.std(params)).all()
    assert torch.isfinite(likelihood.sample(params.detach(), torch.Generator().manual_seed(0))).all()


def test_a_learned_deviation_keeps_to_its_floor() -> None:
    likelihood = _likelihood("gaussian-learned")
    std = likelihood.std(torch.tensor([-1e4, 0.0, 1e4]).expand(1, 2, 3))
    assert torch.allclose(std, torch.tensor([-3.0, -1.5, 0.0]).exp())


def test_the_deviation_of_a_sure_coin_is_not_rounded_away() -> None:
    likelihood = _likelihood("bernoulli")
    logit = torch.tensor([[[-40.0, 40.0]]])
    assert torch.allclose(likelihood.std(logit), torch.full((2,), math.exp(-20)), rtol=1e-5)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_autocast_rounds_no_likelihood(name: str) -> None:
    likelihood = _likelihood(name)
    params = _params(likelihood, 4, 784).float().requires_grad_()
    x = _images(likelihood, 4, 784).float()
    found = []
    for enabled in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            log_prob = likelihood.log_prob(x, params)
        found.append((log_prob, *torch.autograd.grad(log_prob.sum(), params)))
    for plain, cast in zip(*found, strict=True):
        assert torch.equal(plain, cast)
