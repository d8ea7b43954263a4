"""Places on an atlas's axis: which frame a beta stands at, and which beta a frame."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence


def frame_at(betas: Sequence[float], beta: float) -> float:
    """Return where ``beta`` lies among the frames of an axis of ascending ``betas``, held to its ends.

    Between two frames the axis runs evenly in log beta, as in the browser.
    """
    if beta <= betas[0] or len(betas) == 1:
        return 0.0
    if beta >= betas[-1]:
        return float(len(betas) - 1)
    k = bisect_right(betas, beta) - 1
    return k + math.log(beta / betas[k]) / math.log(betas[k + 1] / betas[k])


def beta_at(betas: Sequence[float], frame: float) -> float:
    """Return the beta at a whole or fractional frame of an axis of ascending ``betas``, held to its ends."""
    frame = min(max(frame, 0.0), len(betas) - 1.0)
    k = min(int(frame), len(betas) - 1)
    if frame == k:
        return betas[k]
    return betas[k] * math.exp((frame - k) * math.log(betas[k + 1] / betas[k]))
