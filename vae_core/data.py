"""The images a model learns from, resident as uint8, and the two ways a model looks at them."""

from __future__ import annotations

import functools
import threading

import torch

from vae_core.bundled import read_bundled_mnist
from vae_core.errors import DataError

_lock = threading.Lock()


def load_images(name: str = "mnist", split: str = "test") -> tuple[torch.Tensor, torch.Tensor]:
    """Return the images and labels of a data set; all callers share one resident copy, so do not write to it.

    Returns uint8 images (N, 28, 28) and int64 labels (N,), -1 where there is none.

    Raises:
        DataError: the data set is unknown, missing or broken.
    """
    with _lock:
        return _load(name, split)


@functools.cache
def _load(name: str, split: str) -> tuple[torch.Tensor, torch.Tensor]:
    if name != "mnist":
        raise DataError(f"Unknown data set {name!r}; choose mnist.")
    return read_bundled_mnist(split)


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
