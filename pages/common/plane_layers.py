"""What a page lays over the plane's points: fields of numbers, ellipses, marks, lines, in latent units."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

SCALES: Final = ("posterior", "magnitude")
TONES: Final = ("accent", "plain", "warm", "cool")
DEPTH: Final = 80.0
"""Log-densities this far below the highest are as good as none."""

Box = tuple[float, float, float, float]


def _numbers(name: str, values: ArrayLike, *shape: int | None) -> NDArray[np.float64]:
    """Return the values as an array of finite numbers; a None in ``shape`` stands for any length."""
    array = np.asarray(values, dtype=np.float64)
    fits = array.ndim == len(shape) and all(want in (None, have) for want, have in zip(shape, array.shape, strict=True))
    if not fits or not np.isfinite(array).all():
        wanted = " x ".join("N" if length is None else str(length) for length in shape)
        raise ValueError(f"{name}: finite numbers are needed, {wanted} of them, not an array of shape {array.shape}")
    return array


def _rounded(array: NDArray[np.float64]) -> Any:
    return np.round(array, 7).tolist()


def _checked(kind: str, value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise ValueError(f"there is no {kind} {value!r}: choose {', '.join(choices)}")
    return value


def _covariances(name: str, values: ArrayLike, *shape: int | None) -> NDArray[np.float64]:
    array = _numbers(name, values, *shape, 2, 2)
    if not np.allclose(array, array.swapaxes(-1, -2)) or (np.linalg.eigvalsh(array) < 0).any():
        raise ValueError(f"{name}: a covariance is symmetric and has no negative variance")
    return array


@dataclass(frozen=True)
class Field:
    """A raster of numbers over ``box`` = (x0, y0, x1, y1), shown as filled contours.

    ``values`` is (H, W); its first row stands at y0 and its last at y1, its first column at x0 and its last at x1. In
    between it is interpolated, smoothly. ``scale`` is "posterior", for log-densities up to a constant (-inf for
    none), shown by the smallest regions that hold 50, 90 and 99 % of them; or "magnitude", for numbers from 0 up,
    shown in colours with a key.
    """

    name: str
    values: ArrayLike
    box: Box
    scale: str = "posterior"

    def data(self) -> dict[str, Any]:
        """Return it as the browser takes it: 16 bits for each number, from ``low`` to ``high``, row by row."""
        _checked("scale", self.scale, SCALES)
        x0, y0, x1, y1 = _numbers(f"{self.name}: box", self.box, 4).tolist()
        if not (x0 < x1 and y0 < y1):
            raise ValueError(f"{self.name}: a box goes from its lower left to its upper right corner, not {self.box}")
        values = self._finite()
        low, high = float(values.min()), float(values.max())
        share = (values - low) / (high - low) if high > low else np.zeros_like(values)
        steps = np.round(65535 * share).astype("<u2")
        return {
            "kind": "field",
            "name": self.name,
            "scale": self.scale,
            "box": [x0, y0, x1, y1],
            "size": list(values.shape[::-1]),
            "low": low,
            "high": high,
            "values": base64.b64encode(steps.tobytes()).decode(),
        }

    def _finite(self) -> NDArray[np.float64]:
        values: NDArray[np.float64] = np.asarray(self.values, dtype=np.float64)
        if values.ndim != 2 or min(values.shape) < 2:
            raise ValueError(f"{self.name}: a field is a raster of 2 x 2 numbers or more, not {values.shape}")
        if self.scale == "posterior" and np.isfinite(values.max()):
            return values.clip(min=values.max() - DEPTH)
        if not np.isfinite(values).all() or self.scale == "posterior":
            raise ValueError(f"{self.name}: a field has a finite highest value, and nan nowhere")
        if values.min() < 0:
            raise ValueError(f"{self.name}: a magnitude is not negative")
        return values


@dataclass(frozen=True)
class Ellipse:
    """A Gaussian at 1 and 2 sigma: ``mean`` (2,), ``covariance`` (2, 2)."""

    name: str
    mean: ArrayLike
    covariance: ArrayLike
    tone: str = "accent"
    dashed: bool = False

    def data(self) -> dict[str, Any]:
        """Return it as the browser takes it."""
        return {
            "kind": "ellipse",
            "name": self.name,
            "mean": _rounded(_numbers(self.name, self.mean, 2)),
            "covariance": _covariances(self.name, self.covariance).tolist(),
            "tone": _checked("tone", self.tone, TONES),
            "dashed": self.dashed,
        }


@dataclass(frozen=True)
class Ellipses:
    """Many small ellipses, at 1 sigma each: ``means`` (N, 2), ``covariances`` (N, 2, 2)."""

    name: str
    means: ArrayLike
    covariances: ArrayLike
    tone: str = "plain"

    def data(self) -> dict[str, Any]:
        """Return it as the browser takes it."""
        means = _numbers(self.name, self.means, None, 2)
        return {
            "kind": "ellipses",
            "name": self.name,
            "means": _rounded(means),
            "covariances": _covariances(self.name, self.covariances, len(means)).tolist(),
            "tone": _checked("tone", self.tone, TONES),
        }


@dataclass(frozen=True)
class Marks:
    """Small labelled marks at ``points`` (N, 2), such as modes; without ``labels`` they are bare."""

    name: str
    points: ArrayLike
    labels: Sequence[str] = ()
    tone: str = "accent"

    def data(self) -> dict[str, Any]:
        """Return it as the browser takes it."""
        points = _numbers(self.name, self.points, None, 2)
        if self.labels and len(self.labels) != len(points):
            raise ValueError(f"{self.name}: {len(points)} marks cannot have {len(self.labels)} labels")
        return {
            "kind": "marks",
            "name": self.name,
            "points": _rounded(points),
            "labels": list(self.labels),
            "tone": _checked("tone", self.tone, TONES),
        }


@dataclass(frozen=True)
class Line:
    """A line through ``points`` (N, 2), at least two: a geodesic, a straight line, a course."""

    name: str
    points: ArrayLike
    tone: str = "accent"
    dashed: bool = False

    def data(self) -> dict[str, Any]:
        """Return it as the browser takes it."""
        points = _numbers(self.name, self.points, None, 2)
        if len(points) < 2:
            raise ValueError(f"{self.name}: a line goes through two points at least")
        return {
            "kind": "line",
            "name": self.name,
            "points": _rounded(points),
            "tone": _checked("tone", self.tone, TONES),
            "dashed": self.dashed,
        }


@dataclass(frozen=True)
class Course:
    """A Gaussian on its way: ``means`` (K, 2) and ``covariances`` (K, 2, 2), at least two, in even steps of time.

    It plays by itself when it comes, unless the person wants no motion, and again at a button in the key.
    """

    name: str
    means: ArrayLike
    covariances: ArrayLike
    tone: str = "cool"

    def data(self) -> dict[str, Any]:
        """Return it as the browser takes it."""
        means = _numbers(self.name, self.means, None, 2)
        if len(means) < 2:
            raise ValueError(f"{self.name}: a course has two places at least")
        return {
            "kind": "course",
            "name": self.name,
            "means": _rounded(means),
            "covariances": _covariances(self.name, self.covariances, len(means)).tolist(),
            "tone": _checked("tone", self.tone, TONES),
        }


Layer = Field | Ellipse | Ellipses | Marks | Line | Course
"""Anything that can lie over the points; ``name`` is its text in the key, and empty for none."""
