"""What the plane needs of the server once the pointer rests: the encoded image that is nearest."""

from __future__ import annotations

import torch

from pages.common.caches import Opened
from pages.common.plane import Nearest
from pages.common.plane_state import NO_CLASS, PlaneState, Point

MIDDLE: Point = (0.0, 0.0)
"""Where the plane's cursor stands before anybody has moved it."""


def nearest_image(opened: Opened, shown: PlaneState) -> Nearest | None:
    """Return the encoded image whose code is nearest to the cursor, among the classes shown; None where none is."""
    distances = (opened.codes.double() - torch.tensor(shown.z or MIDDLE, dtype=torch.float64)).square().sum(-1)
    if shown.hidden:
        distances[torch.isin(kinds(opened.images.labels), torch.tensor(shown.hidden))] = torch.inf
    index = int(distances.argmin())
    if not torch.isfinite(distances[index]):
        return None
    return Nearest(index, opened.images.images[index].flatten().tolist())


def kinds(labels: torch.Tensor) -> torch.Tensor:
    """Return the classes (N,) that the plane tells apart: 0 to 9, and NO_CLASS for whatever else a label is."""
    return torch.where((labels >= 0) & (labels < NO_CLASS), labels, NO_CLASS)
