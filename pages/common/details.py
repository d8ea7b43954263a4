"""What the plane needs of the server: the recogniser, and once the pointer rests the encoded image that is nearest."""

from __future__ import annotations

import torch

from pages.common.caches import Pack, open_recogniser
from pages.common.i18n import _
from pages.common.layout import problem
from pages.common.plane import Nearest
from pages.common.plane_state import NO_CLASS, PlaneState, Point
from vae_core.data import ImageSet
from vae_core.errors import LatentExplorerError

MIDDLE: Point = (0.0, 0.0)
"""Where the plane's cursor stands before anybody has moved it."""


def recogniser() -> Pack | None:
    """Return the recogniser; where there is none, say so: a plane works without it, and names nothing."""
    try:
        return open_recogniser()
    except LatentExplorerError as error:
        problem(_("Decoded digits cannot be named."), str(error))
        return None


def nearest_image(codes: torch.Tensor, images: ImageSet, shown: PlaneState) -> Nearest | None:
    """Return the image whose code (N, 2) is nearest to the cursor, among the classes shown; None where none is."""
    distances = (codes.double() - torch.tensor(shown.z or MIDDLE, dtype=torch.float64)).square().sum(-1)
    if shown.hidden:
        distances[torch.isin(kinds(images.labels), torch.tensor(shown.hidden))] = torch.inf
    index = int(distances.argmin())
    if not torch.isfinite(distances[index]):
        return None
    return Nearest(index, images.images[index].flatten().tolist())


def kinds(labels: torch.Tensor) -> torch.Tensor:
    """Return the classes (N,) that the plane tells apart: 0 to 9, and NO_CLASS for whatever else a label is."""
    return torch.where((labels >= 0) & (labels < NO_CLASS), labels, NO_CLASS)
