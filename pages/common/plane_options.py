"""What a page hands to the plane beside its state: chosen digits, dedicated models, nearest code, and a link."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

PIXELS: Final = 784
LINKS: Final = ("coordinate", "image", "none")


def greys(picture: Sequence[int]) -> list[int]:
    """Return a picture, 784 grey levels 0..255 row by row, as plain numbers for the browser."""
    levels = [int(grey) for grey in picture]
    if len(levels) != PIXELS or not all(0 <= grey <= 255 for grey in levels):
        raise ValueError("a picture has 784 grey levels from 0 to 255")
    return levels


@dataclass(frozen=True)
class Nearest:
    """An encoded image: its place among the atlas's points, and its 784 grey levels 0..255, row by row."""

    index: int
    original: Sequence[int]

    def data(self) -> dict[str, Any]:
        """Return it as the browser takes it."""
        return {"index": self.index, "original": greys(self.original)}


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
