"""Autoencoders and variational autoencoders, built from the same two MLPs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from vae_core.config import ModelConfig
from vae_core.likelihoods import build_likelihood

IMAGE_SHAPE = (1, 28, 28)
PIXELS = 784
LOGVAR_RANGE = (-12.0, 8.0)
"""Encoder log-variances are clamped to this range, so that no precision overflows."""

_ACTIVATIONS = {"silu": F.silu, "relu": F.relu, "tanh": F.tanh, "gelu": F.gelu, "elu": F.elu}


class Mlp(nn.Module):
    """Linear layers with an activation between them; the output is linear."""

    def __init__(self, widths: Sequence[int], activation: str) -> None:
        super().__init__()
        self.activation = _ACTIVATIONS[activation]
        self.layers = nn.ModuleList(nn.Linear(inputs, outputs) for inputs, outputs in pairwise(widths))

    def forward(self, h: Tensor) -> Tensor:
        """Map (..., widths[0]) to (..., widths[-1])."""
        *hidden, last = self.layers
        for layer in hidden:
            h = self.activation(layer(h))
        out: Tensor = last(h)
        # Under autocast the hidden layers may run in bfloat16; losses are summed in the weights' precision.
        return out.to(next(self.parameters()).dtype)


class Autoencoder(nn.Module):
    """An autoencoder (``kind`` "ae") or variational autoencoder ("vae") of 28 x 28 images.

    Both have a decoder p(x|z); the VAE's encoder gives q(z|x) = N(mu, diag(exp(logvar)))
    (Kingma & Welling 2014, eq. 9), the AE's a single point.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.likelihood = build_likelihood(config)
        moments = 2 if config.kind == "vae" else 1
        latent, heads = config.latent_dim, self.likelihood.heads
        self.encoder = Mlp([PIXELS, *config.encoder_widths, moments * latent], config.activation)
        self.decoder = Mlp([latent, *config.decoder_widths, heads * PIXELS], config.activation)

    @property
    def is_variational(self) -> bool:
        """Whether the encoder gives a distribution (a VAE) rather than a point (an AE)."""
        return self.config.kind == "vae"

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Encode images (N, 1, 28, 28) in [0, 1]: mu (N, d) and logvar (N, d), None for an AE."""
        h = self.encoder(x.flatten(1))
        if not self.is_variational:
            return h, None
        mu, logvar = h.chunk(2, -1)
        return mu, logvar.clamp(*LOGVAR_RANGE)

    def decode_params(self, z: Tensor) -> Tensor:
        """Return the likelihood's raw parameters, (..., heads, 784), for z (..., d)."""
        out: Tensor = self.decoder(z)
        return out.reshape(*z.shape[:-1], self.likelihood.heads, PIXELS)

    def decode(self, z: Tensor) -> Tensor:
        """Return the mean images E[x|z], (N, 1, 28, 28) in [0, 1], for z (N, d)."""
        return self.likelihood.mean(self.decode_params(z)).reshape(-1, *IMAGE_SHAPE)

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """Return log p(x|z) in nats summed over pixels: x (N, 1, 28, 28), z (..., N, d), result (..., N)."""
        return self.likelihood.log_prob(x.flatten(1), self.decode_params(z))
