"""Saved pictures, read back by Pillow."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from vae_core.errors import LatentExplorerError
from vae_core.export import film_gif, grid_png, png, to_grey


def _images(count: int) -> torch.Tensor:
    return torch.randint(0, 256, (count, 28, 28), generator=torch.Generator().manual_seed(0)).to(torch.uint8)


def _read(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def test_grey_is_the_rounded_mean() -> None:
    means = torch.tensor([[[0.0, 0.5], [1.0, 2.0]]]).unsqueeze(1)
    assert to_grey(means).tolist() == [[[0, 128], [255, 255]]]


def test_a_png_holds_exactly_the_pixels() -> None:
    (image,) = _images(1)
    picture = _read(png(image))
    assert picture.mode == "L"
    assert np.array_equal(np.asarray(picture), image.numpy())


def test_a_grid_puts_images_row_after_row() -> None:
    images = _images(5)
    sheet = np.asarray(_read(grid_png(images, columns=3, scale=1)))
    assert sheet.shape == (57, 86)
    assert np.array_equal(sheet[29:57, 29:57], images[4].numpy())
    assert (sheet[29:, 58:] == 255).all()


def test_enlarging_repeats_pixels() -> None:
    images = _images(1)
    sheet = np.asarray(_read(grid_png(images, scale=3)))
    assert np.array_equal(sheet, images[0].numpy().repeat(3, 0).repeat(3, 1))


def test_an_animation_plays_there_and_back() -> None:
    film = _read(film_gif(_images(4), frames_per_second=10))
    assert getattr(film, "n_frames", 1) == 6
    assert film.info["duration"] == 100
    assert film.size == (224, 224)


def test_a_gif_frame_shows_its_image() -> None:
    images = _images(2)
    film = _read(film_gif(images, scale=1))
    film.seek(1)
    assert np.array_equal(np.asarray(film.convert("L")), images[1].numpy())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: grid_png(_images(0)), "no image"),
        (lambda: film_gif(_images(1)), "at least two"),
        (lambda: film_gif(_images(2), frames_per_second=0), "1 to 50"),
        (lambda: grid_png(_images(600), scale=10), "fewer images"),
    ],
)
def test_what_cannot_be_saved_is_refused_with_a_reason(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(LatentExplorerError, match=message):
        call()
