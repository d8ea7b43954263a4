"""Measures of a latent space."""

from __future__ import annotations

from torch import Tensor

ACTIVE_THRESHOLD = 0.01


def latent_activity(mu: Tensor) -> Tensor:
    """Return the variance over images of each latent mean, Cov_x(E_q[z]), for mu (N, d); shape (d,)."""
    return mu.var(0, unbiased=False)


def active_units(mu: Tensor) -> int:
    """Return how many latent dimensions depend on the image, for mu (N, d).

    A unit is active where its activity exceeds 0.01 (Burda et al. 2016, sec. 5.2).
    """
    return int((latent_activity(mu) > ACTIVE_THRESHOLD).sum())
