"""One step under the microscope: each number is that of the real step, found again by other means."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from tests.factories import TINY, make_config, make_images, make_model
from vae_core import run_keyframes, runs
from vae_core.config import LIKELIHOODS, ModelConfig, RunConfig, TrainConfig
from vae_core.errors import ConfigError, LatentExplorerError
from vae_core.microscope import Look, look, weights_of
from vae_core.models import Autoencoder
from vae_core.objectives import elbo_terms
from vae_core.training_state import TrainState, start
from vae_core.training_step import BALANCE, draw_log_beta, train_step

IMAGE = make_images(8, seed=3)[0][7]
RANGE = (0.01, 200.0)
MODELS: dict[str, dict[str, Any]] = {
    **{likelihood: {"likelihood": likelihood} for likelihood in LIKELIHOODS},
    "ae": {"kind": "ae"},
    "ae of grey pixels": {"kind": "ae", "likelihood": "bernoulli-grey"},
    "five dimensions": {"latent_dim": 5},
    "one dimension, tanh": {"latent_dim": 1, "activation": "tanh"},
    "wide": {"encoder_widths": (128, 96), "decoder_widths": (96, 128)},
}


def _state(**model: Any) -> TrainState:
    """The state before a run's first step; its optimiser leaves gradients where the step has put them."""
    return start(RunConfig(ModelConfig(**{**TINY, **model}), TrainConfig(seed=1, device="cpu", clip_norm=0.0)))


def _noise(seed: int = 5) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _look(model: Autoencoder | TrainState, beta: float = 2.0, seed: int = 5, x: Tensor | None = None) -> Look:
    return look(model, IMAGE, beta, _noise(seed), x)


def _norms(model: Autoencoder) -> dict[str, float]:
    """The norms of what a backward pass has left, by net and number of the layer."""
    norms = {}
    for name, net in (("encoder", model.encoder), ("decoder", model.decoder)):
        for number, layer in enumerate(net.layers):
            squares = [weights.grad.square().sum() for weights in layer.parameters() if weights.grad is not None]
            assert len(squares) == 2
            norms[f"{name}.{number}"] = math.sqrt(sum(squares))
    return norms


@pytest.mark.parametrize("settings", MODELS.values(), ids=MODELS)
def test_it_shows_the_numbers_of_a_real_step_on_a_batch_of_that_image(settings: dict[str, Any]) -> None:
    state = _state(**settings)
    seen = look(state, IMAGE, 2.0, _noise())
    state.noise = _noise()
    reconstruction, kl = train_step(state, IMAGE.reshape(1, -1), 2.0, 1e-3)
    assert seen.distortion == pytest.approx(reconstruction.item(), rel=1e-6)
    assert seen.rate == pytest.approx(kl.item(), rel=1e-6)
    assert seen.loss == pytest.approx((reconstruction + 2.0 * kl).item(), rel=1e-6)
    assert dict(seen.gradient_norms) == pytest.approx(_norms(state.model), rel=1e-4)
    assert state.noise.get_state().equal(_spent(settings))


def _spent(settings: dict[str, Any]) -> Tensor:
    """The state of the noise after looking."""
    noise = _noise()
    look(_state(**settings), IMAGE, 2.0, noise)
    return noise.get_state()


def test_an_any_beta_models_step_is_that_at_the_beta_given() -> None:
    noise = _noise()
    drawn = draw_log_beta(RANGE, 1, noise)
    assert drawn is not None
    beta = drawn.exp().item()
    # A grey model draws nothing for its pixels, so that the step draws beta first, then epsilon.
    grey = _state(beta_range=RANGE, likelihood="bernoulli-grey")
    seen = look(grey, IMAGE, beta, noise)
    grey.noise = _noise()
    reconstruction, kl = train_step(grey, IMAGE.reshape(1, -1), 1.0, 1e-3)
    assert seen.distortion == pytest.approx(reconstruction.item(), rel=1e-5)
    assert seen.rate == pytest.approx(kl.item(), rel=1e-5)
    assert seen.loss == pytest.approx((seen.distortion + beta * seen.rate) / seen.divisor, rel=1e-6)
    assert seen.divisor == pytest.approx((1 + beta) ** BALANCE)
    weights_and_biases = {name: norm for name, norm in seen.gradient_norms.items() if ".gate." not in name}
    assert weights_and_biases == pytest.approx(_norms(grey.model), rel=1e-4)
    assert {"encoder.gate.0", "decoder.gate.0"} <= set(seen.gradient_norms)


@pytest.mark.parametrize("settings", MODELS.values(), ids=MODELS)
def test_its_parts_make_up_the_objective(settings: dict[str, Any]) -> None:
    model = make_model(**settings)
    seen = _look(model)
    x = seen.x.reshape(1, 1, 28, 28)
    assert seen.pixel_loss.shape == (28, 28)
    assert seen.pixel_loss.sum().item() == pytest.approx(seen.distortion, rel=1e-5)
    assert seen.distortion == pytest.approx(-model.log_likelihood(x, seen.z[None]).item(), rel=1e-5)
    torch.testing.assert_close(seen.mean, model.decode(seen.z[None])[0, 0])
    mu, logvar = model.encode(x)
    torch.testing.assert_close(seen.mu, mu[0])
    if logvar is None:
        assert seen.logvar is seen.epsilon is seen.sigma is seen.kl is seen.d_logvar is None
        assert (seen.rate, seen.loss, seen.reach) == (0.0, seen.distortion, ())
        assert torch.equal(seen.z, seen.mu)
        return
    assert seen.logvar is not None
    assert seen.sigma is not None
    assert seen.epsilon is not None
    assert seen.kl is not None
    torch.testing.assert_close(seen.logvar, logvar[0])
    torch.testing.assert_close(seen.z, seen.mu + seen.sigma * seen.epsilon)
    torch.testing.assert_close(seen.kl, kl_divergence(Normal(mu[0], (logvar[0] / 2).exp()), Normal(0.0, 1.0)))
    assert seen.rate == pytest.approx(seen.kl.sum().item(), rel=1e-5)
    assert seen.loss == pytest.approx(seen.distortion + 2.0 * seen.rate, rel=1e-6)


def test_the_image_is_what_the_models_likelihood_is_of() -> None:
    binary, grey = _look(make_model()), _look(make_model(likelihood="bernoulli-grey"))
    assert set(binary.x.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(grey.x, IMAGE / 255)


def test_other_noise_draws_another_epsilon_for_the_same_pixels_where_they_are_given() -> None:
    first = _look(make_model())
    second = _look(make_model(), seed=6, x=first.x)
    assert torch.equal(first.x, second.x)
    assert torch.equal(first.mu, second.mu)
    assert not torch.equal(first.z, second.z)


def _loss_at(model: Autoencoder, seen: Look, mu: Tensor, logvar: Tensor) -> float:
    """The loss of a code, computed in float64 without a gradient."""
    assert seen.epsilon is not None
    z = mu + (logvar / 2).exp() * seen.epsilon.double()
    distortion = -model.log_likelihood(seen.x.double().reshape(1, 1, 28, 28), z[None])[0]
    kl = kl_divergence(Normal(mu, (logvar / 2).exp()), Normal(torch.zeros_like(mu), torch.ones_like(mu))).sum()
    return (distortion + seen.beta * kl).item()


@settings(max_examples=12)
@given(beta=st.floats(0, 10), seed=st.integers(0, 50), likelihood=st.sampled_from(LIKELIHOODS))
def test_the_derivatives_by_the_code_are_finite_differences(beta: float, seed: int, likelihood: str) -> None:
    model = make_model(seed, likelihood=likelihood, latent_dim=3)
    seen = _look(model, beta, seed)
    assert seen.logvar is not None
    assert seen.d_logvar is not None
    double = model.double()
    mu, logvar, h = seen.mu.double(), seen.logvar.double(), 1e-5
    for number, nudge in enumerate(h * torch.eye(3, dtype=torch.float64)):
        by_mu = (_loss_at(double, seen, mu + nudge, logvar) - _loss_at(double, seen, mu - nudge, logvar)) / (2 * h)
        by_logvar = (_loss_at(double, seen, mu, logvar + nudge) - _loss_at(double, seen, mu, logvar - nudge)) / (2 * h)
        assert seen.d_mu[number].item() == pytest.approx(by_mu, rel=1e-3, abs=1e-3)
        assert seen.d_logvar[number].item() == pytest.approx(by_logvar, rel=1e-3, abs=1e-3)


def test_a_layers_gradient_norm_is_the_slope_along_its_gradient() -> None:
    """A step of h along the gradient of one layer raises the loss by h times its norm."""
    model = make_model(likelihood="bernoulli-grey", activation="tanh").requires_grad_(True)
    seen = _look(model)
    x = seen.x.reshape(1, 1, 28, 28)

    def loss() -> Tensor:
        return elbo_terms(model, x, generator=_noise()).loss(2.0)[0]

    layer = model.encoder.layers[0]
    gradients = torch.autograd.grad(loss(), list(layer.parameters()))
    norm, h = math.sqrt(sum(gradient.square().sum().item() for gradient in gradients)), 1e-2
    values = []
    for sign in (1, -2):
        with torch.no_grad():
            for weights, gradient in zip(layer.parameters(), gradients, strict=True):
                weights.add_(gradient, alpha=sign * h / norm)
        values.append(loss().item())
    slope = (values[0] - values[1]) / (2 * h)
    assert seen.gradient_norms["encoder.0"] == pytest.approx(slope, rel=0.02)


class TestReach:
    def test_a_z_drawn_directly_leaves_the_encoder_nothing_but_the_kl(self) -> None:
        rows = {row.name: row for row in _look(make_model()).reach}
        assert list(rows) == ["encoder", "mu", "logvar", "z", "decoder"]
        for name in ("encoder", "mu", "logvar"):
            row = rows[name]
            assert row.drawn is None
            assert row.reparameterised is not None
            assert row.reparameterised > 0
            assert row.kl is not None
            assert row.kl > 0

    def test_the_decoder_learns_the_same_from_either_z_and_nothing_from_the_kl(self) -> None:
        rows = {row.name: row for row in _look(make_model()).reach}
        for name in ("z", "decoder"):
            assert rows[name].drawn == pytest.approx(rows[name].reparameterised, rel=1e-5)
            assert rows[name].kl is None

    def test_it_is_what_sampling_from_a_distribution_does(self) -> None:
        model = make_model().requires_grad_(True)
        x = _look(model).x.reshape(1, 1, 28, 28)
        mu, logvar = model.encode(x)
        assert logvar is not None
        z = Normal(mu, (logvar / 2).exp()).sample()
        (-model.log_likelihood(x, z)).sum().backward()
        assert all(weights.grad is None for weights in model.encoder.parameters())
        assert all(weights.grad is not None for weights in model.decoder.parameters())

    def test_without_the_distortion_the_encoder_gets_the_gradient_of_the_kl(self) -> None:
        seen = _look(make_model(), beta=3.0)
        rows = {row.name: row for row in seen.reach}
        assert seen.logvar is not None
        assert rows["mu"].kl == pytest.approx(3.0 * seen.mu.norm().item(), rel=1e-4)
        assert rows["logvar"].kl == pytest.approx(1.5 * (seen.logvar.exp() - 1).norm().item(), rel=1e-4)


@pytest.mark.parametrize("settings", [{}, {"kind": "ae"}, {"beta_range": RANGE}])
def test_looking_changes_neither_weights_nor_gradients_nor_modes(settings: dict[str, Any]) -> None:
    state = _state(**settings)
    for weights in state.model.parameters():
        weights.grad = torch.full_like(weights, 7.0)
    before = {name: value.clone() for name, value in state.model.state_dict().items()}
    state.model.eval()
    _look(state)
    assert not state.model.training
    assert state.step == 0
    assert all(torch.equal(value, before[name]) for name, value in state.model.state_dict().items())
    assert all(weights.grad is not None and (weights.grad == 7).all() for weights in state.model.parameters())
    assert not torch.equal(_look(state, seed=1).z, _look(state, seed=2).z) or settings.get("kind") == "ae"


def test_it_looks_where_gradients_are_switched_off_and_at_shared_weights() -> None:
    model = make_model()
    expected = _look(model)
    with torch.no_grad():
        seen = _look(model)
    assert seen.gradient_norms == expected.gradient_norms
    assert not any(weights.requires_grad for weights in model.parameters())


@pytest.mark.parametrize("beta", [-1.0, math.inf, math.nan])
def test_a_beta_that_training_would_not_take_is_refused(beta: float) -> None:
    with pytest.raises(ConfigError, match="beta"):
        _look(make_model(), beta)


def test_an_any_beta_model_takes_a_beta_of_its_range_only() -> None:
    with pytest.raises(ConfigError, match=r"0\.01 to 200"):
        _look(make_model(beta_range=RANGE), 0.0)


@pytest.mark.parametrize("image", [torch.zeros(28, 28), torch.zeros(27, 28, dtype=torch.uint8), IMAGE[None]])
def test_anything_but_one_digit_is_refused(image: Tensor) -> None:
    with pytest.raises(LatentExplorerError, match="28 x 28"):
        look(make_model(), image, 1.0, _noise())


def test_the_weights_of_a_run_are_its_newest_keyframe(tmp_path: Path, data: Path) -> None:
    config = make_config(data)
    run = tmp_path / "run"
    with pytest.raises(LatentExplorerError, match="no keyframe"):
        weights_of(run)
    state = runs.create(run, config)
    run_keyframes.save(run, 3, state.model)
    run_keyframes.save(run, 12, make_model(seed=9))
    step, model = weights_of(run)
    assert step == 12
    expected = {name: value.half().float() for name, value in make_model(seed=9).state_dict().items()}
    torch.testing.assert_close(dict(model.state_dict()), expected, rtol=0, atol=0)
    assert model.config == config.model
