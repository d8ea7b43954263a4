"""What the digit recogniser learns from: distorted digits, blends of two, and images of none."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from vae_core._torchvision import torchvision
from vae_core.data import to_pixels

BLENDED = 4
"""One image in so many is a blend of two digits, with the labels blended alike (mixup, Zhang et al. 2018)."""
EMPTY = 16
"""One image in so many shows no digit at all; its target is the uniform distribution."""


def training_batch(images: Tensor, labels: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return what one step learns from: pixels (N, 1, 28, 28), distorted, and target probabilities (N, 10).

    The first images stay digits; then come blends of two digits, then images without a digit.
    """
    x = _distorted(to_pixels(images), generator)
    target = F.one_hot(labels, 10).float()
    count = len(x)
    empty = count // EMPTY
    blended = slice(count - empty - count // BLENDED, count - empty)
    partner = torch.randperm(count, generator=generator)[blended]
    share = torch.rand(len(partner), generator=generator)
    target[blended] = torch.lerp(target[blended], target[partner], share[:, None])
    x[blended] = torch.lerp(x[blended], x[partner], share[:, None, None, None])
    x[count - empty :] = _no_digits(x, empty, generator)
    target[count - empty :] = 0.1
    return x, target


def _distorted(x: Tensor, generator: torch.Generator) -> Tensor:
    """Turned, sheared, scaled and moved; some softened like a decoder's output, fainter, or grainy."""

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(len(x), generator=generator) * (high - low) + low

    angle, shear = uniform(-0.26, 0.26), uniform(-0.25, 0.25)
    width, height = uniform(-0.2, 0.15).exp(), uniform(-0.2, 0.15).exp()
    across = torch.stack([angle.cos() / width, (shear - angle.sin()) / width, uniform(-0.15, 0.15)], 1)
    down = torch.stack([angle.sin() / height, angle.cos() / height, uniform(-0.15, 0.15)], 1)
    grid = F.affine_grid(torch.stack([across, down], 1), list(x.shape), align_corners=False)
    moved = F.grid_sample(x, grid, align_corners=False)
    soft = torchvision("transforms.functional").gaussian_blur(moved, [7, 7], [1.3, 1.3])
    moved = torch.lerp(moved, soft, uniform(-1, 1).clamp(min=0)[:, None, None, None])
    moved = moved.pow(uniform(-0.4, 0.4).exp()[:, None, None, None]) * uniform(0.7, 1)[:, None, None, None]
    grainy = uniform(0, 1) < 0.1
    moved[grainy] = torch.bernoulli(moved[grainy], generator=generator)
    return moved


def _no_digits(x: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Averages of many digits, quarters of four digits put together, nearly nothing, and plain noise."""
    chosen = x[torch.randint(len(x), (count, 8), generator=generator)]
    average = chosen.mean(1)
    rows, columns = torch.arange(28)[:, None] < 14, torch.arange(28)[None, :] < 14
    top = torch.where(columns, chosen[:, 0].flip(-1), chosen[:, 1].flip(-1))
    patchwork = torch.where(rows, top, torch.where(columns, chosen[:, 2].flip(-1), chosen[:, 3].flip(-1)))
    faint = chosen[:, 4] * 0.05
    noise = torch.rand(average.shape, generator=generator)
    kind = torch.randint(4, (count,), generator=generator)
    return torch.stack([average, patchwork, faint, noise])[kind, torch.arange(count)]
