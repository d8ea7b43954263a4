"""Paths between latent points: straight lines, and great arcs that keep their distance from the origin."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from vae_core.errors import LatentExplorerError

NEARLY_PARALLEL = 1e-4


def lerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Return the points a + t (b - a) of a straight line, (T, d), for t (T,)."""
    return a + t[:, None] * (b - a)


def slerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Return points of the arc from a to b about the origin, (T, d), for t (T,).

    The direction turns at constant speed (Shoemake 1985) and the radius changes linearly, so that the path stays
    where a Gaussian prior has its mass (White 2016). Where there is no such arc - an end at the origin, or both
    ends on one line through it - it is the straight line.
    """
    radius_a, radius_b = a.norm(), b.norm()
    if min(radius_a, radius_b) < NEARLY_PARALLEL:
        return lerp(a, b, t)
    unit_a, unit_b = a / radius_a, b / radius_b
    angle = torch.arccos((unit_a @ unit_b).clamp(-1, 1))
    if torch.sin(angle) < NEARLY_PARALLEL:
        return lerp(a, b, t)
    weight_a, weight_b = torch.sin((1 - t) * angle), torch.sin(t * angle)
    direction = (weight_a[:, None] * unit_a + weight_b[:, None] * unit_b) / torch.sin(angle)
    points: Tensor = direction * (radius_a + t * (radius_b - radius_a))[:, None]
    return points


METHODS = {"linear": lerp, "spherical": slerp}


def path(pins: Tensor, frames: int, method: str = "linear") -> Tensor:
    """Return ``frames`` points along the path through pins (P, d), the same number on every leg; (about frames, d).

    Every pin is on the path. Raises LatentExplorerError for fewer than two pins or an unknown method.
    """
    if method not in METHODS:
        raise LatentExplorerError(f"unknown interpolation '{method}': choose one of {', '.join(METHODS)}")
    if len(pins) < 2:
        raise LatentExplorerError("a path needs at least two pins: click two places on the plane")
    steps = max(1, round((frames - 1) / (len(pins) - 1)))
    t = torch.arange(steps, dtype=pins.dtype) / steps
    legs = [METHODS[method](a, b, t) for a, b in pairwise(pins)]
    return torch.cat([*legs, pins[-1:]])
