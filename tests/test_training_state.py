"""What training starts from: the device that there is."""

from __future__ import annotations

import pytest
import torch

from tests.training_cases import tiny_run
from vae_core.config import DEVICES
from vae_core.errors import ConfigError
from vae_core.training_state import choose_device, start


@pytest.fixture
def no_accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a CPU alone."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.usefixtures("no_accelerator")
@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_a_device_that_the_machine_lacks_is_refused_by_name(name: str) -> None:
    with pytest.raises(ConfigError, match=f"no {name} device"):
        start(tiny_run(device=name))


@pytest.mark.usefixtures("no_accelerator")
def test_auto_takes_the_cpu_where_there_is_nothing_faster() -> None:
    assert choose_device("auto") == choose_device("cpu") == torch.device("cpu")
    assert start(tiny_run(device="auto")).device == torch.device("cpu")


@pytest.mark.usefixtures("no_accelerator")
@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_auto_takes_an_accelerator_where_there_is_one(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    backend = torch.cuda if name == "cuda" else torch.backends.mps
    monkeypatch.setattr(backend, "is_available", lambda: True)
    assert choose_device("auto") == torch.device(name)


def test_an_unknown_device_is_refused_with_the_choices() -> None:
    with pytest.raises(ConfigError, match="'tpu'") as caught:
        tiny_run(device="tpu")
    assert all(name in str(caught.value) for name in DEVICES)
