"""Two models side by side: the same digits, the same noise, the same path, and which of two figures is better."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import torch
from torch import Tensor

from vae_core.data import to_pixels
from vae_core.export import to_grey
from vae_core.fitted_prior import with_fitted_prior
from vae_core.inputs import model_input
from vae_core.interpolation import path
from vae_core.metrics import FITTED, MEASURES, Measure
from vae_core.models import Autoencoder
from vae_core.registry import Card

Verdict = Literal["first", "second", "same", "neither", "incomparable", "missing"]
_ALIKE: Final = 1e-3
"""Figures that differ by less than this share are called the same: most are estimates."""
_OTHER_NAMES: Final = {"rate": "kl", "distortion": "reconstruction"}
_SCALES: Final = {"bernoulli": "binary", "bernoulli-grey": "cross-entropy"}


@dataclass(frozen=True)
class Reconstruction:
    """What a model makes of N images, and how far off it is."""

    images: Tensor
    """The mean images decoded at the codes, uint8 (N, 28, 28)."""
    nats: Tensor
    """-log p(x|z) at the code of each, of the pixels that the likelihood is a density of; (N,), nats."""
    squared_error: Tensor
    """Mean squared error a pixel, on grey values in [0, 1]; (N,)."""


@dataclass(frozen=True)
class Row:
    """One measure of two models."""

    measure: Measure
    fitted: bool
    """Whether an AE's figure is under the Gaussian fitted to its codes; a VAE's is always under N(0, I)."""
    first: float | None
    second: float | None
    verdict: Verdict
    """Which is better; "neither" where no direction is, "missing" where a figure is not there."""
    first_error: float | None = None
    """The standard error of the first figure; None where none is defined, or was not measured."""
    second_error: float | None = None


def nats_scale(likelihood: str) -> str:
    """Return what nats under a likelihood are nats of: "binary", "cross-entropy" or "density".

    Probabilities of black and white images, cross-entropies of grey levels (which normalise to nothing) and densities
    of grey images are three different things; only figures of one kind can be subtracted.
    """
    return _SCALES.get(likelihood, "density")


def same_nats(first: Card, second: Card) -> bool:
    """Return whether the nats of two models can be compared: the same data, measured on the same scale."""
    scales = {nats_scale(card.model.likelihood) for card in (first, second)}
    return same_data(first, second) and len(scales) == 1


def same_data(first: Card, second: Card) -> bool:
    """Return whether two models were trained on the same data set."""
    return first.config.train.data == second.config.train.data


def compare_figures(first: Card, second: Card) -> list[Row]:
    """Return every measure of both models, in the order of MEASURES.

    What depends on the prior comes a second time where one of them is an AE: under the Gaussian fitted to its codes.
    """
    rows = []
    for measure in MEASURES:
        for fitted in (False, True) if measure.under_prior and "ae" in (first.kind, second.kind) else (False,):
            a, b = (_figure(card, measure.key, fitted) for card in (first, second))
            errors = (_error(card, measure.key, fitted) for card in (first, second))
            rows.append(Row(measure, fitted, a, b, _verdict(measure, a, b, first, second), *errors))
    return rows


def _figure(card: Card, key: str, fitted: bool) -> float | None:
    value: Any = card.figures.get(key + FITTED if fitted and card.kind == "ae" else key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _error(card: Card, key: str, fitted: bool) -> float | None:
    error = _figure(card, f"{key}{FITTED}_error" if fitted and card.kind == "ae" else f"{key}_error", False)
    # Cards of an earlier version have those of rate and distortion under the other names of these alone.
    return _figure(card, f"{_OTHER_NAMES[key]}_error", False) if error is None and key in _OTHER_NAMES else error


def _verdict(measure: Measure, a: float | None, b: float | None, first: Card, second: Card) -> Verdict:
    if a is None or b is None:
        return "missing"
    if not same_data(first, second) or (measure.unit == "nats" and not same_nats(first, second)):
        return "incomparable"
    if measure.better == "neither":
        return "neither"
    if math.isclose(a, b, rel_tol=_ALIKE):
        return "same"
    return "first" if (a < b) == (measure.better == "lower") else "second"


def one_of_each(labels: Tensor, seed: int, classes: int = 10) -> list[int]:
    """Return the number of one image of each class that there is, drawn with ``seed``; labels (N,)."""
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    found = [order[labels[order] == kind] for kind in range(classes)]
    return [int(some[0]) for some in found if len(some)]


@torch.no_grad()
def reconstruct(model: Autoencoder, images: Tensor, which: Sequence[int]) -> Reconstruction:
    """Return what ``model`` makes of some of the images, uint8 (N, 28, 28), with the error of each.

    Binarised pixels are those that published figures are of: all ``images`` are binarised, and some of them taken.
    """
    chosen = list(which)
    x, grey = model_input(model, images)[chosen], to_pixels(images[chosen])
    codes, _logvar = model.encode(x)
    means = model.decode(codes)
    return Reconstruction(to_grey(means), -model.log_likelihood(x, codes), (means - grey).square().flatten(1).mean(1))


def draw_noise(count: int, dimension: int, seed: int) -> Tensor:
    """Return ``count`` draws of N(0, I), (count, dimension), the same for the same seed."""
    return torch.randn(count, dimension, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def from_noise(model: Autoencoder, noise: Tensor, codes: Tensor | None = None) -> Tensor:
    """Return the mean images decoded from noise (N, d), uint8 (N, 28, 28).

    With an AE's ``codes`` (M, d), the noise is moved and scaled to the Gaussian fitted to them.
    Raises ModelError for a VAE with codes.
    """
    return to_grey((model if codes is None else with_fitted_prior(model, codes)).decode(noise))


@torch.no_grad()
def between(model: Autoencoder, images: Tensor, frames: int = 10) -> Tensor:
    """Return the straight path between the codes of two images, uint8 (2, 28, 28), decoded: uint8 (frames, 28, 28)."""
    codes, _logvar = model.encode(to_pixels(images))
    return to_grey(model.decode(path(codes, frames)))
