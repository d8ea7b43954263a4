"""Measures of a latent space against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vae_core.metrics import ACTIVE_THRESHOLD, active_units, latent_activity


def test_activity_is_the_variance_of_each_mean(generator: torch.Generator) -> None:
    mu = torch.randn(50, 3, generator=generator) * torch.tensor([0.0, 0.5, 2.0]) + 7
    assert latent_activity(mu).numpy() == pytest.approx(np.var(mu.numpy(), axis=0), abs=1e-5)


@given(st.lists(st.floats(0, 3), min_size=1, max_size=8), st.floats(-5, 5))
def test_a_unit_is_active_where_it_moves_more_than_the_threshold(scales: list[float], shift: float) -> None:
    # Two points at distance 2s have the variance s squared.
    scale = torch.tensor(scales, dtype=torch.float64)
    mu = torch.stack([scale, -scale]) + shift
    near = (scale**2 - ACTIVE_THRESHOLD).abs() < 1e-9
    assert abs(active_units(mu) - int((scale**2 > ACTIVE_THRESHOLD).sum())) <= int(near.sum())


def test_a_collapsed_model_has_no_active_unit() -> None:
    assert active_units(torch.full((10, 4), 0.3)) == 0
