"""Maximum likelihood for one Gaussian: how likely some parameters make the data, and which make them likeliest."""

from __future__ import annotations

import torch
from torch import Tensor

from vae_core.divergence import Gauss
from vae_core.likelihoods import LOG_2PI


def log_likelihood(data: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Return log p(D; mean, std), the sum over data (N,) in nats; mean and std are broadcast, the result their shape.

    By the data's own mean and variance, which are all that the sum depends on.
    """
    variance, centre = torch.var_mean(data.double(), correction=0)
    return -0.5 * len(data) * ((variance + (centre - mean) ** 2) / std**2 + LOG_2PI + 2 * std.log())


def likeliest(data: Tensor) -> Gauss:
    """Return the Gaussian under which the data (N,) are likeliest: with their own mean and standard deviation.

    Bishop 2006, eq. 1.55 and 1.56.
    """
    variance, mean = torch.var_mean(data.double(), correction=0)
    return Gauss(float(mean), float(variance.sqrt()))
