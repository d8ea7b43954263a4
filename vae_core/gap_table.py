"""The gaps of many digits: which are easy, which have two posteriors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from vae_core.evidence import Posterior, posterior
from vae_core.gaps import Split, elbo_of, starts, straightened
from vae_core.gaussians import Gaussians, joined, of_encoder
from vae_core.models import Autoencoder
from vae_core.modes import Modes, find_modes
from vae_core.quadrature import RESOLUTION, Survey
from vae_core.refinement import refine

GROUP: Final = 20
"""Digits that are looked at together."""
NODES: Final = 8
STEPS: Final = 60


@dataclass(frozen=True)
class Row(Split):
    """One digit's figures, in nats."""

    number: int
    modes: int
    """How many modes its posterior has."""
    second: float
    """The share of the second one, 0 where there is none."""


def gap_rows(
    model: Autoencoder, x: Tensor, numbers: range, survey: Survey | None = None, group: int = GROUP
) -> Iterator[list[Row]]:
    """Yield the figures of those images (N, 1, 28, 28) whose numbers are asked for, some at a time.

    Raises ModelError for an autoencoder, and for a latent size above 2.
    """
    for first in range(numbers.start, numbers.stop, group):
        chosen = range(first, min(first + group, numbers.stop))
        yield _rows(model, x[chosen.start : chosen.stop], chosen, survey)


@torch.no_grad()
def _rows(model: Autoencoder, x: Tensor, numbers: range, survey: Survey | None) -> list[Row]:
    together = posterior(model, x, survey=survey, resolution=RESOLUTION)
    q = of_encoder(model, x)
    modes, begins, owners = [], [], []
    for row in range(len(x)):
        found = alone(together, row)
        modes.append(find_modes(model, x[row : row + 1], found))
        begins.append(starts(q[row], modes[-1], found))
        owners += [row] * len(begins[-1].mean)
    owner = torch.tensor(owners, device=x.device)
    course = refine(model, x[owner], straightened(joined(begins)), nodes=NODES, steps=STEPS)
    best = _best(course.last, course.elbo[-1], owner, len(x))
    elbo, refined = elbo_of(model, x, q).tolist(), elbo_of(model, x, best).tolist()
    return [
        Row(evidence, own, max(own, better), number, len(mode.share), _second(mode))
        for number, evidence, own, better, mode in zip(
            numbers, together.log_evidence.tolist(), elbo, refined, modes, strict=True
        )
    ]


def alone(together: Posterior, row: int) -> Posterior:
    """Return the posterior of one of the images that share a grid."""
    rows = slice(row, row + 1)
    return Posterior(together.z, together.cell, together.probability[rows], together.log_evidence[rows])


def _best(q: Gaussians, elbo: Tensor, owner: Tensor, count: int) -> Gaussians:
    """Return for each of ``count`` images the one of its Gaussians whose ELBO is highest."""
    rows = torch.stack([torch.where(owner == image, elbo, -torch.inf).argmax() for image in range(count)])
    return q[rows]


def _second(modes: Modes) -> float:
    return modes.share[1].item() if len(modes.share) > 1 else 0.0
