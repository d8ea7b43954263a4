"""Pictures to keep: decoded images as a PNG, a strip or grid of them, or an animated GIF."""

from __future__ import annotations

import io
import math

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vae_core.errors import LatentExplorerError

GAP = 1
"""Pixels of background between the images of a grid, before enlarging."""
LARGEST_SIDE = 16_000


def to_grey(images: Tensor) -> Tensor:
    """Return uint8 images (N, H, W), grey = round(255 * mean), for means (N, 1, H, W) or (N, H, W) in [0, 1]."""
    flat = images.reshape(-1, *images.shape[-2:])
    return (flat.clamp(0, 1) * 255).round().to(torch.uint8)


def _encode(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _enlarge(image: Image.Image, scale: int) -> Image.Image:
    if max(image.size) * scale > LARGEST_SIDE:
        raise LatentExplorerError(
            f"the picture would be {max(image.size) * scale} pixels long: choose fewer images or a scale below {scale}"
        )
    return image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)


def png(image: Tensor, scale: int = 1) -> bytes:
    """Return one uint8 image (H, W) as a grey PNG, each pixel ``scale`` pixels wide."""
    return _encode(_enlarge(Image.fromarray(image.numpy()), scale))


def grid_png(images: Tensor, columns: int | None = None, scale: int = 4, background: int = 255) -> bytes:
    """Return uint8 images (N, H, W) as one grey PNG, row after row; a single row without ``columns``.

    Raises LatentExplorerError where there is no image, or the picture would be over 16,000 pixels long.
    """
    count = len(images)
    if count == 0:
        raise LatentExplorerError("there is no image to save: choose at least one")
    columns = min(columns or count, count)
    height, width = images.shape[1:]
    rows = math.ceil(count / columns)
    sheet = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP), background, dtype=np.uint8)
    for number, image in enumerate(images.numpy()):
        top, left = (number // columns) * (height + GAP), (number % columns) * (width + GAP)
        sheet[top : top + height, left : left + width] = image
    return _encode(_enlarge(Image.fromarray(sheet), scale))


def film_gif(images: Tensor, frames_per_second: float = 12.0, scale: int = 8, there_and_back: bool = True) -> bytes:
    """Return uint8 images (N, H, W) as an endless animated GIF, by default played forwards and then backwards.

    Raises LatentExplorerError where there are fewer than two images, or the rate is not between 1 and 50 a second.
    """
    if len(images) < 2:
        raise LatentExplorerError("an animation needs at least two images: pin two places on the plane")
    if not 1 <= frames_per_second <= 50:
        raise LatentExplorerError(f"a GIF cannot play {frames_per_second:g} images a second: choose 1 to 50")
    frames = [_enlarge(Image.fromarray(image), scale) for image in images.numpy()]
    if there_and_back:
        frames += frames[-2:0:-1]
    buffer = io.BytesIO()
    # GIF counts time in hundredths of a second.
    duration = 10 * round(100 / frames_per_second)
    frames[0].save(buffer, format="GIF", save_all=True, append_images=frames[1:], duration=duration, loop=0)
    return buffer.getvalue()
