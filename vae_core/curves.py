"""Curves in the latent space, and how long they are by the images they decode to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from vae_core.models import Autoencoder

SAMPLES: Final = 32
"""A curve is looked at in so many parts at first, and in twice as many until its length no longer grows.

No more than it needs: between images that hardly differ, single precision adds to their distance."""
MOST_SAMPLES: Final = 16_384
PRECISION: Final = 1e-4
"""A length is taken to be known where halving the parts changes it by a smaller share."""


@dataclass(frozen=True)
class Curve:
    """A polyline from one latent point to another, finely sampled."""

    points: Tensor
    """Its corners, (P, d)."""
    z: Tensor
    """The samples, (S, d)."""
    along: Tensor
    """How far along the curve each of them is, (S,), from 0, in pixel values: decoded images' Euclidean distances."""

    @property
    def length(self) -> float:
        """The length in the metric that the mean decoder pulls back, in pixel values."""
        return self.along[-1].item()

    def at(self, shares: Tensor) -> Tensor:
        """Return the points (N, d) that lie at these shares (N,) of the length, from 0 to 1."""
        # Where the image stands still, the curve goes on evenly.
        steady = np.linspace(0, 1e-9 * max(self.length, 1e-9), len(self.z))
        along = self.along.numpy() + steady
        wanted = shares.double().numpy() * along[-1]
        columns = [np.interp(wanted, along, column) for column in self.z.double().cpu().numpy().T]
        return torch.from_numpy(np.stack(columns, -1)).to(self.z)

    def evenly(self, count: int) -> Tensor:
        """Return ``count`` points (count, d) at equal distances along the curve, its ends the first and the last."""
        points = self.at(torch.linspace(0, 1, count, dtype=torch.float64))
        points[0], points[-1] = self.z[0], self.z[-1]
        return points


def straight(a: Tensor, b: Tensor, count: int) -> Tensor:
    """Return ``count`` points (count, d) in equal steps from a (d,) to b (d,), both of them exact."""
    return torch.lerp(a, b, torch.linspace(0, 1, count).to(a)[:, None])


def subdivide(points: Tensor, parts: int) -> Tensor:
    """Return a polyline (P, d) with each of its legs in ``parts`` equal parts; ((P - 1) parts + 1, d)."""
    shares = (torch.arange(parts) / parts).to(points)[:, None]
    inner = torch.lerp(points[:-1, None], points[1:, None], shares)
    return torch.cat([inner.reshape(-1, points.shape[1]), points[-1:]])


def mean_pixels(model: Autoencoder, z: Tensor) -> Tensor:
    """Return the mean images, (N, 784), for z (N, d); derivatives by z are kept."""
    return model.likelihood.mean(model.decode_params(z))


@torch.no_grad()
def measure(model: Autoencoder, points: Tensor, precision: float = PRECISION) -> Curve:
    """Return the polyline through latent points (P, d) as a curve, with its length in the pulled-back metric.

    The length is the integral of |J(z) dz| (Chen et al. 2018), as the sum of the distances of images along the way,
    and so does not depend on how the curve is run through. The samples are doubled until that changes the sum by less
    than a share of ``precision``, or there are `MOST_SAMPLES`.
    """
    legs = len(points) - 1
    parts = max(1, SAMPLES // legs)
    curve = _sampled(model, points, parts)
    while 2 * parts * legs <= MOST_SAMPLES:
        parts *= 2
        finer = _sampled(model, points, parts)
        known = finer.length - curve.length <= precision * finer.length
        curve = finer
        if known:
            break
    return curve


def _sampled(model: Autoencoder, points: Tensor, parts: int) -> Curve:
    z = subdivide(points, parts)
    steps = mean_pixels(model, z).double().diff(dim=0).square().sum(1).sqrt().cpu()
    return Curve(points, z, torch.cat([steps.new_zeros(1), steps.cumsum(0)]))
