"""The images a model learns from, resident as uint8, and the two ways a model looks at them."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import cache
from pathlib import Path

import torch

from vae_core.bundled import read_bundled_mnist
from vae_core.downloads import TORCHVISION_CLASSES, class_names, read_downloaded
from vae_core.errors import DataError
from vae_core.own_images import ImageSet, fingerprint, read_own_images
from vae_core.pictures import picture_to_image

__all__ = [
    "NAMES",
    "SPLITS",
    "ImageSet",
    "binarize_once",
    "load_image_set",
    "load_images",
    "picture_to_image",
    "to_pixels",
    "train_validation_split",
]

NAMES = ("mnist", *TORCHVISION_CLASSES)
SPLITS = ("train", "test")

_RESIDENT_SETS = 6


def load_images(name: str = "mnist", split: str = "test") -> tuple[torch.Tensor, torch.Tensor]:
    """Return the images and labels of a data set: `mnist`, `fashion-mnist`, `kmnist`, or a path to your own.

    A path leads to a folder of pictures, a `.zip` of one, or an `.npz` (vae_core.own_images); it has no
    splits, so all of it is returned for either. The tensors are resident and shared by every caller and
    thread: do not write to them.

    Returns uint8 images (N, 28, 28) and int64 labels (N,), -1 where there is none.

    Raises:
        DataError: the data set is unknown, missing, broken or too large; the message names it and what to do.
    """
    image_set = load_image_set(name, split)
    return image_set.images, image_set.labels


def load_image_set(name: str = "mnist", split: str = "test") -> ImageSet:
    """Return what `load_images` does, with the names of the classes that the labels count."""
    if split not in SPLITS:
        raise DataError(f"unknown split {split!r}: choose {' or '.join(SPLITS)}")
    if name == "mnist":
        return _shelf.get((name, split), lambda: _named(read_bundled_mnist(split), tuple("0123456789")))
    if name in TORCHVISION_CLASSES:
        return _shelf.get((name, split), lambda: _named(read_downloaded(name, split), class_names(name)))
    path = Path(name).expanduser()
    if not name or not os.path.exists(path):  # unlike Path.exists, no error for a name no file can have
        raise DataError(
            f"there is no data set {name!r}: choose {', '.join(NAMES)}, or give the path of a folder, .zip or .npz"
        )
    return _shelf.get((path.resolve(), fingerprint(path)), lambda: read_own_images(path))


def _named(read: tuple[torch.Tensor, torch.Tensor], classes: tuple[str, ...]) -> ImageSet:
    return ImageSet(*read, classes)


class _Shelf:
    """Keeps the sets used last; threads that ask for the same one at once wait for a single reading."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._sets: OrderedDict[Hashable, ImageSet] = OrderedDict()
        self._readers: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, read: Callable[[], ImageSet]) -> ImageSet:
        with self._lock:
            reader = self._readers.setdefault(key, threading.Lock())
        with reader:
            with self._lock:
                if key in self._sets:
                    self._sets.move_to_end(key)
                    return self._sets[key]
            image_set = read()
            with self._lock:
                self._sets[key] = image_set
                if len(self._sets) > self._size:
                    self._readers.pop(self._sets.popitem(last=False)[0], None)
            return image_set


_shelf = _Shelf(_RESIDENT_SETS)


def to_pixels(images: torch.Tensor) -> torch.Tensor:
    """Return images as a model takes them: uint8 (N, 28, 28) in, float32 (N, 1, 28, 28) in [0, 1] out."""
    return images.to(torch.float32, copy=True).div_(255).unsqueeze(1)


def binarize_once(images: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """Return the fixed static binarisation that likelihoods on binarised MNIST are measured on.

    Each pixel is drawn once, Bernoulli(x / 255), by a generator of its own, so that the same images and
    seed always give the same bits (Salakhutdinov and Murray 2008, section 5).

    Takes uint8 (N, 28, 28); returns float32 (N, 1, 28, 28) of zeros and ones.
    """
    return torch.bernoulli(to_pixels(images), generator=torch.Generator().manual_seed(seed))


@cache
def binarisation_levels(seed: int = 0) -> torch.Tensor:
    """Return from which grey level on `binarize_once` makes each pixel of a single image a one, int64 (28, 28).

    A pixel is one where the level is above the draw that this seed has for it, whatever the other pixels are: so
    who knows the levels, from 1 to 256 (never), can binarise alike without the generator.
    """
    flat = torch.arange(256, dtype=torch.uint8).reshape(-1, 1, 1, 1).expand(-1, 1, 28, 28)
    return 256 - torch.cat([binarize_once(image, seed) for image in flat]).sum((0, 1)).long()


def train_validation_split(
    images: torch.Tensor, labels: torch.Tensor, validation: int = 10_000
) -> tuple[tuple[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]:
    """Set the last images aside for validation: MNIST's usual 50,000 and 10,000. Views, nothing is copied.

    Returns (images, labels) to train on, then (images, labels) to validate on.

    Raises:
        DataError: that would leave nothing on one side.
    """
    cut = len(images) - validation
    if not 0 < cut < len(images):
        raise DataError(
            f"cannot set {validation} of {len(images)} images aside for validation: choose a number from 1 to "
            f"{len(images) - 1}"
        )
    return (images[:cut], labels[:cut]), (images[cut:], labels[cut:])
