"""The trainer's optimiser against PyTorch's own, bit for bit."""

from __future__ import annotations

import copy
import io
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from vae_core.adamw import AdamW

Optimizer = torch.optim.AdamW


def network(seed: int = 0) -> nn.Module:
    """A small network."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(5, 40), nn.ReLU(), nn.Linear(40, 3))


def set_gradients(model: nn.Module, seed: int) -> None:
    """Give every parameter a gradient that follows from the seed."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)


def slots(optimizer: Optimizer) -> list[Tensor]:
    """What it remembers, in the order of the parameters."""
    return [value for slot in optimizer.state.values() for value in slot.values()]


def same(ours: Optimizer, theirs: Optimizer) -> bool:
    """Whether both have the same weights and remember the same."""
    parameters = zip(*(optimizer.param_groups[0]["params"] for optimizer in (ours, theirs)), strict=True)
    states = zip(slots(ours), slots(theirs), strict=True)
    return all(torch.equal(one, other) for one, other in [*parameters, *states])


def pair(**options: Any) -> tuple[nn.Module, AdamW, nn.Module, Optimizer]:
    """The same network twice, with either optimiser."""
    one, other = network(), network()
    return (
        one,
        AdamW(one.parameters(), fused=True, **options),
        other,
        Optimizer(other.parameters(), fused=True, **options),
    )


@settings(max_examples=20, deadline=None)
@given(
    rates=st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=6),
    decay=st.floats(0, 0.5),
    beta=st.floats(0.1, 0.99),
)
def test_steps_are_pytorchs_bit_for_bit(rates: list[float], decay: float, beta: float) -> None:
    one, ours, other, theirs = pair(weight_decay=decay, betas=(beta, 0.999))
    for number, rate in enumerate(rates):
        for model, optimizer in ((one, ours), (other, theirs)):
            set_gradients(model, number)
            optimizer.param_groups[0]["lr"] = rate
            optimizer.step()
        assert same(ours, theirs)


def test_its_own_kernel_call_is_what_takes_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    one, ours, _, _ = pair()
    for _ in range(2):
        set_gradients(one, 0)
        ours.step()
    monkeypatch.setattr(Optimizer, "step", None)
    ours.step()
    assert float(ours.state[next(one.parameters())]["step"]) == 3


@pytest.mark.parametrize("options", [{"amsgrad": True}, {"maximize": True}])
def test_what_it_does_not_do_itself_is_left_to_pytorch(options: dict[str, bool]) -> None:
    one, ours, other, theirs = pair(**options)
    for number in range(3):
        for model, optimizer in ((one, ours), (other, theirs)):
            set_gradients(model, number)
            optimizer.step()
    assert same(ours, theirs)


def test_a_parameter_without_a_gradient_stays_and_counts_no_step() -> None:
    one, ours, other, theirs = pair()
    for number in range(4):
        for model, optimizer in ((one, ours), (other, theirs)):
            set_gradients(model, number)
            if number == 2:
                next(model.parameters()).grad = None
            optimizer.step()
    assert same(ours, theirs)
    assert len({float(slot["step"]) for slot in ours.state.values()}) == 2


def test_a_state_goes_to_pytorchs_and_back() -> None:
    one, ours, other, theirs = pair(lr=0.01)
    for number in range(3):
        set_gradients(one, number)
        ours.step()
    other.load_state_dict(one.state_dict())
    theirs.load_state_dict(copy.deepcopy(ours.state_dict()))
    again = network()
    again.load_state_dict(one.state_dict())
    back = AdamW(again.parameters(), lr=0.01, fused=True)
    back.load_state_dict(copy.deepcopy(theirs.state_dict()))
    for number in range(3, 6):
        for model, optimizer in ((one, ours), (other, theirs), (again, back)):
            set_gradients(model, number)
            optimizer.step()
    assert same(ours, theirs)
    assert same(back, theirs)


def test_a_state_that_was_given_away_does_not_go_on_counting() -> None:
    one, ours, _, _ = pair()
    set_gradients(one, 0)
    ours.step()
    ours.step()
    given = ours.state_dict()
    ours.step()
    assert [float(slot["step"]) for slot in given["state"].values()] == [2.0] * 4
    torch.save(given, io.BytesIO())
