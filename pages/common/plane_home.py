"""The part of a plane that its view starts with, as the browser works it out (`assets/plane/view.js`)."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pages.common.plane_layers import Box

PRIOR: Final = 3.0
MARGIN: Final = 1.1
_LEAST: Final = 1e-3


def home_box(codes: ArrayLike, with_prior: bool) -> Box:
    """Return the square around all codes (N, 2) but the outermost thousandth on each side, and a prior's 3 sigma."""
    low, high = np.array([_ends(column, with_prior) for column in np.asarray(codes, dtype=np.float64).T]).T
    side = MARGIN * max(float((high - low).max()), _LEAST)
    x, y = ((low + high - side) / 2).tolist()
    return x, y, x + side, y + side


def _ends(codes: NDArray[np.float64], with_prior: bool) -> tuple[float, float]:
    ranked = np.sort(codes)
    stray = len(ranked) // 1000
    low, high = (float(ranked[stray]), float(ranked[-1 - stray])) if len(ranked) else (-PRIOR, PRIOR)
    return (min(low, -PRIOR), max(high, PRIOR)) if with_prior else (low, high)
