"""AdamW in one call of PyTorch's fused kernel, without what `torch.optim` looks after for each parameter anew.

On a CPU a network of this size spends a part of its step there that is worth saving (docs/decisions.md).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor


class _Held(NamedTuple):
    """What the kernel takes, each in the order of the parameters."""

    parameters: list[Tensor]
    averages: list[Tensor]
    squares: list[Tensor]
    steps: list[Tensor]


class AdamW(torch.optim.AdamW):
    """`torch.optim.AdamW` with ``fused=True``, bit for bit, quicker where all parameters are trained on a CPU.

    They have all taken as many steps then, and share one counter. Anything else is left to PyTorch's own step.
    Loshchilov & Hutter 2019, algorithm 2.
    """

    _held: _Held | None = None

    def step(self, closure: Any = None) -> Any:
        """Take a step. Hooks on steps are called by PyTorch's own alone."""
        held = self._held or self._hold()
        gradients = [] if held is None else [p.grad for p in held.parameters if p.grad is not None]
        if held is None or closure is not None or len(gradients) < len(held.parameters):
            self._let_go()
            return super().step(closure)
        (group,) = self.param_groups
        beta1, beta2 = group["betas"]
        held.steps[0].add_(1)
        with torch.no_grad():
            torch._fused_adamw_(
                held.parameters, gradients, held.averages, held.squares, [], held.steps,
                lr=group["lr"], beta1=beta1, beta2=beta2, weight_decay=group["weight_decay"], eps=group["eps"],
                amsgrad=False, maximize=False,
            )  # fmt: skip
        return None

    def _hold(self) -> _Held | None:
        """Return what the kernel takes; None where that is not to be used, or no step has been taken yet."""
        parameters = [parameter for group in self.param_groups for parameter in group["params"]]
        slots = [self.state[parameter] for parameter in parameters if parameter in self.state]
        group, *others = self.param_groups
        alike = len(slots) == len(parameters) and len({float(slot["step"]) for slot in slots}) == 1
        on_cpu = all(parameter.device.type == "cpu" for parameter in parameters)
        if others or group["amsgrad"] or group["maximize"] or not (alike and on_cpu):
            return None
        for slot in slots:
            slot["step"] = slots[0]["step"]
        self._held = _Held(parameters, *([slot[name] for slot in slots] for name in ("exp_avg", "exp_avg_sq", "step")))
        return self._held

    def _let_go(self) -> None:
        """Give every parameter a counter of its own."""
        self._held = None
        for slot in self.state.values():
            slot["step"] = slot["step"].clone()

    def state_dict(self) -> dict[str, Any]:
        """Return what `torch.optim.AdamW` does: every parameter has a counter of its own there."""
        found = super().state_dict()
        slots = {index: {**slot, "step": slot["step"].clone()} for index, slot in found["state"].items()}
        return {**found, "state": slots}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state."""
        super().load_state_dict(state_dict)
        self._held = None


# PyTorch wraps a step that does not say so in calls of hooks and of the profiler, which take as long as three layers.
AdamW.step.hooked = True  # type: ignore[attr-defined]
