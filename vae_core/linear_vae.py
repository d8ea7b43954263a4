"""The linear VAE, whose best weights have a closed form: probabilistic PCA with a fixed variance of the noise.

With decoder N(W z + m, c I), encoder N(V (x - m), D) and the loss ``reconstruction + beta * KL``, c times the loss is
half the squared error and c beta times the KL: the optimum depends on the product alone (Tipping & Bishop 1999;
Lucas et al. 2019, "Don't blame the ELBO").
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vae_core.errors import ConfigError


@dataclass(frozen=True)
class Spectrum:
    """The principal components of images with D pixels."""

    mean: Tensor
    """(D,)."""
    variances: Tensor
    """The variance along each component, the largest first; (D,)."""
    directions: Tensor
    """The components as columns, (D, D)."""


def spectrum(x: Tensor) -> Spectrum:
    """Return the principal components of images (N, ...), in double precision."""
    flat = x.flatten(1).double()
    mean = flat.mean(0)
    centred = flat - mean
    variances, directions = torch.linalg.eigh(centred.T @ centred / len(flat))
    return Spectrum(mean, variances.flip(0).clamp(min=0), directions.flip(1))


@dataclass(frozen=True)
class LinearVae:
    """The best linear VAE of images: which components its latent dimensions hold, and at what price."""

    spectrum: Spectrum
    threshold: float
    """c times beta: components with less variance than this are left out."""

    @property
    def active(self) -> int:
        """How many latent dimensions are used."""
        return int((self.spectrum.variances > self.threshold).sum())

    @property
    def rate(self) -> float:
        """The mean of KL(q(z|x) || p(z)) over the images, in nats: half the log of variance over threshold, summed."""
        return float(0.5 * (self.spectrum.variances[: self.active] / self.threshold).log().sum())

    @property
    def squared_error(self) -> float:
        """The mean of |x - decoded|^2 over images and draws of z: the threshold for each dimension that is used."""
        return self.active * self.threshold + float(self.spectrum.variances[self.active :].sum())

    def reconstruct(self, x: Tensor) -> Tensor:
        """Return images (N, ...) decoded at the means of their codes: components shrink by threshold / variance."""
        kept = self.spectrum.directions[:, : self.active]
        shrunk = 1 - self.threshold / self.spectrum.variances[: self.active]
        flat = x.flatten(1).double() - self.spectrum.mean
        return ((flat @ kept * shrunk) @ kept.T + self.spectrum.mean).reshape(x.shape)


def best_linear_vae(components: Spectrum, variance: float, beta: float) -> LinearVae:
    """Return the linear VAE that minimises the loss for a decoder of this variance c, and this beta.

    Raises ConfigError unless both are positive.
    """
    if not (variance > 0 and beta > 0):
        raise ConfigError(f"c and beta are above 0, and these are {variance:g} and {beta:g}")
    return LinearVae(components, variance * beta)
