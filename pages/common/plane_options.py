"""What a page hands to the plane beside its state: chosen digits, nearest code, models and runs for charts, a link."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

PIXELS: Final = 784
LINKS: Final = ("coordinate", "image", "none")


def greys(picture: Sequence[int]) -> list[int]:
    """Return a picture, 784 grey levels 0..255 row by row, as plain numbers for the browser."""
    levels = [int(grey) for grey in picture]
    if len(levels) != PIXELS or not all(0 <= grey <= 255 for grey in levels):
        raise ValueError("a picture has 784 grey levels from 0 to 255")
    return levels


def flags(seen: Sequence[bool] | NDArray[np.bool_]) -> list[int]:
    """Return whether each of 784 pixels is seen, row by row, as plain numbers for the browser."""
    found = [int(bool(flag)) for flag in seen]
    if len(found) != PIXELS:
        raise ValueError(f"a mask says of each of {PIXELS} pixels whether it is seen, not of {len(found)}")
    return found


@dataclass(frozen=True)
class Nearest:
    """An encoded image: its place among the atlas's points, and its 784 grey levels 0..255, row by row."""

    index: int
    original: Sequence[int]

    def data(self) -> dict[str, Any]:
        """Return it as the browser takes it."""
        return {"index": self.index, "original": greys(self.original)}


@dataclass(frozen=True)
class Drawing:
    """That the layers are the posterior of what is drawn on the plane's pad, which then follows the pen.

    ``pixels`` are those that the page knows of, 784 grey levels 0..255; the browser's own posterior gives way to the
    layers when these are what it has. ``levels`` are the grey levels from which on pixels count as ones, for a model
    of binary pixels; another sees grey ones.
    """

    pixels: Sequence[int] | None
    levels: Sequence[int] | None = None

    def data(self) -> dict[str, Any]:
        """Return it as the browser takes it, the drawing by its Adler-32 checksum (RFC 1950), 0 for none."""
        known = 0 if self.pixels is None else zlib.adler32(bytes(greys(self.pixels)))
        return {"known": known, "levels": None if self.levels is None else [int(level) for level in self.levels]}


@dataclass(frozen=True)
class RowDigit:
    """A digit of the row: its 784 grey levels 0..255, its label, and its place among the atlas's points if it has one.

    Where the atlas carries no encoder (a pair of models) the place says where its code is.
    """

    pixels: Sequence[int]
    label: str
    index: int | None = None

    def data(self) -> dict[str, Any]:
        """Return it as the browser takes it."""
        return {"pixels": greys(self.pixels), "label": self.label, "index": self.index}


@dataclass(frozen=True)
class RateMark:
    """A model trained for one beta, for the rate-distortion chart; rate and distortion in nats per image."""

    name: str
    beta: float
    rate: float
    distortion: float

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.beta, self.rate, self.distortion))):
            raise ValueError(f"{self.name}: beta, rate and distortion must be finite")
        if self.beta <= 0:
            raise ValueError(f"{self.name}: beta must be positive")

    def data(self) -> dict[str, Any]:
        """Return it as the browser takes it."""
        return {"name": self.name, "beta": self.beta, "rate": self.rate, "distortion": self.distortion}


@dataclass(frozen=True)
class Event:
    """What was changed at a training step, in a few words, to be marked on the curves."""

    step: int
    text: str

    def __post_init__(self) -> None:
        if self.step < 0:
            raise ValueError(f"nothing can happen at step {self.step}: steps count from 0")

    def data(self) -> dict[str, Any]:
        """Return it as the browser takes it."""
        return {"step": self.step, "text": self.text}


@dataclass(frozen=True)
class Trajectory:
    """Another run on the rate-distortion chart: its rates and distortions (test, nats per image) at its steps.

    A fork names its parent, another of the trajectories or the atlas itself, and the step at which it left.
    """

    name: str
    steps: Sequence[float]
    rates: Sequence[float]
    distortions: Sequence[float]
    parent: tuple[str, int] | None = None

    def __post_init__(self) -> None:
        if not len(self.steps) == len(self.rates) == len(self.distortions):
            raise ValueError(f"{self.name}: every step needs a rate and a distortion")
        if not all(map(math.isfinite, (*self.steps, *self.rates, *self.distortions))):
            raise ValueError(f"{self.name}: steps, rates and distortions must be finite")
        if any(after <= before for before, after in pairwise(self.steps)):
            raise ValueError(f"{self.name}: the steps must ascend")

    def data(self) -> dict[str, Any]:
        """Return it as the browser takes it."""
        rates, distortions = ([round(value, 3) for value in values] for values in (self.rates, self.distortions))
        parent = None if self.parent is None else {"name": self.parent[0], "step": self.parent[1]}
        return {
            "name": self.name,
            "steps": list(self.steps),
            "rates": rates,
            "distortions": distortions,
            "parent": parent,
        }


@dataclass(frozen=True)
class Link:
    """Planes of one page that share their pointer: all those with the same group.

    By "coordinate" all of them show the same z; by "image" the code of the same image, the nearest to the pointer,
    for which their atlases must hold the same images in the same order; by "none" nothing is shared. With either
    they also hide the same digits.
    """

    group: str
    mode: str = "coordinate"

    def __post_init__(self) -> None:
        if self.mode not in LINKS:
            raise ValueError(f"planes are not linked by {self.mode!r}: choose {', '.join(LINKS)}")
        if not self.group:
            raise ValueError("a link needs the name of a group")

    def data(self) -> dict[str, Any]:
        """Return it as the browser takes it."""
        return {"group": self.group, "mode": self.mode}
