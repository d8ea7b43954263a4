"""An autoencoder under the Gaussian fitted to its codes, as the same autoencoder in other coordinates."""

from __future__ import annotations

import copy
from typing import cast

import torch
from torch import Tensor, nn

from vae_core.errors import ModelError
from vae_core.models import Autoencoder

_FLATTEST = 1e-8
"""Directions in which codes vary less than this, relative to the widest, are taken to vary so much."""


@torch.no_grad()
def with_fitted_prior(model: Autoencoder, codes: Tensor) -> Autoencoder:
    """Return an AE with its latent space moved and scaled so that the Gaussian fitted to its codes is N(0, I).

    For z ~ N(m, S), fitted to the codes (N, d), the new coordinates are e = S^(-1/2) (z - m), a change that the
    encoder's last and the decoder's first linear layer take in. Images decoded from e ~ N(0, I) are those decoded
    from the fitted Gaussian (Ghosh et al. 2020, sec. 4, fit a density to an AE's codes to draw from it), so
    everything that is measured under N(0, I) is then measured under the fitted one, per standard deviation of it.

    Raises ModelError for a VAE, which has a prior of its own.
    """
    if model.is_variational:
        raise ModelError("a VAE has the prior it was trained with: only an autoencoder's can be fitted to its codes")
    mean = codes.double().mean(0)
    variances, axes = torch.linalg.eigh(codes.double().T.cov(correction=0).reshape(len(mean), len(mean)))
    spread = variances.clamp(min=max(_FLATTEST * variances[-1].item(), 1e-12)).sqrt()
    outward, inward = (axes * spread) @ axes.T, (axes / spread) @ axes.T
    moved = copy.deepcopy(model)
    last, first = cast(nn.Linear, moved.encoder.layers[-1]), cast(nn.Linear, moved.decoder.layers[0])
    weight, bias = first.weight.double(), first.bias.double()
    first.weight.copy_(weight @ outward)
    first.bias.copy_(bias + weight @ mean)
    weight, bias = last.weight.double(), last.bias.double()
    last.weight.copy_(inward @ weight)
    last.bias.copy_(inward @ (bias - mean))
    return moved
