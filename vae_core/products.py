"""The matrix products of training and quadrature, by whichever of PyTorch's two libraries is quicker for them.

On a CPU PyTorch hands products of float32 to MKL, which on processors not by Intel leaves half of their vector units
idle; oneDNN, which PyTorch uses for bfloat16 and convolutions, does not. Both sum in float32.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

_FEWEST_WEIGHTS = 1 << 16
"""Below this a product takes less time than choosing how to compute it."""
_NARROWEST = 32
"""Below this width oneDNN loses to MKL on the gradient of the weights."""


_quick: ContextVar[bool] = ContextVar("quick", default=False)


@contextmanager
def quick_products() -> Iterator[None]:
    """Let the layers of trained models use oneDNN as well, for computations that ask for no derivatives.

    Not without being asked: oneDNN's products can be differentiated backwards, as training does, but neither forwards
    nor under `torch.func.vmap`.
    """
    token = _quick.set(True)
    try:
        with torch.no_grad():
            yield
    finally:
        _quick.reset(token)


def product(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return ``a @ b.T + bias`` for a (N, K), b (M, K) and bias (M,), without derivatives; shape (N, M)."""
    quick = _HAS_ONEDNN and a.device.type == "cpu" and a.dtype == torch.float32
    return _onednn_product(a, b, bias) if quick else F.linear(a, b, bias)


def _onednn_product(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return ``a @ b.T + bias`` for a (N, K) and b (M, K), by oneDNN."""
    product: Tensor = torch.ops.mkldnn._linear_pointwise(a, b, bias, "none", [], "")
    return product


def _weight_gradient(gradient: Tensor, h: Tensor) -> Tensor:
    """Return ``gradient.T @ h`` for gradient (N, M) and h (N, K)."""
    if min(gradient.shape[1], h.shape[1]) < _NARROWEST:
        return gradient.t() @ h
    return _onednn_product(_transposed(gradient), h.t())


def _transposed(a: Tensor) -> Tensor:
    """Return a.T, laid out anew: as a product by all threads, where PyTorch would copy with one."""
    return torch.mul(a.t(), 1.0, out=torch.empty_like(a.t(), memory_format=torch.contiguous_format))


class _OnednnLinear(torch.autograd.Function):
    """``h @ weight.T + bias`` with oneDNN's products forwards and backwards."""

    @staticmethod
    def forward(ctx: Any, h: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(h, weight)
        return _onednn_product(h, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        h, weight = ctx.saved_tensors
        to_h = _onednn_product(gradient, weight.t()) if ctx.needs_input_grad[0] else None
        return to_h, _weight_gradient(gradient, h), gradient.sum(0)


def _has_onednn() -> bool:
    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


_HAS_ONEDNN = _has_onednn()


class Linear(nn.Linear):
    """`torch.nn.Linear`, the same to rounding, with quicker products on a CPU while it trains, and where asked."""

    def forward(self, h: Tensor) -> Tensor:
        """Map (..., inputs) to (..., outputs)."""
        if not self._gains(h):
            return F.linear(h, self.weight, self.bias)
        rows = h.flatten(0, -2)
        if not torch.is_grad_enabled():
            out = _onednn_product(rows, self.weight, self.bias)
        else:
            out = _OnednnLinear.apply(rows, self.weight, self.bias)  # type: ignore[no-untyped-call]
        return out if h.dim() == 2 else out.unflatten(0, h.shape[:-1])

    def _gains(self, h: Tensor) -> bool:
        return (
            _HAS_ONEDNN
            and (self.training or _quick.get())
            and self.weight.numel() >= _FEWEST_WEIGHTS
            and h.device.type == "cpu"
            and h.dtype == torch.float32
            and not torch.is_autocast_enabled("cpu")
        )
