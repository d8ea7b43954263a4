"""Standard errors of means, shares and quantiles: how far an estimate is from what all images or draws would give."""

from __future__ import annotations

import math

from torch import Tensor

Errors = dict[str, float | None]
"""Standard errors by the name of what they are of; None where none is defined."""


def of_mean(values: Tensor) -> float | None:
    """Return the standard error of the mean of independent ``values`` (N,), s / sqrt(N); None for a single one."""
    return values.double().std().item() / math.sqrt(len(values)) if len(values) > 1 else None


def of_share(share: float | None, count: int) -> float | None:
    """Return the binomial standard error of a share of ``count`` independent things, sqrt(p (1 - p) / N).

    It is 0 where all or none of them are counted, which is then no measure of what is not known. None for no share.
    """
    return None if share is None or count < 1 else math.sqrt(share * (1 - share) / count)


def of_quantile(values: Tensor, share: float) -> float | None:
    """Return a standard error of the quantile of ``values`` (N,) at ``share``; None for a single value.

    Half the distance between the values whose ranks are one binomial standard deviation below and above that of the
    quantile, whatever the distribution is (Woodruff 1952).
    """
    if len(values) < 2:
        return None
    deviation = math.sqrt(share * (1 - share) / len(values))
    low, high = (
        values.double().quantile(min(max(at, 0.0), 1.0)).item() for at in (share - deviation, share + deviation)
    )
    return (high - low) / 2
