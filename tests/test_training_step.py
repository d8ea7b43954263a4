"""One step of training: right by an independent computation, from the batch to the moved weights."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.training_cases import IMAGES, plain_loss, same, tiny_run, weights
from vae_core.objectives import elbo_terms
from vae_core.training_state import start
from vae_core.training_step import balanced_loss, draw_log_beta, prepare_batch, train_step


def test_a_step_is_that_of_plain_torch() -> None:
    state = start(tiny_run({"likelihood": "bernoulli-grey"}, weight_decay=0.1))
    rows, rate, beta = IMAGES[:20].flatten(1), 3e-3, 2.5
    epsilon = torch.randn(20, 2, generator=torch.Generator().manual_seed(state.config.train.seed))
    parameters = list(state.model.parameters())
    loss = plain_loss(state, rows / 255, beta, epsilon)
    gradients = torch.autograd.grad(loss, parameters)
    reconstruction, kl = train_step(state, rows, beta, rate)
    assert state.step == 1
    assert torch.isclose(reconstruction + beta * kl, loss, rtol=1e-5)
    for value, gradient in zip(parameters, gradients, strict=True):
        assert value.grad is not None
        assert torch.allclose(value.grad, gradient, rtol=1e-4, atol=1e-4)


KINDS: list[dict[str, Any]] = [
    {"kind": "ae"},
    {"likelihood": "bernoulli"},
    {"likelihood": "bernoulli-grey", "activation": "relu", "latent_dim": 20},
    {"likelihood": "continuous-bernoulli", "activation": "tanh"},
    {"likelihood": "gaussian", "activation": "gelu", "encoder_widths": (), "decoder_widths": ()},
    {"likelihood": "gaussian-learned", "activation": "elu", "encoder_widths": (400, 8)},
    {"beta_range": (0.01, 200.0)},
]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("model", KINDS, ids=lambda model: "-".join(str(value) for value in model.values()))
def test_gradients_are_those_of_autograd_bit_for_bit(model: dict[str, Any], precision: str) -> None:
    state, twin = start(config := tiny_run(model, precision=precision)), start(config)
    for step, count in enumerate((16, 16, 9, 16)):
        beta, rows = 0.5 + step, IMAGES[step : step + count].flatten(1)
        x = prepare_batch(rows, twin.model.likelihood.pixels, twin.noise)
        log_beta = draw_log_beta(twin.model.config.beta_range, count, twin.noise)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            terms = elbo_terms(twin.model.train(), x, generator=twin.noise, log_beta=log_beta)
            plain = terms.reconstruction.mean() + beta * terms.kl.mean()
            loss = plain if log_beta is None else balanced_loss(terms, log_beta.exp().squeeze(1))
        twin.optimizer.zero_grad()
        loss.backward()
        reconstruction, kl = train_step(state, rows, beta, config.train.learning_rate)
        assert torch.equal(reconstruction, terms.reconstruction.mean())
        assert torch.equal(kl, terms.kl.mean())
        for value, other in zip(state.model.parameters(), twin.model.parameters(), strict=True):
            assert value.grad is not None
            assert other.grad is not None
            assert torch.equal(value.grad, other.grad)
            assert value.grad.stride() == value.stride()
        twin.optimizer.step()
    assert same(weights(state), weights(twin))


def test_the_optimiser_is_adam_with_decoupled_weight_decay() -> None:
    decay, rates = 0.1, [3e-3, 1e-3, 2e-3]
    state = start(tiny_run(weight_decay=decay))
    parameters = list(state.model.parameters())
    values = [value.detach().double() for value in parameters]
    m = [torch.zeros_like(value) for value in values]
    v = [torch.zeros_like(value) for value in values]
    for t, rate in enumerate(rates, 1):
        train_step(state, IMAGES[:20].flatten(1), 1.0, rate)
        for i, parameter in enumerate(parameters):
            assert parameter.grad is not None
            g = parameter.grad.double()
            m[i] = 0.9 * m[i] + 0.1 * g
            v[i] = 0.999 * v[i] + 0.001 * g**2
            # Loshchilov & Hutter 2019, algorithm 2.
            step = (m[i] / (1 - 0.9**t)) / ((v[i] / (1 - 0.999**t)).sqrt() + 1e-8)
            values[i] = values[i] - rate * decay * values[i] - rate * step
            assert torch.allclose(parameter.detach().double(), values[i], rtol=1e-5, atol=1e-6)


def _update_of_plain_descent(clip_norm: float) -> Tensor:
    """Return how one step of gradient descent at rate 1e-3 moves all the weights, as one vector."""
    state = start(tiny_run(clip_norm=clip_norm))
    state.optimizer = torch.optim.SGD(state.model.parameters())
    before = torch.nn.utils.parameters_to_vector(state.model.parameters()).detach().clone()
    train_step(state, IMAGES[:16].flatten(1), 1.0, 1e-3)
    return torch.nn.utils.parameters_to_vector(state.model.parameters()).detach() - before


@settings(max_examples=10)
@given(share=st.floats(0.01, 0.9))
def test_clipping_shortens_a_long_gradient_and_keeps_its_direction(share: float) -> None:
    free = _update_of_plain_descent(0.0)
    clip_norm = share * float(free.norm()) / 1e-3
    clipped = _update_of_plain_descent(clip_norm)
    assert float(clipped.norm()) == pytest.approx(1e-3 * clip_norm, rel=1e-3)
    assert torch.allclose(clipped, share * free, rtol=1e-2, atol=1e-6)


def test_clipping_leaves_a_short_gradient_alone() -> None:
    assert torch.equal(_update_of_plain_descent(1e6), _update_of_plain_descent(0.0))


def test_binarisation_draws_every_pixel_with_its_grey_value_as_probability(generator: torch.Generator) -> None:
    count = 4000
    values = (torch.arange(784) % 256).to(torch.uint8)
    batch = prepare_batch(values.expand(count, -1), "binary", generator)
    assert batch.shape == (count, 1, 28, 28)
    assert set(batch.unique().tolist()) == {0.0, 1.0}
    p = values.double() / 255
    frequency = batch.flatten(1).double().mean(0)
    assert torch.all((frequency - p).abs() <= 5.5 * (p * (1 - p) / count).sqrt())  # 0 never, 255 always
    # All pixels together see a bias far smaller than one grey value.
    assert float((frequency - p).mean().abs()) <= 5 * math.sqrt(float((p * (1 - p)).sum()) / count) / 784


def test_binarisation_is_drawn_anew_for_every_batch(generator: torch.Generator) -> None:
    rows = torch.full((2, 784), 128, dtype=torch.uint8)
    assert not torch.equal(prepare_batch(rows, "binary", generator), prepare_batch(rows, "binary", generator))


def test_grey_pixels_are_scaled_and_take_no_noise(generator: torch.Generator) -> None:
    before = generator.get_state()
    batch = prepare_batch(IMAGES.flatten(1), "grey", generator)
    assert torch.equal(batch, IMAGES[:, None] / 255)
    assert torch.equal(generator.get_state(), before)
