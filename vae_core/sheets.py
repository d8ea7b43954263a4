"""A sheet of images above their reconstructions, as one picture that suits light and dark pages."""

from __future__ import annotations

import io
import math

import numpy as np
from PIL import Image
from torch import Tensor

from vae_core.errors import LatentExplorerError

WITHIN = 1
"""Pixels between an image and its reconstruction, before enlarging."""
BESIDE = 2
"""Pixels between one pair and the next in its row."""
BELOW = 5
"""Pixels between one row of pairs and the next."""
LARGEST_SIDE = 16_000


def pairs_png(originals: Tensor, reconstructions: Tensor, columns: int = 12, scale: int = 2) -> bytes:
    """Return uint8 images (N, H, W), each above its reconstruction, row after row, as a PNG.

    What lies between the images is transparent; each of their pixels is ``scale`` pixels wide.
    Raises LatentExplorerError where there is no image, or the picture would be over 16,000 pixels long.
    """
    count = len(originals)
    if count == 0:
        raise LatentExplorerError("there is no image to show: choose at least one")
    height, width = originals.shape[1:]
    pair, columns = 2 * height + WITHIN, min(columns, count)
    shape = math.ceil(count / columns) * (pair + BELOW) - BELOW, columns * (width + BESIDE) - BESIDE
    if scale * max(shape) > LARGEST_SIDE:
        raise LatentExplorerError(
            f"the picture would be {scale * max(shape)} pixels long: choose fewer images or a scale below {scale}"
        )
    sheet = np.zeros((*shape, 2), dtype=np.uint8)  # grey and opacity
    for number, both in enumerate(zip(originals.numpy(), reconstructions.numpy(), strict=True)):
        top, left = (number // columns) * (pair + BELOW), (number % columns) * (width + BESIDE)
        for image, start in zip(both, (top, top + height + WITHIN), strict=True):
            sheet[start : start + height, left : left + width, 0] = image
            sheet[start : start + height, left : left + width, 1] = 255
    picture = Image.fromarray(sheet).resize((scale * shape[1], scale * shape[0]), Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()
