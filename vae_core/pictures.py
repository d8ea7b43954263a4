"""Pictures a person brings: opened safely, and a drawn or photographed digit made to look like MNIST's."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from torch.nn import functional as F

from vae_core._torchvision import torchvision
from vae_core.errors import DataError

MAX_PICTURE_BYTES = 20_000_000
MAX_PICTURE_PIXELS = 50_000_000
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")

_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
_KINDS = "PNG, JPEG, WebP, GIF, BMP, TIFF or PPM"
_NO_DIGIT = "no digit stands out in the picture"
_SIDE = 28
_BOX = 20
_WORKING_SIDE = 256
_LEAST_CONTRAST = 16.0
_ROUNDING = 2.0
"""Grey levels that a plain background may stray by rounding."""
_BRIGHT = 75
"""The percentile of a digit's inked pixels that is white: in MNIST a quarter of them nearly are."""
_FAINT = 0.1
"""Ink fainter than this is part of a stroke only beside darker ink; elsewhere it is shadow."""
_SPECK = 0.02
"""A spot with less than this share of all ink is dust."""

Grey = NDArray[np.float32]


def picture_to_image(data: bytes) -> torch.Tensor:
    """Return an uploaded picture of one digit as MNIST would show it: uint8 (28, 28), light on black.

    The picture is set upright, transparency becomes white paper, an even slope of light is taken off, dark
    ink on light paper is inverted, and the contrast stretched. The digit is then cropped, scaled into a
    20 x 20 box and placed with its centre of mass in the middle, as the digits of MNIST are
    (LeCun et al. 1998, section III.A).

    Raises:
        DataError: this is no picture, is too large, or nothing stands out in it.
    """
    grey = open_picture(data, "the picture")
    grey.thumbnail((_WORKING_SIDE, _WORKING_SIDE), Image.Resampling.BOX)
    digit = _boxed(_strokes(_ink(np.asarray(grey, dtype=np.float32))))
    return torch.from_numpy(np.round(_centred(digit) * 255).astype(np.uint8))


def open_picture(data: bytes, name: str) -> Image.Image:
    """Return a picture in eight-bit grey (Pillow's mode "L"), upright, with white where it is transparent.

    Raises:
        DataError: it is empty, no picture, broken or beyond the limits; the message begins with `name`.
    """
    if len(data) > MAX_PICTURE_BYTES:
        raise DataError(f"{name} is larger than {MAX_PICTURE_BYTES // 10**6} MB: save it smaller and try again")
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            if image.width * image.height > MAX_PICTURE_PIXELS:
                raise _too_many_pixels(name)
            image.draft("L", (2 * _WORKING_SIDE, 2 * _WORKING_SIDE))  # large JPEGs decode to less
            return _grey(ImageOps.exif_transpose(image))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels(name) from None
    except UnidentifiedImageError:
        raise DataError(f"{name} is not a picture this app can read: use {_KINDS}") from None
    except (OSError, ValueError, TypeError, SyntaxError, IndexError, UserWarning, struct.error, zlib.error) as error:
        raise DataError(f"{name} is damaged ({error}): save it again as PNG or JPEG") from error


def square_28(grey: Image.Image) -> NDArray[np.uint8]:
    """Return a grey picture as uint8 (28, 28): its middle square, scaled; light and dark stay as they are."""
    transforms = torchvision("transforms.functional")
    square = transforms.center_crop(grey, min(grey.size))
    return np.asarray(transforms.resize(square, [_SIDE, _SIDE], antialias=True))


def _too_many_pixels(name: str) -> DataError:
    return DataError(f"{name} has more than {MAX_PICTURE_PIXELS // 10**6} million pixels: scale it down and try again")


def _grey(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(_eight_bit(np.array(image, dtype=np.float32)))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        paper = Image.new("L", image.size, 255)
        paper.paste(image.convert("L"), mask=image.getchannel("A"))
        return paper
    return image.convert("L")


def _eight_bit(values: Grey) -> NDArray[np.uint8]:
    """Sixteen-bit and floating-point greys: Pillow's own conversion would clip them at 255."""
    np.nan_to_num(values, copy=False, posinf=0, neginf=0)
    largest = values.max()
    values *= 255 if largest <= 1 else 1 if largest <= 255 else 255 / 65535
    return values.round(out=values).clip(0, 255, out=values).astype(np.uint8)


def _ink(grey: Grey) -> Grey:
    """How much ink (0 to 1) lies on each spot of a picture (H, W) of greys 0 to 255."""
    paper, noise = _paper(grey)
    ink = grey - paper
    if -ink.min() > ink.max():
        ink = -ink
    strength = float(ink.max()) - noise
    if strength < _LEAST_CONTRAST:
        raise DataError(f"{_NO_DIGIT}: use darker ink, or light from one side only")
    stretched: Grey = np.clip((ink - noise) / strength, 0, 1)
    return stretched


def _paper(grey: Grey) -> tuple[Grey, float]:
    """The background (H, W) as a plane through the picture's rim, and how far its grain strays from it."""
    rows, columns = np.indices(grey.shape, dtype=np.float32) / max(grey.shape)
    width = max(1, min(grey.shape) // 16)
    rim = np.ones(grey.shape, dtype=bool)
    rim[width:-width, width:-width] = False
    terms = np.stack([np.ones_like(rows), rows, columns], axis=-1)
    plane = np.array([np.median(grey[rim]), 0, 0], dtype=np.float32)
    grain = 0.0
    for _ in range(3):  # each time without what a stroke over the rim adds
        stray = grey[rim] - terms[rim] @ plane
        kept = np.abs(stray) <= max(4.5 * float(np.median(np.abs(stray))), _ROUNDING)
        if kept.sum() < rim.sum() / 2:
            break
        grain = 4 * float(stray[kept].std())
        plane = np.linalg.lstsq(terms[rim][kept], grey[rim][kept], rcond=None)[0].astype(np.float32)
    return terms @ plane, grain


def _strokes(ink: Grey) -> Grey:
    """The ink (H, W) cut out around its strokes, without dust and shadow."""
    spots = _spots(ink > _FAINT)
    masses = np.bincount(spots.ravel(), ink.ravel())
    masses[0] = 0
    large = (masses >= _SPECK * masses.sum()) & (masses > 0)
    if not large.any():
        raise DataError(f"{_NO_DIGIT}, only many small spots: draw or photograph a single digit")
    strokes = np.where(_grown(large[spots]) > 0, ink, np.float32(0))
    rows, columns = np.flatnonzero(strokes.any(1)), np.flatnonzero(strokes.any(0))
    return strokes[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _spots(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """A number for each connected spot of a mask (H, W), diagonals counting as connected, and 0 outside.

    Each place takes the largest number around it, then the number that the place of that number has by now,
    so that a few rounds suffice even for a spiral.
    """
    spots = np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0)
    while True:
        spread = np.where(mask, _grown(spots), 0)
        if np.array_equal(spread, spots):
            return spots
        spots = np.where(mask, spread.ravel()[spread - 1], 0)


def _grown(values: NDArray[np.generic]) -> NDArray[np.int64]:
    """The largest of the nine values around each place."""
    spread = F.max_pool2d(torch.from_numpy(values.astype(np.float32))[None], 3, stride=1, padding=1)[0]
    return spread.numpy().astype(np.int64)


def _boxed(digit: Grey) -> Grey:
    """The digit with its longer side 20 pixels long, its strokes as bright as before they were scaled."""
    size = [max(1, round(side * _BOX / max(digit.shape))) for side in digit.shape]
    if list(digit.shape) == size:
        return digit
    resize = torchvision("transforms.functional").resize
    scaled: Grey = resize(torch.from_numpy(digit)[None], size, antialias=True)[0].numpy()
    scaled /= scaled.max()
    bright = np.float32(np.percentile(scaled[scaled > _FAINT], _BRIGHT))
    brightened: Grey = np.minimum(scaled / bright, np.float32(1))
    return brightened


def _centred(digit: Grey) -> Grey:
    image = np.zeros((_SIDE, _SIDE), dtype=np.float32)
    starts = []
    for axis, length in enumerate(digit.shape):
        profile = digit.sum(1 - axis)
        centre = float(profile @ np.arange(length)) / float(profile.sum())
        starts.append(min(max(round(_SIDE / 2 - centre), 0), _SIDE - length))
    top, left = starts
    image[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    return image
