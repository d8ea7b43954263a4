"""Images for the browser, read back by the format's own rules."""

from __future__ import annotations

import json
import zlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from tests.factories import make_images
from vae_core.data import binarize_once, to_pixels
from vae_core.image_pack import pack_images

IMAGES, _ = make_images(30)


def unpack(packed: bytes) -> tuple[dict[str, object], NDArray[np.uint8]]:
    """Return the header's entry and the grey levels (N, 784)."""
    length = int.from_bytes(packed[:8], "little")
    header = json.loads(packed[8 : 8 + length])
    first, last = header["pixels"]["data_offsets"]
    grey = np.frombuffer(zlib.decompress(packed[8 + length + first : 8 + length + last]), np.uint8)
    return json.loads(header["__metadata__"]["images"]), grey.reshape(-1, 784)


@pytest.mark.parametrize("pixels", [to_pixels, binarize_once])
def test_the_browser_gets_the_very_pixels_of_the_likelihood(pixels: object) -> None:
    assert callable(pixels)
    x: Tensor = pixels(IMAGES)
    about, grey = unpack(pack_images(x))
    assert about["count"] == len(IMAGES)
    torch.testing.assert_close(torch.tensor(grey / 255, dtype=torch.float32), x.reshape(-1, 784))


def test_other_images_have_another_id() -> None:
    ids = {unpack(pack_images(to_pixels(images)))[0]["id"] for images in (IMAGES, IMAGES[:10], 255 - IMAGES)}
    assert len(ids) == 3


@given(levels=st.lists(st.integers(0, 255), min_size=784, max_size=784))
def test_every_grey_level_comes_back(levels: list[int]) -> None:
    image = torch.tensor(levels, dtype=torch.uint8).reshape(1, 28, 28)
    assert unpack(pack_images(to_pixels(image)))[1].tolist() == [levels]
