"""Traced computations: bit for bit those that were traced, on other inputs and other weights."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from vae_core.tracing import trace


@settings(max_examples=20)
@given(width=st.integers(1, 6), rows=st.integers(1, 6), seed=st.integers(0, 99))
def test_gradients_are_repeated_on_other_inputs_and_for_weights_changed_in_place(
    width: int, rows: int, seed: int
) -> None:
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(3, 2 * width), nn.Tanh(), nn.Linear(2 * width, 4))
    weights = list(network.parameters())

    def compute(x: Tensor, scale: Tensor) -> tuple[Tensor, ...]:
        mean, spread = network(x).chunk(2, -1)
        loss = (scale * F.softplus(mean).square() + spread.exp()).sum()
        return loss, *torch.autograd.grad(loss, weights)

    repeat = trace(compute, torch.randn(rows, 3), torch.tensor(1.0))
    for scale in (0.5, 2.0):
        with torch.no_grad():
            for value in weights:
                value.add_(0.1)
        x = torch.randn(rows, 3)
        repeated, computed = repeat(x, torch.tensor(scale)), compute(x, torch.tensor(scale))
        assert len(repeated) == 1 + len(weights)
        assert all(map(torch.equal, repeated, computed))
        assert not any(result.requires_grad for result in repeated)


def test_an_input_may_be_missing() -> None:
    repeat = trace(lambda x, noise: (x + 1 if noise is None else x + noise,), torch.zeros(2), None)
    assert torch.equal(repeat(torch.tensor([1.0, 2.0]), None)[0], torch.tensor([2.0, 3.0]))


def test_an_operation_in_place_is_repeated_in_its_place() -> None:
    def compute(x: Tensor) -> tuple[Tensor, Tensor]:
        before = x * 2
        kept = before + 0
        return before.add_(1), kept

    x = torch.tensor([1.0, -3.0])
    repeated = trace(compute, torch.zeros(2))(x)
    assert all(map(torch.equal, repeated, (2 * x + 1, 2 * x)))


def test_a_number_stays_what_it_was() -> None:
    repeat = trace(lambda x: (x * x.sum().item(),), torch.tensor([1.0, 2.0]))
    assert torch.equal(repeat(torch.tensor([5.0, 7.0]))[0], torch.tensor([15.0, 21.0]))


def test_noise_is_drawn_anew_each_time() -> None:
    repeat = trace(lambda x: (torch.rand_like(x),), torch.zeros(8))
    assert not torch.equal(repeat(torch.zeros(8))[0], repeat(torch.zeros(8))[0])


class _Counter(TorchDispatchMode):
    """Counts the operations that PyTorch is asked for."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        self.count += 1
        return operation(*args, **(kwargs or {}))


def test_only_the_operations_themselves_are_repeated() -> None:
    weight = torch.ones(3, requires_grad=True)

    def compute(x: Tensor) -> tuple[Tensor, ...]:
        return torch.autograd.grad((weight * x).exp().sum(), [weight])

    x = torch.tensor([0.1, 0.2, 0.3])
    with _Counter() as traced:
        compute(x)
    repeat = trace(compute, x)
    with _Counter() as repeated:
        (gradient,) = repeat(x)
    assert torch.equal(gradient, x * x.exp())
    assert 0 < repeated.count < traced.count


def test_an_input_of_another_shape_is_refused() -> None:
    repeat = trace(lambda x: (x.reshape(6).clone(),), torch.zeros(2, 3))
    with pytest.raises(RuntimeError, match="shape"):
        repeat(torch.zeros(3, 3))
