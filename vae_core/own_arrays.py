"""A person's own images as arrays in an .npz file."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from vae_core._torchvision import torchvision
from vae_core.errors import DataError

MAX_ARRAY_BYTES = 2_000_000_000
MAX_IMAGES = 1_000_000
MAX_LABEL = 254
_CHUNK = 2048

_SHAPE = "save it with np.savez(path, images=...), images N x H x W"


def read_npz(path: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Read `images` (N, H, W), uint8 or floats from 0 to 1, and perhaps integer `labels` (N,), from an .npz.

    Returns uint8 images (N, 28, 28), the middle square scaled where H and W are others, and int64 labels
    (N,), all -1 where the file has none.

    Raises:
        DataError: the file is broken, too large, or an array is not of that form.
        OSError: the file cannot be opened.
    """
    arrays = _read_arrays(path)
    images = _images(path, arrays["images"])
    if "labels" not in arrays:
        return images, torch.full((len(images),), -1)
    return images, _labels(path, arrays["labels"], len(images))


def _read_arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {entry.filename.removesuffix(".npy"): entry.file_size for entry in archive.infolist()}
        wanted = [name for name in ("images", "labels") if name in sizes]
        if "images" not in wanted:
            raise DataError(f"{path} holds no array named 'images' but {', '.join(sizes) or 'nothing'}: {_SHAPE}")
        if sum(sizes[name] for name in wanted) > MAX_ARRAY_BYTES:
            raise DataError(f"{path} unpacks to more than {MAX_ARRAY_BYTES // 10**9} GB: save fewer images")
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in wanted}
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, KeyError, struct.error, MemoryError) as error:
        raise DataError(f"{path} is damaged or no .npz of plain arrays ({error}): {_SHAPE}") from error
    except RuntimeError as error:  # encrypted, or an unknown compression
        raise DataError(f"cannot unpack {path} ({error}): {_SHAPE}") from error


def _images(path: Path, images: NDArray[np.generic]) -> torch.Tensor:
    if images.ndim != 3 or 0 in images.shape:
        raise DataError(f"'images' in {path} has the shape {images.shape}: N x H x W is expected, with N at least 1")
    if len(images) > MAX_IMAGES:
        raise DataError(f"{path} holds {len(images):,} images: at most {MAX_IMAGES:,} are read")
    if images.dtype != np.uint8 and images.dtype.kind != "f":
        raise DataError(
            f"'images' in {path} are of the type {images.dtype}: uint8 from 0 to 255 or floats from 0 to 1 are expected"
        )
    return torch.cat([_chunk(path, images[start : start + _CHUNK]) for start in range(0, len(images), _CHUNK)])


def _chunk(path: Path, images: NDArray[np.generic]) -> torch.Tensor:
    if images.dtype != np.uint8:
        low, high = float(images.min()), float(images.max())
        if not 0 <= low <= high <= 1:  # also where either is not a number
            raise DataError(f"'images' in {path} run from {low:g} to {high:g}: floats from 0 to 1 are expected")
        images = (images.astype(np.float32) * 255).round().astype(np.uint8)
    pixels = torch.from_numpy(np.ascontiguousarray(images))
    if pixels.shape[1:] == (28, 28):
        return pixels
    transforms = torchvision("transforms.functional")
    square = transforms.center_crop(pixels[:, None], min(pixels.shape[1:]))
    return transforms.resize(square, [28, 28], antialias=True)[:, 0]  # type: ignore[no-any-return]


def _labels(path: Path, labels: NDArray[np.generic], count: int) -> torch.Tensor:
    if labels.shape != (count,) or labels.dtype.kind not in "iu":
        raise DataError(
            f"'labels' in {path} are {labels.dtype} of the shape {labels.shape}: one integer for each of the "
            f"{count} images is expected"
        )
    if labels.min() < -1 or labels.max() > MAX_LABEL:
        raise DataError(
            f"'labels' in {path} run from {labels.min()} to {labels.max()}: use 0 to {MAX_LABEL}, and -1 for none"
        )
    return torch.from_numpy(labels.astype(np.int64))
