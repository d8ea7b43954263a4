"""Benchmark of geodesics: that none is longer than the straight line, how much shorter they are, and their time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

import torch
from torch import Tensor

from vae_core.atlas import encode_images
from vae_core.bench import Report, machine
from vae_core.curves import Curve, mean_pixels, subdivide
from vae_core.data import load_images
from vae_core.errors import ModelError
from vae_core.geodesics import geodesic
from vae_core.latent_graph import build_graph
from vae_core.models import Autoencoder
from vae_core.registry import list_models, load_model

SAMPLES: Final = 20_000
"""Each curve is measured anew at so many places, whatever the lengths that were found say."""


def measure(report: Report, model: str | None = None, pairs: int = 20) -> dict[str, Any]:
    """Look for geodesics between the codes of ``pairs`` pairs of test digits of different class.

    Of one model, or of every bundled one with a latent size of 2. Ratios are of the geodesic's length to the straight
    line's, both measured anew; a geodesic is ``longer`` where its ratio is above 1, and ``straight`` where nothing
    shorter was found. Raises ModelError where there is no model with a plane.
    """
    names = [model] if model else [card.name for card in list_models() if card.latent_dim == 2]
    if not names:
        raise ModelError("there are no bundled models: train them with `python -m vae_core zoo`")
    models = []
    for done, name in enumerate(names):
        report(name, done / len(names))
        models.append({"name": name, **_of_model(load_model(name), pairs)})
    ratios = [each["mean_ratio"] for each in models]
    return {
        "pairs": sum(each["pairs"] for each in models),
        "longer": sum(each["longer"] for each in models),
        "mean_ratio": sum(ratios) / len(ratios),
        "worst_ratio": max(each["worst_ratio"] for each in models),
        "models": models,
        **machine(),
    }


def _of_model(network: Autoencoder, pairs: int) -> dict[str, Any]:
    images, labels = load_images("mnist", "test")
    codes = encode_images(network, images)[0]
    began = time.perf_counter()
    graph = build_graph(network, codes)
    built = time.perf_counter() - began
    ratios, seconds, straight = [], [], 0
    for first, last in _of_different_class(labels, pairs):
        began = time.perf_counter()
        found = geodesic(network, codes[first], codes[last], graph)
        seconds.append(time.perf_counter() - began)
        straight += found.is_straight
        ratios.append(_length(network, found.curve) / _length(network, found.straight))
    return {
        "pairs": pairs,
        "longer": sum(ratio > 1 for ratio in ratios),
        "straight": straight,
        "mean_ratio": sum(ratios) / pairs,
        "worst_ratio": max(ratios),
        "seconds_graph": built,
        "seconds_each": sum(seconds) / pairs,
        "seconds_longest": max(seconds),
    }


def _of_different_class(labels: Tensor, pairs: int) -> Iterator[tuple[int, int]]:
    """Yield the numbers of so many pairs of images of different class, the same each time."""
    generator = torch.Generator().manual_seed(0)
    while pairs:
        first, last = torch.randint(len(labels), (2,), generator=generator).tolist()
        if labels[first] != labels[last]:
            pairs -= 1
            yield first, last


@torch.no_grad()
def _length(network: Autoencoder, curve: Curve) -> float:
    """Return the length of a curve from about `SAMPLES` places, evenly spread over its legs."""
    z = subdivide(curve.points, -(-SAMPLES // (len(curve.points) - 1)))
    total, before = 0.0, mean_pixels(network, z[:1])
    for part in z[1:].split(2048):
        images = torch.cat([before, mean_pixels(network, part)])
        total += images.double().diff(dim=0).norm(dim=1).sum().item()
        before = images[-1:]
    return total
