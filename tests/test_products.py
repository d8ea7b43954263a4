"""The linear layer whose products oneDNN computes while it trains."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.factories import make_model
from vae_core import products
from vae_core.products import Linear

needs_onednn = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this PyTorch has no oneDNN")


def _gradients(layer: nn.Linear, h: Tensor) -> list[Tensor]:
    h = h.clone().requires_grad_()
    out = layer(h)
    weight, bias, h_gradient = torch.autograd.grad((out * out.detach().cos()).sum(), [layer.weight, layer.bias, h])
    return [out.detach(), weight, bias, h_gradient]


def _twins(inputs: int, outputs: int) -> tuple[Linear, nn.Linear]:
    torch.manual_seed(0)
    layer = Linear(inputs, outputs)
    plain = nn.Linear(inputs, outputs)
    plain.load_state_dict(layer.state_dict())
    return layer, plain


@needs_onednn
@given(
    batch=st.lists(st.integers(1, 9), min_size=1, max_size=2),
    widths=st.sampled_from([(784, 100), (400, 784), (4096, 16), (16, 4096)]),
)
def test_values_and_gradients_are_those_of_the_plain_layer(batch: list[int], widths: tuple[int, int]) -> None:
    layer, plain = _twins(*widths)
    h = torch.randn(*batch, widths[0])
    assert layer._gains(h)
    for ours, theirs in zip(_gradients(layer, h), _gradients(plain, h), strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-4, atol=1e-4)


@needs_onednn
def test_no_gradient_is_computed_for_an_input_that_wants_none() -> None:
    layer, plain = _twins(784, 100)
    h = torch.randn(3, 784)
    for each in (layer, plain):
        each(h).sum().backward()
    assert layer.weight.grad is not None
    assert plain.weight.grad is not None
    assert torch.allclose(layer.weight.grad, plain.weight.grad, atol=1e-5)


def test_outside_training_it_is_the_plain_layer_to_the_bit() -> None:
    layer, plain = _twins(784, 100)
    h = torch.randn(5, 784)
    assert torch.equal(layer.eval()(h), plain(h))


@needs_onednn
@given(rows=st.integers(1, 9), bias=st.booleans())
def test_products_without_derivatives_are_those_of_the_plain_layer(rows: int, bias: bool) -> None:
    layer, plain = _twins(784, 100)
    h = torch.randn(rows, 784)
    with products.quick_products():
        assert layer.eval()._gains(h)
        out = layer(h)
    assert not out.requires_grad
    assert torch.allclose(out, plain(h), rtol=1e-4, atol=1e-4)
    offset = plain.bias if bias else None
    assert torch.allclose(
        products.product(h, plain.weight, offset), F.linear(h, plain.weight, offset), rtol=1e-4, atol=1e-4
    )


def test_quick_products_end_with_what_asked_for_them() -> None:
    layer, plain = _twins(784, 100)
    h = torch.randn(5, 784)
    with pytest.raises(ValueError, match="stopped"), products.quick_products():
        raise ValueError("stopped")
    assert not layer.eval()._gains(h)
    assert torch.equal(layer(h), plain(h))


def test_without_onednn_it_is_the_plain_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "_HAS_ONEDNN", False)
    layer, plain = _twins(784, 100)
    h = torch.randn(5, 784)
    assert torch.equal(layer(h), plain(h))
    assert torch.equal(products.product(h, plain.weight, plain.bias), plain(h))


def test_double_precision_and_bfloat16_keep_their_own_products() -> None:
    layer, plain = _twins(784, 100)
    h = torch.randn(5, 784)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(layer(h), plain(h))
    doubled = [value.double() for value in plain.parameters()]
    assert torch.equal(copy.deepcopy(layer).double()(h.double()), F.linear(h.double(), *doubled))


def test_models_are_made_of_it_under_the_plain_layers_names() -> None:
    model = make_model()
    assert all(isinstance(layer, Linear) for layer in [*model.encoder.layers, *model.decoder.layers])
    assert {"encoder.layers.0.weight", "encoder.layers.0.bias"} <= set(model.state_dict())
