"""Computations traced once and repeated as bare operations, without what PyTorch does around each of them.

Modules, autocast and the bookkeeping of autograd cost a small network much of its step on a CPU, and lead to the same
operations every time (docs/decisions.md).
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from types import BuiltinFunctionType, MethodDescriptorType
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Graph, GraphModule, Node
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

Computation = Callable[..., tuple[Tensor, ...]]


def _native(operation: Any) -> Any:
    """Return PyTorch's own function for an operation, which takes its arguments more quickly, where there is one."""
    name = operation.overloadpacket.__name__
    for home in (torch, Tensor, torch._C._nn):
        found = getattr(home, name, None)
        if operation.namespace == "aten" and isinstance(found, (BuiltinFunctionType, MethodDescriptorType)):
            return found
    return operation


class _Tracer(TorchDispatchMode):
    """Writes every operation that is computed while it is active, those of a backward pass among them, to a graph."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.graph, self.root = Graph(), nn.Module()
        # A tensor is held as long as its id stands for it.
        self.sources: dict[int, tuple[Tensor, Node]] = {}

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Compute an operation and write it down."""
        kwargs = kwargs or {}
        result = operation(*args, **kwargs)
        if operation is torch.ops.aten.detach.default:
            # Nothing is differentiated when the operations are repeated.
            self.add(result, self.source(args[0]))
            return result
        node = self.graph.call_function(_native(operation), *tree_map_only(Tensor, self.source, (args, kwargs)))
        if isinstance(result, Tensor):
            self.add(result, node)
        elif isinstance(result, (tuple, list)):
            for index, part in enumerate(result):
                self.add(part, self.graph.call_function(operator.getitem, (node, index)))
        return result

    def add(self, tensor: Tensor, node: Node) -> None:
        """Say where a tensor comes from."""
        self.sources[id(tensor)] = (tensor, node)

    def source(self, tensor: Tensor) -> Node:
        """Return where a tensor comes from; one that was there before stands for itself."""
        if id(tensor) not in self.sources:
            name = f"tensor_{len(self.sources)}"
            self.root.register_buffer(name, tensor)
            self.add(tensor, self.graph.get_attr(name))
        return self.sources[id(tensor)][1]


def trace(compute: Computation, *inputs: Tensor | None) -> Computation:
    """Return a function that repeats, bit for bit, the operations of ``compute`` on inputs of these shapes.

    Gradients that ``compute`` takes are operations like others. Tensors that it uses and does not get as inputs, such
    as the weights of a model, are kept by reference: they may be changed in place. Whatever else it depends on,
    numbers and branches, stays as it was at the time.
    """
    tracer = _Tracer()
    for number, value in enumerate(inputs):
        node = tracer.graph.placeholder(f"input_{number}")
        if value is not None:
            tracer.add(value, node)
    with tracer:
        results = compute(*inputs)
    tracer.graph.output(tuple(tracer.source(result) for result in results))
    forward = GraphModule(tracer.root, tracer.graph).forward

    @torch.no_grad()
    def repeat(*values: Tensor | None) -> Any:
        return forward(*values)

    return repeat
