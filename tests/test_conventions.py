"""What one beta is called elsewhere: known values, inverses, and losses that are the same up to a factor."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vae_core import conventions
from vae_core.errors import ConfigError

positive = st.floats(1e-3, 1e3)


def test_the_weights_of_known_betas() -> None:
    assert conventions.pixel_mean_weight(784) == 1
    assert conventions.pixel_mean_weight(1) == pytest.approx(0.00127551, rel=1e-5)
    assert conventions.normalised_beta(4, latent_dim=2) == pytest.approx(0.01020408, rel=1e-5)
    # 64 x 64 x 3 pixels and 32 latent dimensions: 250 * 32 / 12288
    assert conventions.normalised_beta(250, 32, 64 * 64 * 3) == pytest.approx(0.651, abs=5e-4)
    assert conventions.half_squared_error_weight(0.1) == pytest.approx(0.1)
    assert conventions.half_squared_error_weight(0.1, beta=4) == pytest.approx(0.4)
    assert conventions.gaussian_variance(0.4) == 0.4


@given(beta=positive, latent_dim=st.integers(1, 512), pixels=st.integers(1, 10**6))
def test_every_name_leads_back_to_the_beta(beta: float, latent_dim: int, pixels: int) -> None:
    mean = conventions.pixel_mean_weight(beta, pixels)
    assert conventions.beta_of_pixel_mean(mean, pixels) == pytest.approx(beta)
    normalised = conventions.normalised_beta(beta, latent_dim, pixels)
    assert conventions.beta_of_normalised(normalised, latent_dim, pixels) == pytest.approx(beta)
    assert normalised == pytest.approx(latent_dim * mean)


@given(beta=positive, kl=st.floats(0, 50), seed=st.integers(0, 2**20))
def test_a_mean_over_pixels_is_the_same_loss_scaled(beta: float, kl: float, seed: int) -> None:
    per_pixel = torch.rand(784, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    ours = per_pixel.sum().item() + beta * kl
    theirs = per_pixel.mean().item() + conventions.pixel_mean_weight(beta) * kl
    assert theirs * 784 == pytest.approx(ours)


@given(variance=positive, beta=positive, kl=st.floats(0, 50), seed=st.integers(0, 2**20))
def test_half_the_squared_error_is_the_gaussian_loss_scaled_and_shifted(
    variance: float, beta: float, kl: float, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    x, m = torch.rand(2, 9, generator=generator, dtype=torch.float64)
    gaussian = torch.distributions.Normal(m, math.sqrt(variance))
    # The Gaussian's constant is what it says of x = m.
    ours = (gaussian.log_prob(m) - gaussian.log_prob(x)).sum().item() + beta * kl
    weight = conventions.half_squared_error_weight(variance, beta)
    theirs = 0.5 * (x - m).square().sum().item() + weight * kl
    assert theirs == pytest.approx(variance * ours)


@pytest.mark.parametrize("value", [0, -1.0, math.inf, math.nan, True])
def test_what_is_no_weight_is_refused(value: float) -> None:
    for convert in (
        conventions.pixel_mean_weight,
        conventions.beta_of_pixel_mean,
        conventions.half_squared_error_weight,
        conventions.gaussian_variance,
    ):
        with pytest.raises(ConfigError, match="give a finite number above 0"):
            convert(value)
    with pytest.raises(ConfigError, match="latent size"):
        conventions.normalised_beta(1.0, value)
    with pytest.raises(ConfigError, match="latent size"):
        conventions.beta_of_normalised(1.0, value)
