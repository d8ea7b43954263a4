"""Mixtures of Gaussians on a line: their density, draws from them, and their fit to data by maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from vae_core.errors import ConfigError
from vae_core.likelihoods import LOG_2PI

ROUNDS: Final = 300
SETTLED: Final = 1e-5
"""The fit is over once no mean moves by more than this share of the data's standard deviation."""
NARROWEST: Final = 0.02
"""A component is at least this share of the data's standard deviation wide: on one point alone it would be a spike."""


@dataclass(frozen=True)
class Mixture:
    """p(x) = sum of weight_k N(x; mean_k, std_k^2); each of its three parts is (K,), in double precision."""

    weights: Tensor
    means: Tensor
    stds: Tensor

    def log_joint(self, x: Tensor) -> Tensor:
        """Return log p(x, k) of every component k, (..., K), for x (...)."""
        standardised = (x[..., None] - self.means) / self.stds
        return self.weights.log() - 0.5 * (standardised**2 + LOG_2PI) - self.stds.log()

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x) in nats, of the shape of x."""
        return self.log_joint(x).logsumexp(-1)

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw ``count`` values, (count,): first which component, then a value of it."""
        chosen = torch.multinomial(self.weights, count, replacement=True, generator=generator)
        noise = torch.randn(count, generator=generator, dtype=self.means.dtype)
        return self.means[chosen] + self.stds[chosen] * noise


def mixture(*components: tuple[float, float, float]) -> Mixture:
    """Return the mixture of components (weight, mean, standard deviation); the weights are made to sum to one."""
    weights, means, stds = torch.tensor(components, dtype=torch.float64).unbind(1)
    return Mixture(weights / weights.sum(), means, stds)


def fit_mixture(data: Tensor, components: int, rounds: int = ROUNDS) -> Mixture:
    """Return the mixture that expectation maximisation makes of ``data`` (N,), from quantiles of the data on.

    No round lowers the likelihood of the data (Dempster, Laird & Rubin 1977) except where the least width stops it.
    Raises ConfigError where there are fewer values than components, or all values are the same.
    """
    values = data.double()
    spread = float(values.std(correction=0))
    if not 1 <= components <= len(values) or spread == 0:
        raise ConfigError(f"{components} components need at least as many values, not all the same")
    places = (torch.arange(components, dtype=torch.float64) + 0.5) / components
    evenly = torch.full_like(places, 1 / components)
    fitted = Mixture(evenly, values.quantile(places), torch.full_like(places, spread / components))
    for _round in range(rounds):
        before, fitted = fitted, _improved(fitted, values, NARROWEST * spread)
        if torch.allclose(before.means, fitted.means, rtol=0, atol=SETTLED * spread):
            break
    return fitted


def _improved(fitted: Mixture, values: Tensor, narrowest: float) -> Mixture:
    """One round of expectation maximisation (Bishop 2006, eq. 9.23 to 9.27)."""
    share = fitted.log_joint(values).softmax(-1)
    total = share.sum(0).clamp(min=1e-12)
    means = (share * values[:, None]).sum(0) / total
    variances = (share * (values[:, None] - means) ** 2).sum(0) / total
    return Mixture(total / total.sum(), means, variances.sqrt().clamp(min=narrowest))
