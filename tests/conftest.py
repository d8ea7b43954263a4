"""What all tests share: explicit randomness, and property tests that do not depend on how busy the machine is."""

from __future__ import annotations

import os

import pytest
import torch
from hypothesis import HealthCheck, settings

settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("local"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture
def generator() -> torch.Generator:
    """A torch generator that starts every test in the same state."""
    return torch.Generator().manual_seed(0)
