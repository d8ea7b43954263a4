"""Autoencoders and variational autoencoders, built from the same two MLPs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vae_core.config import ModelConfig, check_beta
from vae_core.errors import ConfigError
from vae_core.likelihoods import build_likelihood
from vae_core.products import Linear

IMAGE_SHAPE = (1, 28, 28)
PIXELS = 784
LOGVAR_RANGE = (-12.0, 8.0)
"""Encoder log-variances are clamped to this range, so that no precision overflows."""

_ACTIVATIONS = {"silu": F.silu, "relu": F.relu, "tanh": F.tanh, "gelu": F.gelu, "elu": F.elu}


_STEEPNESS = 6.0
_SHARED = 0.8
_SLIGHT = 0.1
_OPEN = 8.0


class Gate(nn.Module):
    """A factor sigmoid(u log beta + v) for each unit of a layer (multi-rate VAE: Bae et al. 2023, eq. 8)."""

    def __init__(self, width: int, beta_range: tuple[float, ...]) -> None:
        super().__init__()
        low, high = map(math.log, beta_range)
        # Most units begin open at every beta, which then share what they learn. Each of the others begins half open at
        # a beta of its own, and steeply enough for the short stretch of betas in which the code collapses.
        turning = low + (high - low) * torch.rand(width)
        u = _STEEPNESS * torch.randn(width)
        v = -u * turning
        shared = int(_SHARED * width)
        u[:shared] = _SLIGHT * torch.randn(shared)
        v[:shared] = _OPEN
        self.u, self.v = nn.Parameter(u), nn.Parameter(v)

    def forward(self, log_beta: Tensor) -> Tensor:
        """Return the factors (N, width) for log beta (N, 1)."""
        return torch.sigmoid(self.u * log_beta + self.v)


class Mlp(nn.Module):
    """Linear layers with an activation between them; the output is linear. Hidden layers may be gated by beta."""

    def __init__(self, widths: Sequence[int], activation: str, beta_range: tuple[float, ...] = ()) -> None:
        super().__init__()
        self.activation = _ACTIVATIONS[activation]
        self.layers = nn.ModuleList(Linear(inputs, outputs) for inputs, outputs in pairwise(widths))
        self.gates = nn.ModuleList(Gate(width, beta_range) for width in widths[1:-1] if beta_range)

    def forward(self, h: Tensor, log_beta: Tensor | None = None) -> Tensor:
        """Map (..., widths[0]) to (..., widths[-1]); ``log_beta`` (N, 1) moves the gates, else they stand at beta 1."""
        *hidden, last = self.layers
        if self.gates and log_beta is None:
            log_beta = h.new_zeros(1)
        for number, layer in enumerate(hidden):
            h = layer(h)
            if log_beta is not None and self.gates:
                h = h * self.gates[number](log_beta).to(h.dtype)
            h = self.activation(h)
        out: Tensor = last(h)
        # Under autocast the hidden layers may run in bfloat16; losses are summed in the weights' precision.
        return out.to(cast(Tensor, last.weight).dtype)

    @torch.no_grad()
    def fold(self, log_beta: Tensor) -> dict[str, Tensor]:
        """Return the weights of the ungated network that computes the same at this log beta (1,)."""
        weights = {name: value.clone() for name, value in self.layers.state_dict(prefix="layers.").items()}
        for number, gate in enumerate(self.gates):
            factor = gate(log_beta)
            weights[f"layers.{number}.weight"] *= factor[:, None]
            weights[f"layers.{number}.bias"] *= factor
        return weights


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
        self.encoder = Mlp([PIXELS, *config.encoder_widths, moments * latent], config.activation, config.beta_range)
        self.decoder = Mlp([latent, *config.decoder_widths, heads * PIXELS], config.activation, config.beta_range)

    @property
    def is_variational(self) -> bool:
        """Whether the encoder gives a distribution (a VAE) rather than a point (an AE)."""
        return self.config.kind == "vae"

    def at(self, beta: float) -> Autoencoder:
        """Return an any-beta model fixed at one beta: an ordinary model that computes the same.

        Raises ConfigError for a beta outside the range the model was trained for, and for a model of one beta.
        """
        if not self.config.beta_range:
            raise ConfigError("this model was trained for a single beta: load vae-any-beta to choose one")
        check_beta(beta, self.config.beta_range)
        fixed = Autoencoder(replace(self.config, beta_range=()))
        log_beta = torch.tensor([math.log(beta)], device=next(self.parameters()).device)
        fixed.to(log_beta.device)
        fixed.encoder.load_state_dict(self.encoder.fold(log_beta))
        fixed.decoder.load_state_dict(self.decoder.fold(log_beta))
        return fixed.eval().requires_grad_(False)

    def encode(self, x: Tensor, log_beta: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Encode images (N, 1, 28, 28) in [0, 1]: mu (N, d) and logvar (N, d), None for an AE.

        Here and below an any-beta model takes log beta (N, 1), and stands at beta 1 without it; see `at`.
        """
        h = self.encoder(x.flatten(1), log_beta)
        if not self.is_variational:
            return h, None
        mu, logvar = h.chunk(2, -1)
        return mu, F.hardtanh(logvar, *LOGVAR_RANGE)

    def decode_params(self, z: Tensor, log_beta: Tensor | None = None) -> Tensor:
        """Return the likelihood's raw parameters, (..., heads, 784), for z (..., d)."""
        out: Tensor = self.decoder(z, log_beta)
        return out.reshape(*z.shape[:-1], self.likelihood.heads, PIXELS)

    def decode(self, z: Tensor) -> Tensor:
        """Return the mean images E[x|z], (N, 1, 28, 28) in [0, 1], for z (N, d)."""
        return self.likelihood.mean(self.decode_params(z)).reshape(-1, *IMAGE_SHAPE)

    def log_likelihood(self, x: Tensor, z: Tensor, log_beta: Tensor | None = None) -> Tensor:
        """Return log p(x|z) in nats summed over pixels: x (N, 1, 28, 28), z (..., N, d), result (..., N)."""
        return self.likelihood.log_prob(x.flatten(1), self.decode_params(z, log_beta))
