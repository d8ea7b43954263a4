"""Two estimates of the gradient of E_q[f(z)] by the mean of q: through the draw, and by the score function."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from vae_core.errors import ConfigError
from vae_core.objectives import reparameterise


class Estimates(NamedTuple):
    """The estimates that each draw gives, (S, d): both have the same mean, the gradient."""

    pathwise: Tensor
    """The gradient of f at z = mu + sigma epsilon (Kingma & Welling 2014, eq. 6)."""
    score: Tensor
    """f(z) times the gradient of log q(z) (Williams 1992); it asks nothing of f but its value."""


def estimate(f: Callable[[Tensor], Tensor], mu: Tensor, logvar: Tensor, epsilon: Tensor) -> Estimates:
    """Return both estimates of the gradient by mu (d,) of E[f(z)], z ~ N(mu, diag(e^logvar)), for noise (S, d).

    ``f`` takes points (S, d) and returns values (S,). Raises ConfigError where f does not depend on z.
    """
    z = reparameterise(mu, logvar, epsilon).detach().requires_grad_()
    with torch.enable_grad():
        values = f(z)
        if not values.requires_grad:
            raise ConfigError("the values do not depend on z: there is no gradient to estimate")
        (pathwise,) = torch.autograd.grad(values.sum(), z)
    score = values.detach()[:, None] * epsilon * (-0.5 * logvar).exp()
    return Estimates(pathwise, score)


class SquareVariances(NamedTuple):
    """The variances of the two estimates for f(z) = z^2 in one dimension."""

    pathwise: float
    score: float


def square_variances(mean: float, std: float) -> SquareVariances:
    """Return the variance of a single draw's estimate of d/dmu E[z^2] = 2 mu, by either estimator.

    Of 2 (mu + sigma e) it is 4 sigma^2; of z^2 e / sigma, by the moments 1, 3 and 15 of a normal e, it is
    mu^4 / sigma^2 + 14 mu^2 + 15 sigma^2.
    """
    return SquareVariances(4 * std**2, mean**4 / std**2 + 14 * mean**2 + 15 * std**2)
