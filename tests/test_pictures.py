"""Pictures a person brings: made to look like MNIST's digits, or refused with the reason."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from vae_core import pictures
from vae_core.data import load_images, picture_to_image
from vae_core.errors import DataError

Bytes = NDArray[np.uint8]


def encode(picture: Image.Image | Bytes, format: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(stream, format, **options)
    return stream.getvalue()


def digit(index: int) -> Bytes:
    pixels: Bytes = load_images("mnist", "test")[0][index].numpy()
    return pixels


def drawing(index: int = 0, side: int = 280) -> Bytes:
    """A digit as it might be drawn: large, dark on light paper, not in the middle."""
    large = Image.fromarray(255 - digit(index)).resize((side, side), Image.Resampling.BICUBIC)
    paper = Image.new("L", (2 * side, side + side // 2), 255)
    paper.paste(large, (side // 2, side // 3))
    return np.asarray(paper)


def photograph(index: int, slope: float = 40, seed: int = 0) -> Bytes:
    """The drawing in light that slopes from left to right, with the grain of a small camera."""
    plain = drawing(index) * 0.5 + 60
    grain = np.random.default_rng(seed).normal(0, 3, plain.shape)
    light = np.linspace(-slope, slope, plain.shape[1])
    return np.clip(plain + light + grain, 0, 255).astype(np.uint8)


def difference(one: Bytes, other: Bytes) -> float:
    """Mean difference in grey levels, where a centre of mass between two pixels may fall to either."""
    shifts = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    return min(float(np.abs(np.roll(one, shift, (0, 1)) - other.astype(float)).mean()) for shift in shifts)


def convert(picture: Image.Image | Bytes, format: str = "PNG", **options: object) -> Bytes:
    image: Bytes = picture_to_image(encode(picture, format, **options)).numpy()
    assert image.shape == (28, 28)
    assert image.dtype == np.uint8
    return image


def image_or_refusal(content: bytes) -> Bytes | str:
    try:
        image: Bytes = picture_to_image(content).numpy()
    except DataError as error:
        return str(error)
    return image


def test_a_digit_of_mnist_comes_back_as_it_is() -> None:
    # All but the rare one with a stray mark, which is taken for dirt on the paper.
    changed = [index for index in range(0, 10_000, 20) if difference(convert(digit(index)), digit(index)) >= 2]
    assert len(changed) <= 5


@given(st.integers(0, 9_999))
def test_dark_ink_on_light_paper_is_the_same_digit(index: int) -> None:
    assert np.array_equal(convert(255 - digit(index)), convert(digit(index)))


@given(index=st.integers(0, 9_999), dark=st.integers(0, 120), light=st.integers(160, 255))
def test_faint_contrast_is_stretched(index: int, dark: int, light: int) -> None:
    faint = (dark + digit(index) / 255 * (light - dark)).round().astype(np.uint8)
    assert difference(convert(faint), digit(index)) < 3


def test_large_drawings_off_the_middle_become_the_digits_they_show() -> None:
    mine = [difference(convert(drawing(index)), digit(index)) for index in range(60)]
    others = [difference(digit(index + 1), digit(index)) for index in range(60)]
    assert np.mean(mine) < 10
    assert np.mean(mine) < np.mean(others) / 3
    assert max(mine) < 20


@settings(max_examples=25)
@given(index=st.integers(0, 999), slope=st.floats(-50, 50), seed=st.integers(0, 100))
def test_a_sloping_light_and_grain_leave_no_paper_behind(index: int, slope: float, seed: int) -> None:
    image = convert(photograph(index, slope, seed))
    assert difference(image, convert(drawing(index))) < 16
    assert image[[0, 0, -1, -1], [0, -1, 0, -1]].max() == 0
    assert np.mean(image == 0) > 0.4


def test_a_speck_of_dust_does_not_shrink_the_digit() -> None:
    dusty = drawing().copy()
    dusty[5:8, 5:8] = 0
    assert difference(convert(dusty), convert(drawing())) < 2


MODES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "1": lambda picture: picture.convert("1", dither=Image.Dither.NONE),
    "L": lambda picture: picture,
    "LA": lambda picture: picture.convert("LA"),
    "P": lambda picture: picture.convert("P"),
    "RGB": lambda picture: picture.convert("RGB"),
    "RGBA": lambda picture: picture.convert("RGBA"),
    "I;16": lambda picture: Image.fromarray(np.asarray(picture).astype(np.uint16) * 257),
}


@pytest.mark.parametrize("mode", MODES)
def test_every_kind_of_png_shows_the_same_digit(mode: str) -> None:
    assert difference(convert(MODES[mode](Image.fromarray(drawing()))), convert(drawing())) < 10


@pytest.mark.parametrize("format", ["JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM"])
def test_every_kind_of_file_shows_the_same_digit(format: str) -> None:
    assert difference(convert(drawing(), format), convert(drawing())) < 4


def test_printers_colours_and_floating_point_greys_are_read() -> None:
    drawn = Image.fromarray(drawing())
    assert difference(convert(drawn.convert("CMYK"), "JPEG"), convert(drawn)) < 6
    floating = Image.fromarray(drawing().astype(np.float32) / 255)
    assert difference(convert(floating, "TIFF"), convert(drawn)) < 2


def test_ink_on_transparent_ground_lies_on_white_paper() -> None:
    ink = np.zeros((*drawing().shape, 4), np.uint8)
    ink[..., 3] = 255 - drawing()
    assert difference(convert(ink), convert(drawing())) < 2
    palette = Image.fromarray(np.where(drawing() < 128, 1, 0).astype(np.uint8)).convert("P")
    palette.putpalette([0, 0, 0, 0, 0, 0])  # black ink on ground that is black, but transparent
    assert difference(convert(palette, transparency=0), convert(drawing())) < 12


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [(3, Image.Transpose.ROTATE_180), (6, Image.Transpose.ROTATE_90), (8, Image.Transpose.ROTATE_270)],
)
def test_a_camera_held_sideways_is_set_upright(orientation: int, turn: Image.Transpose) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    held = Image.fromarray(drawing()).transpose(turn)
    assert difference(convert(held, "JPEG", quality=95, exif=exif), convert(drawing())) < 2


def test_a_large_photograph_is_no_trouble() -> None:
    large = Image.fromarray(drawing()).resize((6000, 4500))
    assert difference(convert(large, "JPEG"), convert(drawing())) < 4


@given(arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=40), elements=st.integers(0, 255)))
def test_any_picture_becomes_a_centred_digit_or_is_refused(pixels: Bytes) -> None:
    answer = image_or_refusal(encode(pixels))
    if isinstance(answer, str):
        assert "no digit stands out" in answer
        return
    image = answer.astype(float)
    assert image.max() == 255
    rows, columns = np.flatnonzero(image.sum(1)), np.flatnonzero(image.sum(0))
    for lines, profile in ((rows, image.sum(1)), (columns, image.sum(0))):
        assert np.ptp(lines) < 20
        centre = profile @ np.arange(28) / profile.sum()
        assert abs(centre - 14) < 1 or lines[0] == 0 or lines[-1] == 27


@pytest.mark.parametrize("value", [0, 100, 255])
@pytest.mark.parametrize("shape", [(1, 1), (28, 28), (300, 2)])
def test_a_blank_picture_is_refused(value: int, shape: tuple[int, int]) -> None:
    with pytest.raises(DataError, match="no digit stands out in the picture"):
        convert(np.full(shape, value, np.uint8))


def test_a_page_of_dots_is_refused() -> None:
    page = np.full((300, 300), 255, np.uint8)
    for row in range(10, 300, 20):
        for column in range(10, 300, 20):
            page[row : row + 6, column : column + 6] = 0
    with pytest.raises(DataError, match="no digit stands out in the picture, only many small spots"):
        convert(page)


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
def test_floating_point_greys_that_are_no_grey_are_refused_or_passed_over(value: float) -> None:
    floating = drawing().astype(np.float32) / 255
    floating[0, 0] = value
    answer = image_or_refusal(encode(Image.fromarray(floating), "TIFF"))
    assert isinstance(answer, str) or difference(answer, convert(drawing())) < 2


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\x89PNG"]
)
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(DataError, match=r"the picture is (not a picture this app can read: use PNG|damaged)"):
        picture_to_image(content)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_half_a_picture_is_refused(format: str) -> None:
    whole = encode(drawing(), format)
    with pytest.raises(DataError, match=r"the picture is (damaged|not a picture)"):
        picture_to_image(whole[: len(whole) // 2])


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few kilobytes that claims, and unpacks to, as many pixels as asked."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    packer = zlib.compressobj(9)
    rows = packer.compress(bytes(width // 8 + 1) * min(height, 2000)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [7_072, 10_000, 15_000, 65_535, 2**31 - 1])
def test_a_picture_bomb_is_refused_unopened(side: int) -> None:
    content = bomb(side, side) if side < 10**6 else bomb(64, 64)[:16] + struct.pack(">II", side, side)
    with pytest.raises(DataError, match=r"the picture (has more than 50 million pixels|is not a picture|is damaged)"):
        picture_to_image(content)


def test_a_file_over_the_limit_is_refused() -> None:
    with pytest.raises(DataError, match="the picture is larger than 20 MB"):
        picture_to_image(encode(drawing()) + bytes(pictures.MAX_PICTURE_BYTES))


@given(
    format=st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM"]),
    damage=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=8),
)
def test_damaged_bytes_are_refused_or_read_and_never_crash(format: str, damage: list[tuple[float, int]]) -> None:
    content = bytearray(encode(digit(0), format))
    for place, flip in damage:
        content[int(place * len(content))] ^= flip
    answer = image_or_refusal(bytes(content))
    assert "\n" not in answer if isinstance(answer, str) else answer.shape == (28, 28)


@given(arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=60), elements=st.integers(0, 255)))
def test_for_a_data_set_a_picture_is_scaled_between_its_own_greys(pixels: Bytes) -> None:
    square = pictures.square_28(Image.fromarray(pixels))
    assert square.shape == (28, 28)
    assert square.dtype == np.uint8
    assert pixels.min() <= square.min()
    assert square.max() <= pixels.max()


@given(extra=st.integers(0, 30), tall=st.booleans(), seed=st.integers(0, 100))
def test_for_a_data_set_the_middle_square_is_kept_as_it_is(extra: int, tall: bool, seed: int) -> None:
    shape = (28 + extra, 28) if tall else (28, 28 + extra)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    square = pictures.square_28(Image.fromarray(pixels))
    start = round(extra / 2)
    inside = pixels[start : start + 28] if tall else pixels[:, start : start + 28]
    assert np.array_equal(square, inside)


@given(arrays.arrays(np.bool_, arrays.array_shapes(min_dims=2, max_dims=2, max_side=30)))
def test_spots_are_the_connected_parts_of_a_mask(mask: NDArray[np.bool_]) -> None:
    spots = pictures._spots(mask)
    expected, count = ndimage.label(mask, structure=np.ones((3, 3)))
    assert np.array_equal(spots == 0, expected == 0)
    assert len(np.unique(spots[mask])) == count
    assert len({*zip(spots[mask].tolist(), expected[mask].tolist(), strict=True)}) == count


def test_a_long_spiral_is_one_spot() -> None:
    side = 101
    spiral = np.zeros((side, side), bool)
    row, column, steps = 0, 0, (0, 1)
    spiral[0, 0] = True
    for length in [side - 1, *np.repeat(np.arange(side - 1, 1, -2), 2).tolist()]:
        for _ in range(length):
            row, column = row + steps[0], column + steps[1]
            spiral[row, column] = True
        steps = (steps[1], -steps[0])
    assert spiral.sum() > 4000
    assert len(np.unique(pictures._spots(spiral))) == 2
