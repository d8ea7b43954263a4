"""Conventions for the weight of the KL term: what one beta is called where the loss is written in another way.

Here the loss of an image is ``reconstruction + beta * kl`` in nats, both terms summed, over pixels and over latent
dimensions. Whoever averages one of them divides its weight, so that the same number means another model.
"""

from __future__ import annotations

import math

from vae_core.errors import ConfigError

PIXELS = 784


def pixel_mean_weight(beta: float, pixels: int = PIXELS) -> float:
    """Return the KL's weight where the reconstruction is a mean over pixels: beta / pixels.

    Dividing ``reconstruction + beta * kl`` by the number of pixels changes no minimum. This is what a loss with
    ``reduction="mean"`` needs to be the same model.
    Raises ConfigError unless both are positive and finite.
    """
    return _positive("beta", beta) / _positive("the number of pixels", pixels)


def beta_of_pixel_mean(weight: float, pixels: int = PIXELS) -> float:
    """Return the beta of a loss whose reconstruction is a mean over pixels: the inverse of `pixel_mean_weight`.

    Raises ConfigError unless both are positive and finite.
    """
    return _positive("the weight", weight) * _positive("the number of pixels", pixels)


def normalised_beta(beta: float, latent_dim: float, pixels: int = PIXELS) -> float:
    """Return the normalised beta of the beta-VAE paper, beta * latent_dim / pixels.

    It is the weight where both terms are means, over pixels and over latent dimensions, and is meant to be compared
    between data sets (Higgins et al., beta-VAE, ICLR 2017: beta_norm = beta M / N).
    Raises ConfigError unless all are positive and finite.
    """
    size = _positive("the latent size", latent_dim)
    return _positive("beta", beta) * size / _positive("the number of pixels", pixels)


def beta_of_normalised(weight: float, latent_dim: float, pixels: int = PIXELS) -> float:
    """Return the beta of a normalised one: the inverse of `normalised_beta`.

    Raises ConfigError unless all are positive and finite.
    """
    size = _positive("the latent size", latent_dim)
    return _positive("the weight", weight) * _positive("the number of pixels", pixels) / size


def half_squared_error_weight(variance: float, beta: float = 1.0) -> float:
    """Return the KL's weight beside half the squared error, for a Gaussian of fixed variance: variance * beta.

    -log N(x; m, c I) is |x - m|² / 2c and a constant; c times ``reconstruction + beta * kl`` is therefore
    |x - m|² / 2 + c beta kl. A plain VAE of variance c is thus half the squared error with beta = c
    (Rybkin et al., Simple and Effective VAE Training with Calibrated Decoders, ICML 2021).
    Raises ConfigError unless both are positive and finite.
    """
    return _positive("the variance", variance) * _positive("beta", beta)


def gaussian_variance(weight: float) -> float:
    """Return the variance of the plain Gaussian VAE that half the squared error with this KL weight amounts to.

    The inverse of `half_squared_error_weight` at beta 1: the two are the same number.
    Raises ConfigError unless it is positive and finite.
    """
    return _positive("the weight", weight)


def _positive(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise ConfigError(f"{name} is {value}: give a finite number above 0")
    return float(value)
