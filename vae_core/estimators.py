"""Estimators of log p(x) side by side: how near they come as their samples grow, and why one needs an encoder."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from vae_core.evidence import log_importance_weights
from vae_core.models import Autoencoder

MOST: Final = 10_000
REPEATS: Final = 8
"""Of the longest estimate; a shorter one is repeated more often, on the same draws."""
MOST_REPEATS: Final = 200
SIZES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, MOST)
GROUPS: Final = (1, 10, 100)
"""The k of each IWAE-k."""
BAND: Final = (0.1, 0.9)
_CHUNK: Final = 4000


@dataclass(frozen=True)
class Estimate:
    """One estimator of log p(x) at S numbers of samples, in nats, and how it spreads over repeats."""

    name: str
    """"prior", "importance", or "iwae-k"."""
    samples: Tensor
    """(S,)."""
    median: Tensor
    """(S,)."""
    low: Tensor
    """A tenth of the repeats is below, (S,)."""
    high: Tensor
    """A tenth of them is above, (S,)."""
    effective: Tensor | None = None
    """The median effective sample size (Kish 1965; Owen 2013, eq. 9.13), (S,); None for averages of bounds."""


@torch.no_grad()
def log_prior_weights(model: Autoencoder, x: Tensor, samples: int, generator: torch.Generator | None = None) -> Tensor:
    """Return log p(x|z) in nats of one image (1, 1, 28, 28) for so many draws z ~ p(z); shape (samples,)."""
    z = torch.randn(samples, model.config.latent_dim, generator=generator).to(x)
    return torch.cat([model.log_likelihood(x, some[:, None])[:, 0] for some in z.split(_CHUNK)])


def estimates(
    model: Autoencoder,
    x: Tensor,
    generator: torch.Generator | None = None,
    most: int = MOST,
    repeats: int = REPEATS,
    report: Callable[[float], None] = lambda share: None,
) -> list[Estimate]:
    """Return the estimators of log p(x) of one image (1, 1, 28, 28), from 1 to ``most`` samples each.

    "prior" is the log of the mean of p(x|z) over draws from p(z); "importance" that of p(x, z) / q(z|x) over draws from
    q(z|x), with all samples in one bound; "iwae-k" the mean of bounds of k samples each (Burda et al. 2016, eq. 8): for
    k = 1 the ELBO. An autoencoder has the first alone. ``report`` is called with the share that is done.
    """
    total = most * repeats
    parts = [min(_CHUNK, total - done) for done in range(0, total, _CHUNK)]
    prior, own = [], []
    for done, count in enumerate(parts):
        prior.append(log_prior_weights(model, x, count, generator))
        if model.is_variational:
            own.append(log_importance_weights(model, x, count, generator)[:, 0])
        report((done + 1) / len(parts))
    sizes = [size for size in SIZES if size <= most]
    found = [_in_one("prior", torch.cat(prior).double(), sizes)]
    if own:
        weights = torch.cat(own).double()
        found.append(_in_one("importance", weights, sizes))
        found += [_in_groups(weights, sizes, k) for k in GROUPS if k < most]
    return found


def _repeats(weights: Tensor, size: int) -> Tensor:
    """Return the log-weights as repeats of so many samples each, (R, size)."""
    count = min(len(weights) // size, MOST_REPEATS)
    return weights[: count * size].reshape(count, size)


def effective_samples(log_weights: Tensor) -> Tensor:
    """Return (sum w)^2 / sum w^2 for log-weights (..., S): how many equal weights would say as much; shape (...)."""
    return (2 * log_weights.logsumexp(-1) - (2 * log_weights).logsumexp(-1)).exp()


def _in_one(name: str, weights: Tensor, sizes: list[int]) -> Estimate:
    repeats = [_repeats(weights, size) for size in sizes]
    effective = torch.stack([effective_samples(each).median() for each in repeats])
    return _estimate(name, sizes, [each.logsumexp(1) - math.log(each.shape[1]) for each in repeats], effective)


def _in_groups(weights: Tensor, sizes: list[int], k: int) -> Estimate:
    fitting = [size for size in sizes if size >= k and size % k == 0]
    values = []
    for size in fitting:
        each = _repeats(weights, size)
        values.append((each.reshape(len(each), -1, k).logsumexp(2) - math.log(k)).mean(1))
    return _estimate(f"iwae-{k}", fitting, values, None)


def _estimate(name: str, sizes: list[int], values: list[Tensor], effective: Tensor | None) -> Estimate:
    low, high = (torch.stack([each.quantile(share) for each in values]) for share in BAND)
    median = torch.stack([each.quantile(0.5) for each in values])
    return Estimate(name, torch.tensor(sizes), median, low, high, effective)
