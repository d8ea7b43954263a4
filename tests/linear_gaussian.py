"""A model whose every integral is known: p(x|z) = N(W z + b, c I) under the prior N(0, I) (Bishop 2006, sec. 12.2)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tests.factories import make_model
from vae_core.likelihoods import Gaussian
from vae_core.models import Autoencoder


class PlainGaussian(Gaussian):
    """The Gaussian likelihood without the sigmoid that keeps its mean a grey value."""

    def mean(self, params: Tensor) -> Tensor:
        return params[..., 0, :]


class LinearGaussian:
    """The model, its closed forms in double precision, and an encoder that gives the exact posterior.

    The columns of W (784, d) are orthogonal and have the lengths ``scales``, so that the posterior is the diagonal
    Gaussian that an encoder can express.
    """

    def __init__(self, scales: tuple[float, ...], variance: float, kind: str = "vae", seed: int = 0) -> None:
        dimension = len(scales)
        generator = torch.Generator().manual_seed(seed)
        directions = torch.linalg.qr(torch.randn(784, dimension, generator=generator, dtype=torch.float64)).Q
        self.weight = directions * torch.tensor(scales, dtype=torch.float64)
        self.bias = 0.1 * torch.randn(784, generator=generator, dtype=torch.float64)
        self.variance = variance
        self.posterior_variance = 1 / (1 + torch.tensor(scales, dtype=torch.float64) ** 2 / variance)
        self.model = self._build(kind, dimension)

    def _build(self, kind: str, dimension: int) -> Autoencoder:
        shape: dict[str, Any] = {"latent_dim": dimension, "encoder_widths": (), "decoder_widths": ()}
        model = make_model(kind=kind, likelihood="gaussian", variance=self.variance, **shape)
        model.likelihood = PlainGaussian(self.variance)
        recognition = self.posterior_variance[:, None] * self.weight.T / self.variance
        offset = -recognition @ self.bias
        if kind == "vae":
            recognition = torch.cat([recognition, torch.zeros_like(recognition)])
            offset = torch.cat([offset, self.posterior_variance.log()])
        weights = {
            "encoder.layers.0.weight": recognition,
            "encoder.layers.0.bias": offset,
            "decoder.layers.0.weight": self.weight,
            "decoder.layers.0.bias": self.bias,
        }
        model.load_state_dict(weights)
        return model

    def images(self, z: Tensor, seed: int = 0) -> Tensor:
        """Draw x from p(x|z) for z (N, d); float32 (N, 1, 28, 28)."""
        noise = torch.randn(len(z), 784, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        x: Tensor = z.double() @ self.weight.T + self.bias + self.variance**0.5 * noise
        return x.float().reshape(-1, 1, 28, 28)

    def log_evidence(self, x: Tensor) -> Tensor:
        """Return log N(x; b, W W^T + c I)."""
        diagonal = torch.full((784,), self.variance, dtype=torch.float64)
        marginal = torch.distributions.LowRankMultivariateNormal(self.bias, self.weight, diagonal)
        log_prob: Tensor = marginal.log_prob(x.double().flatten(1))
        return log_prob

    def posterior_mean(self, x: Tensor) -> Tensor:
        """Return the mean of p(z|x), (N, d)."""
        centred: Tensor = x.double().flatten(1) - self.bias
        projected: Tensor = centred @ self.weight
        return projected / self.variance * self.posterior_variance
