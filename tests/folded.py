"""A model whose posterior has two modes that are known: p(x|z) = N(w |z_1| + v z_2, c I) under the prior N(0, I).

For z_1 > 0 it is a linear Gaussian model, and for z_1 < 0 its mirror image.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tests.factories import make_model
from tests.linear_gaussian import LinearGaussian, PlainGaussian
from vae_core.models import Autoencoder


class Folded:
    """The model, and closed forms of its evidence and of its posterior's modes."""

    def __init__(self, scales: tuple[float, float], variance: float) -> None:
        self.half = LinearGaussian(scales, variance)
        self.model = self._build(variance)

    def _build(self, variance: float) -> Autoencoder:
        model = make_model(
            likelihood="gaussian", variance=variance, encoder_widths=(), decoder_widths=(4,), activation="relu"
        )
        model.likelihood = PlainGaussian(variance)
        w, v = self.half.weight.T
        # |a| = relu(a) + relu(-a), and b = relu(b) - relu(-b).
        weights = {
            "layers.0.weight": torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]),
            "layers.0.bias": torch.zeros(4),
            "layers.1.weight": torch.stack([w, w, v, -v], 1).float(),
            "layers.1.bias": self.half.bias.float(),
        }
        model.decoder.load_state_dict(weights)
        model.encoder.load_state_dict(self.half.model.encoder.state_dict())
        return model

    def log_evidence(self, x: Tensor) -> Tensor:
        """Return log p(x): twice the evidence of the half, as far as its posterior lies on the side it is for."""
        standardised = self.half.posterior_mean(x)[:, 0] / self.half.posterior_variance[0].sqrt()
        return self.half.log_evidence(x) + torch.log(2 * torch.special.ndtr(standardised))

    def modes(self, x: Tensor) -> Tensor:
        """Return both modes of p(z|x), (N, 2, 2), where the half has its own on its side: it and its mirror image."""
        mean = self.half.posterior_mean(x)
        return torch.stack([mean, mean * torch.tensor([-1.0, 1.0], dtype=torch.float64)], 1)
