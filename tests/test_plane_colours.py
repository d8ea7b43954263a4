"""The plane's ten colours: they stay apart for every eye, on both themes, and are those of the charts."""

from __future__ import annotations

import re
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from pages.common.plane_module import ASSETS
from vae_core.palette import DIGITS

Floats = NDArray[np.floating[Any]]

SOURCE = (ASSETS / "colours.js").read_text("utf-8")
PAPER = {"LIGHT": "#ffffff", "DARK": "#101317"}
LEAST_CONTRAST = {"LIGHT": 2.4, "DARK": 3.2}
# Machado, Oliveira & Fernandes 2009, full severity, on linear RGB.
SIGHTS: dict[str, Floats] = {
    "normal": np.eye(3),
    "deuteranope": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "protanope": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "tritanope": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}


def _plane_colours(theme: str) -> list[str]:
    found = re.search(rf"const DIGITS_{theme} = \[(.*?)\]", SOURCE)
    assert found
    return re.findall(r"#[0-9a-f]{6}", found[1])


def _linear(colour: str) -> Floats:
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear: Floats = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return linear


def _luminance(colour: str) -> float:
    return float(_linear(colour) @ [0.2126, 0.7152, 0.0722])


def _oklab(linear: Floats) -> Floats:
    """Ottosson 2020: distances in it are nearly what the eye sees."""
    to_cones = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    to_lab = [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
    lab: Floats = np.array(to_lab) @ np.cbrt(np.array(to_cones) @ np.clip(linear, 0, 1))
    return lab


def _nearest_two(colours: list[str] | tuple[str, ...], sight: str) -> float:
    labs = [_oklab(SIGHTS[sight] @ _linear(colour)) for colour in colours]
    return min(float(np.linalg.norm(a - b)) for a, b in combinations(labs, 2))


@pytest.mark.parametrize("theme", PAPER)
def test_every_colour_can_be_seen_on_its_paper(theme: str) -> None:
    paper = _luminance(PAPER[theme])
    for colour in _plane_colours(theme):
        low, high = sorted((_luminance(colour), paper))
        assert (high + 0.05) / (low + 0.05) > LEAST_CONTRAST[theme], colour


@pytest.mark.parametrize("theme", PAPER)
@pytest.mark.parametrize("sight", SIGHTS)
def test_no_two_colours_are_nearer_than_the_nearest_of_the_published_palette(theme: str, sight: str) -> None:
    published = min(_nearest_two(DIGITS, other) for other in SIGHTS)
    assert _nearest_two(_plane_colours(theme), sight) > 0.999 * published


@pytest.mark.parametrize("theme", PAPER)
def test_the_plane_s_colours_pair_off_with_those_of_the_charts(theme: str) -> None:
    plane, charts = (np.array([_oklab(_linear(c)) for c in colours]) for colours in (_plane_colours(theme), DIGITS))
    apart = np.linalg.norm(plane[:, None] - charts, axis=-1)
    assert linear_sum_assignment(apart)[1].tolist() == list(range(10))
    assert np.diag(apart).max() < 0.15
