"""Models: shapes, the arithmetic of the layers, and where their weights come from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.factories import make_model
from vae_core.config import ACTIVATIONS, KINDS, LIKELIHOODS, ModelConfig, RunConfig, TrainConfig
from vae_core.models import LOGVAR_RANGE, Autoencoder, Mlp
from vae_core.training_state import start

NUMPY_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "relu": lambda h: np.maximum(h, 0),
    "tanh": np.tanh,
    "silu": lambda h: h / (1 + np.exp(-h)),
    "elu": lambda h: np.where(h > 0, h, np.expm1(h)),
}


def _images(count: int) -> Tensor:
    return torch.rand(count, 1, 28, 28, generator=torch.Generator().manual_seed(0))


@settings(max_examples=20)
@given(
    kind=st.sampled_from(KINDS),
    likelihood=st.sampled_from(LIKELIHOODS),
    latent_dim=st.integers(1, 20),
    encoder_widths=st.lists(st.integers(1, 9), max_size=3).map(tuple),
    decoder_widths=st.lists(st.integers(1, 9), max_size=3).map(tuple),
    count=st.integers(0, 3),
)
def test_shapes_follow_from_the_configuration(
    kind: str,
    likelihood: str,
    latent_dim: int,
    encoder_widths: tuple[int, ...],
    decoder_widths: tuple[int, ...],
    count: int,
) -> None:
    model = Autoencoder(ModelConfig(kind, latent_dim, encoder_widths, decoder_widths, likelihood=likelihood))
    x = _images(count)
    mu, logvar = model.encode(x)
    assert mu.shape == (count, latent_dim)
    assert (logvar is None) == (kind == "ae")
    assert logvar is None or logvar.shape == mu.shape
    heads = 2 if likelihood == "gaussian-learned" else 1
    assert model.decode_params(mu).shape == (count, heads, 784)
    assert model.decode(mu).shape == (count, 1, 28, 28)
    assert model.log_likelihood(x, mu).shape == (count,)
    assert model.log_likelihood(x, mu.expand(5, count, latent_dim)).shape == (5, count)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_mean_images_are_grey_values(likelihood: str) -> None:
    model = make_model(likelihood=likelihood)
    pixels = model.decode(30 * torch.randn(50, 2, generator=torch.Generator().manual_seed(1)))
    assert pixels.min() >= 0
    assert pixels.max() <= 1


@pytest.mark.parametrize("activation", NUMPY_ACTIVATIONS)
def test_a_network_is_linear_layers_with_the_activation_between_them(activation: str) -> None:
    network = Mlp([3, 5, 4, 2], activation)
    weights = {name: value.detach().double().numpy() for name, value in network.state_dict().items()}
    h = np.random.default_rng(0).normal(size=(7, 3))
    out = network(torch.tensor(h, dtype=torch.float32)).detach().numpy()
    for number in range(3):
        h = h @ weights[f"layers.{number}.weight"].T + weights[f"layers.{number}.bias"]
        h = NUMPY_ACTIVATIONS[activation](h) if number < 2 else h
    np.testing.assert_allclose(out, h, atol=1e-5)


def test_every_activation_there_is_can_be_built() -> None:
    assert all(torch.isfinite(Mlp([2, 3, 1], name)(torch.ones(1, 2))).all() for name in ACTIVATIONS)


def test_a_network_without_hidden_layers_is_linear() -> None:
    decoder = make_model(decoder_widths=()).decoder
    a, b = torch.tensor([[1.0, 2.0]]), torch.tensor([[-3.0, 0.5]])
    assert torch.allclose(decoder(a + b) - decoder(b), decoder(a) - decoder(torch.zeros(1, 2)), atol=1e-5)


def test_the_encoder_gives_means_first_and_log_variances_after() -> None:
    model, x = make_model(latent_dim=3), _images(4)
    out = model.encoder(x.flatten(1))
    mu, logvar = model.encode(x)
    assert logvar is not None
    assert torch.equal(mu, out[:, :3])
    assert torch.equal(logvar, out[:, 3:])


def test_log_variances_stay_where_precisions_are_finite() -> None:
    model = make_model(encoder_widths=())
    model.encoder.state_dict()["layers.0.weight"].mul_(1e6)
    logvar = model.encode(_images(20))[1]
    assert logvar is not None
    assert (logvar.min().item(), logvar.max().item()) == LOGVAR_RANGE
    assert torch.isfinite((-logvar).exp()).all()


def test_the_mean_image_is_that_of_the_likelihood_in_rows_of_28_pixels() -> None:
    model = make_model()
    z = torch.tensor([[0.3, -1.2]])
    raw = model.decoder(z)
    assert torch.allclose(model.decode(z)[0, 0, 5, 7], raw[0, 5 * 28 + 7].sigmoid())


def test_log_likelihood_is_summed_over_pixels_for_each_image_and_sample() -> None:
    model, x = make_model(), _images(3).round()
    z = torch.randn(4, 3, 2, generator=torch.Generator().manual_seed(2))
    values = model.log_likelihood(x, z)
    for sample in range(4):
        logits = model.decoder(z[sample])
        expected = -F.binary_cross_entropy_with_logits(logits, x.flatten(1), reduction="none").sum(1)
        assert torch.allclose(values[sample], expected, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_follow_from_the_seed_and_leave_torch_as_it_was(kind: str) -> None:
    config = RunConfig(ModelConfig(kind, encoder_widths=(4,), decoder_widths=(4,)), TrainConfig(seed=5, device="cpu"))
    before = torch.get_rng_state()
    first, second = start(config).model, start(config).model
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    other = make_model(seed=6, kind=kind, encoder_widths=(4,), decoder_widths=(4,))
    assert not torch.equal(next(first.parameters()), next(other.parameters()))


def test_a_model_under_bfloat16_autocast_still_gives_float32() -> None:
    model, x = make_model(), _images(2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mu, _ = model.encode(x)
        values = model.log_likelihood(x, mu)
    assert mu.dtype == values.dtype == torch.float32
    assert torch.allclose(values, model.log_likelihood(x, model.encode(x)[0]), rtol=2e-2)
