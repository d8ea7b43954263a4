"""What all tests share: explicit randomness, and property tests that do not depend on how busy the machine is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

from tests.factories import make_model, write_data_set
from vae_core.checkpoints import model_bytes

settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("local"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture
def generator() -> torch.Generator:
    """A torch generator that starts every test in the same state."""
    return torch.Generator().manual_seed(0)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data set of 60 pictures of a bar, 28 x 28."""
    return write_data_set(tmp_path / "data.npz")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A checkpoint file of a small VAE of grey pixels with a plane for its latent space."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(model_bytes(make_model(likelihood="bernoulli-grey")))
    return path


@pytest.fixture(autouse=True)
def denormals_as_found() -> Iterator[None]:
    """The trainer changes how this process computes with tiny numbers; other tests get it as it was."""
    yield
    torch.set_flush_denormal(False)
