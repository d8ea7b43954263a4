"""What a person has done on the plane, checked: the browser's word is not taken for anything."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]

OVERLAYS: Final = ("labels", "prior", "density", "holes", "tiles", "regions")
MODES: Final = ("mean", "sample", "std")
INTERPOLATIONS: Final = ("linear", "spherical")
FARTHEST: Final = 1e6
MOST_PINS: Final = 64
MOST_CORNERS: Final = 256
NO_CLASS: Final = 10
"""Stands for points without a label wherever classes are hidden."""


@dataclass(frozen=True)
class Selection:
    """A polygon in latent coordinates, drawn at one frame while some classes were hidden."""

    polygon: tuple[Point, ...]
    frame: float = 0.0
    hidden: tuple[int, ...] = ()
    count: int = 0
    """How many points the browser counted within."""

    def mask(self, positions: NDArray[np.floating[Any]], labels: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
        """Return which of the points (N, 2) with labels (N,) are selected, by the even-odd rule; shape (N,).

        A label outside 0..9 is of no class.
        """
        kinds = np.where((labels >= 0) & (labels < NO_CLASS), labels, NO_CLASS)
        inside = np.zeros(len(positions), dtype=bool)
        x, y = positions[:, 0], positions[:, 1]
        for (ax, ay), (bx, by) in zip(self.polygon, (*self.polygon[1:], self.polygon[0]), strict=True):
            if ay == by:
                continue
            crosses = (ay > y) != (by > y)
            inside ^= crosses & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
        return inside & ~np.isin(kinds, self.hidden)


@dataclass(frozen=True)
class Brushed:
    """An image as the brush has left it, and which of its pixels are seen."""

    picture: tuple[int, ...]
    """784 grey levels 0..255, row by row."""
    seen: tuple[bool, ...]
    """784 flags, row by row."""


@dataclass(frozen=True)
class PlaneState:
    """What the plane shows, as far as the page wants to know."""

    z: Point | None = None
    """Where the person clicked or let the pointer rest; None before that."""
    pins: tuple[Point, ...] = ()
    interpolation: str = "linear"
    frame: float = 0.0
    color: str = "digit"
    overlays: tuple[str, ...] = ()
    hidden: tuple[int, ...] = ()
    mode: str = "mean"
    selection: Selection | None = None
    drawn: tuple[int, ...] | None = None
    """The digit drawn on the pad: 784 grey levels 0..255, row by row."""
    brushed: Brushed | None = None
    """What the brush has left; None before it was used."""
    following: bool = False
    """Whether the dial stands at the newest frame of a live atlas, and goes along with it."""
    behind: bool = False
    """Whether frames have come that do not join on to those the browser has: it needs a newer base."""
    frames: int = 0
    """How many frames of a growing atlas the browser has."""


def parse(message: object, start: PlaneState) -> PlaneState:
    """Return what the browser says, each part of it that makes no sense replaced by that of ``start``."""
    if not isinstance(message, Mapping):
        return start
    parsed = {name: read(message[name]) for name, read in _READERS.items() if name in message}
    return replace(start, **{name: value for name, (fine, value) in parsed.items() if fine})


def _number(value: object, low: float, high: float) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and low <= value <= high


def _whole(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_point(value: object) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(_number(v, -FARTHEST, FARTHEST) for v in value)


def _z(value: object) -> tuple[bool, Point | None]:
    if value is None:
        return True, None
    if not isinstance(value, list | tuple) or not _is_point(value):
        return False, None
    return True, (float(value[0]), float(value[1]))


def _points(value: object, most: int = MOST_PINS) -> tuple[bool, tuple[Point, ...]]:
    if not isinstance(value, list | tuple) or len(value) > most or not all(map(_is_point, value)):
        return False, ()
    return True, tuple((float(x), float(y)) for x, y in value)


def _frame(value: object) -> tuple[bool, float]:
    return (True, float(value)) if isinstance(value, int | float) and _number(value, 0, 1e6) else (False, 0.0)


def _flag(value: object) -> tuple[bool, bool]:
    return (True, value) if isinstance(value, bool) else (False, False)


def _count(value: object) -> tuple[bool, int]:
    return (True, value) if isinstance(value, int) and _whole(value, 0, 10**9) else (False, 0)


def _color(value: object) -> tuple[bool, str]:
    return (True, value) if isinstance(value, str) and 0 < len(value) <= 64 else (False, "")


def _one_of(choices: tuple[str, ...], value: object) -> tuple[bool, str]:
    return (True, value) if isinstance(value, str) and value in choices else (False, "")


def _overlays(value: object) -> tuple[bool, tuple[str, ...]]:
    if not isinstance(value, list | tuple) or not all(name in OVERLAYS for name in value):
        return False, ()
    return True, tuple(name for name in OVERLAYS if name in value)


def _hidden(value: object) -> tuple[bool, tuple[int, ...]]:
    if not isinstance(value, list | tuple) or not all(_whole(kind, 0, NO_CLASS) for kind in value):
        return False, ()
    return True, tuple(sorted(set(value)))


def _selection(value: object) -> tuple[bool, Selection | None]:
    if value is None:
        return True, None
    if not isinstance(value, Mapping):
        return False, None
    parts = _points(value.get("polygon"), MOST_CORNERS), _frame(value.get("frame", 0)), _hidden(value.get("hidden", []))
    (_, polygon), (_, frame), (_, hidden) = parts
    count = value.get("count", 0)
    fine = all(good for good, _value in parts) and len(polygon) > 2 and _whole(count, 0, 10**9)
    return (True, Selection(polygon, frame, hidden, count)) if fine else (False, None)


def _drawn(value: object) -> tuple[bool, tuple[int, ...] | None]:
    if value is None:
        return True, None
    if not isinstance(value, list | tuple) or len(value) != 784 or not all(_whole(grey, 0, 255) for grey in value):
        return False, None
    return True, tuple(value)


def _brushed(value: object) -> tuple[bool, Brushed | None]:
    if value is None:
        return True, None
    if not isinstance(value, Mapping):
        return False, None
    fine, picture = _drawn(value.get("picture"))
    seen = value.get("seen")
    if not fine or picture is None or not isinstance(seen, list | tuple) or len(seen) != len(picture):
        return False, None
    if not all(_whole(flag, 0, 1) for flag in seen):
        return False, None
    return True, Brushed(picture, tuple(map(bool, seen)))


_READERS: Final[dict[str, Callable[[object], tuple[bool, Any]]]] = {
    "z": _z,
    "pins": _points,
    "interpolation": lambda value: _one_of(INTERPOLATIONS, value),
    "frame": _frame,
    "color": _color,
    "overlays": _overlays,
    "hidden": _hidden,
    "mode": lambda value: _one_of(MODES, value),
    "selection": _selection,
    "drawn": _drawn,
    "brushed": _brushed,
    "following": _flag,
    "behind": _flag,
    "frames": _count,
}
