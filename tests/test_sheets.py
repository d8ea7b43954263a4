"""Sheets of images above their reconstructions, read back from the PNG."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from vae_core.errors import LatentExplorerError
from vae_core.sheets import BELOW, BESIDE, WITHIN, pairs_png


def _read(png: bytes) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    picture = np.asarray(Image.open(io.BytesIO(png)).convert("LA"))
    return picture[..., 0], picture[..., 1]


def _images(count: int, seed: int) -> torch.Tensor:
    return torch.randint(0, 256, (count, 28, 28), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


@given(count=st.integers(1, 9), columns=st.integers(1, 12))
def test_every_image_stands_above_its_reconstruction(count: int, columns: int) -> None:
    originals, copies = _images(count, 1), _images(count, 2)
    grey, opacity = _read(pairs_png(originals, copies, columns, scale=1))
    across = min(columns, count)
    for number in range(count):
        top, left = number // across * (56 + WITHIN + BELOW), number % across * (28 + BESIDE)
        assert np.array_equal(grey[top : top + 28, left : left + 28], originals[number].numpy())
        below = top + 28 + WITHIN
        assert np.array_equal(grey[below : below + 28, left : left + 28], copies[number].numpy())
    assert (opacity == 255).sum() == count * 2 * 784
    assert set(np.unique(opacity)) <= {0, 255}


def test_each_pixel_is_enlarged_without_blur() -> None:
    originals, copies = _images(2, 1), _images(2, 2)
    small, _ = _read(pairs_png(originals, copies, scale=1))
    large, _ = _read(pairs_png(originals, copies, scale=3))
    assert np.array_equal(large, small.repeat(3, 0).repeat(3, 1))


def test_no_image_and_too_many_are_refused() -> None:
    with pytest.raises(LatentExplorerError, match="at least one"):
        pairs_png(_images(0, 1), _images(0, 1))
    with pytest.raises(LatentExplorerError, match="fewer images"):
        pairs_png(_images(1, 1).expand(2000, 28, 28), _images(1, 1).expand(2000, 28, 28), columns=2)
