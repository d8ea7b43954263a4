"""A person's own images: folders, zips and arrays, read as they are meant or refused with the reason."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image

from vae_core import own_arrays, own_images
from vae_core.data import load_image_set, load_images
from vae_core.errors import DataError

Maker = Callable[[dict[str, bytes]], Path]


def png(value: int = 0, shape: tuple[int, int] = (28, 28)) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full(shape, value, np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def make_folder(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def make_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


@pytest.fixture(params=["folder", "zip"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Maker:
    """Makes the same pictures lie in a folder, or in a zip."""
    if request.param == "folder":
        (tmp_path / "pictures").mkdir()
        return lambda files: make_folder(tmp_path / "pictures", files)
    return lambda files: make_zip(tmp_path / "pictures.ZIP", files)


def read(make: Maker, files: dict[str, bytes]) -> own_images.ImageSet:
    return load_image_set(str(make(files)))


def greys(image_set: own_images.ImageSet) -> list[int]:
    assert image_set.images.dtype == torch.uint8
    assert image_set.labels.dtype == torch.int64
    assert image_set.images.shape == (len(image_set.labels), 28, 28)
    return [int(image[0, 0]) for image in image_set.images]


def test_subfolders_named_by_digits_are_the_labels(make: Maker) -> None:
    read_set = read(make, {"7/a.png": png(70), "3/b.png": png(30), "3/c.JPG": png(31), "10/d.png": png(100)})
    assert dict(zip(greys(read_set), read_set.labels.tolist(), strict=True)) == {100: 10, 30: 3, 31: 3, 70: 7}
    assert read_set.classes == tuple(str(number) for number in range(11))


def test_subfolders_with_other_names_are_classes_in_order(make: Maker) -> None:
    read_set = read(make, {"zebra/1.png": png(1), "Äpfel/2.png": png(2), "apes/x/3.png": png(3), "狗/4.png": png(4)})
    named = {grey: read_set.classes[label] for grey, label in zip(greys(read_set), read_set.labels, strict=True)}
    assert named == {1: "zebra", 2: "Äpfel", 3: "apes", 4: "狗"}
    assert list(read_set.classes) == sorted(read_set.classes)


def test_pictures_without_a_subfolder_have_no_label(make: Maker) -> None:
    read_set = read(make, {"b.png": png(2), "a.png": png(1), "3/c.png": png(3)})
    assert dict(zip(greys(read_set), read_set.labels.tolist(), strict=True)) == {1: -1, 2: -1, 3: 3}


def test_one_picture_is_enough(make: Maker) -> None:
    read_set = read(make, {"größe 1 – ½.png": png(9)})
    assert greys(read_set) == [9]
    assert read_set.labels.tolist() == [-1]
    assert read_set.classes == ()


def test_a_folder_around_everything_is_looked_through(make: Maker) -> None:
    read_set = read(make, {"my digits/inner/4/a.png": png(4), "my digits/inner/5/b.png": png(5)})
    assert read_set.labels.tolist() == [4, 5]


def test_what_is_no_picture_by_its_name_is_passed_over(make: Maker) -> None:
    files = {"1/a.png": png(1), "notes.txt": b"hi", "1/.hidden.png": b"", "__MACOSX/1/._a.png": b"", "1/Thumbs.db": b""}
    assert greys(read(make, files)) == [1]


def test_pictures_of_all_shapes_and_colours_become_28_by_28(make: Maker) -> None:
    colour = io.BytesIO()
    Image.new("RGB", (90, 40), (10, 200, 30)).save(colour, "JPEG")
    read_set = read(make, {"a.jpg": colour.getvalue(), "b.png": png(50, (1, 1)), "c.png": png(60, (5, 3000))})
    assert greys(read_set) == pytest.approx([124, 50, 60], abs=2)


def test_light_and_dark_stay_as_they_are(make: Maker) -> None:
    half = np.zeros((56, 56), np.uint8)
    half[:, 28:] = 200
    stream = io.BytesIO()
    Image.fromarray(half).save(stream, "PNG")
    image = read(make, {"a.png": stream.getvalue()}).images[0]
    assert image[:, :12].max() == 0
    assert image[:, 16:].min() == 200


@pytest.mark.parametrize("files", [{"readme.txt": b"hello"}, {}])
def test_a_place_without_pictures_is_named(make: Maker, files: dict[str, bytes]) -> None:
    with pytest.raises(DataError, match=r"no pictures in .*pictures.*\.png, \.jpg"):
        read(make, files)


@pytest.mark.parametrize("content", [b"", b"not a picture", png()[:40]])
def test_a_broken_picture_is_named_with_where_it_lies(make: Maker, content: bytes) -> None:
    with pytest.raises(DataError, match=r"2/broken\.png in .*pictures.* is (damaged|not a picture)"):
        read(make, {"1/a.png": png(), "2/broken.png": content})


def test_too_many_files_are_refused(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_images, "MAX_FILES", 3)
    with pytest.raises(DataError, match=r"pictures.* holds more than 3 "):
        read(make, {f"{number}.png": png() for number in range(4)})


def test_too_many_classes_are_refused(make: Maker) -> None:
    with pytest.raises(DataError, match="has 256 class folders: use at most 255"):
        read(make, {f"class {number}/a.png": png() for number in range(256)})


def test_a_picture_bomb_among_the_pictures_is_refused(make: Maker) -> None:
    big = png(0, (7100, 7100))
    assert len(big) < 100_000
    with pytest.raises(DataError, match=r"bomb\.png in .* has more than 50 million pixels"):
        read(make, {"bomb.png": big})


def test_a_changed_folder_is_read_again(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, {"1/a.png": png(1)})
    first = load_images(str(folder))
    assert load_images(str(folder))[0] is first[0]
    make_folder(folder, {"2/b.png": png(2)})
    assert load_images(str(folder))[1].tolist() == [1, 2]


def test_a_path_has_no_splits_so_both_are_all_of_it(tmp_path: Path) -> None:
    folder = str(make_folder(tmp_path, {"1/a.png": png(1), "2/b.png": png(2)}))
    assert len(load_images(folder, "train")[0]) == len(load_images(folder, "test")[0]) == 2


def test_a_home_folder_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_folder(tmp_path, {"digits/1/a.png": png(1), "digits/2/a.png": png(2)})
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_images("~/digits")[1].tolist() == [1, 2]


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "digits.csv").write_text("1,2,3")
    with pytest.raises(DataError, match=r"digits\.csv: give a folder of pictures, a \.zip of one, or an \.npz"):
        load_images(str(tmp_path / "digits.csv"))


def test_a_link_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(DataError, match=r"cannot read .*gone\.png: No such file"):
        load_images(str(tmp_path))


@pytest.mark.parametrize(
    "name", ["../evil.png", "a/../../evil.png", "/tmp/evil.png", "..\\evil.png", "C:\\evil.png", "C:evil.png"]
)
def test_a_zip_with_a_path_out_of_it_is_refused_and_writes_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / "inner").mkdir()
    path = make_zip(tmp_path / "inner" / "evil.zip", {name: png()})
    with pytest.raises(DataError, match=r"evil\.zip is refused: its entry .* points outside the zip"):
        load_images(str(path))
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "inner", path]


@settings(max_examples=40)
@given(keep=st.floats(0, 1, exclude_max=True))
def test_a_truncated_zip_is_refused(tmp_path_factory: pytest.TempPathFactory, keep: float) -> None:
    path = make_zip(tmp_path_factory.mktemp("zip") / "half.zip", {f"{digit}/a.png": png(digit) for digit in range(5)})
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(DataError, match=r"half\.zip is damaged or no zip file .*make the zip again"):
        load_images(str(path))


@settings(max_examples=60)
@given(damage=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=5))
def test_a_damaged_zip_is_refused_or_read_and_never_crashes(
    tmp_path_factory: pytest.TempPathFactory, damage: list[tuple[float, int]]
) -> None:
    path = make_zip(tmp_path_factory.mktemp("zip") / "digits.zip", {"3/a.png": png(3), "4/b.png": png(4)})
    content = bytearray(path.read_bytes())
    for place, flip in damage:
        content[int(place * len(content))] ^= flip
    path.write_bytes(content)
    try:
        count = len(load_images(str(path))[0])
    except DataError as error:
        count = 2 if "digits.zip" in str(error) else -1
    assert count in {1, 2}


def test_a_zip_with_a_password_is_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "secret.zip", {"a.png": png()})
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"cannot unpack .*secret\.zip .*without a password"):
        load_images(str(path))


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_zip(tmp_path / "bomb.zip", {"a.png": bytes(30_000_000)})
    assert path.stat().st_size < 100_000
    with pytest.raises(DataError, match=r"bomb\.zip is refused: its entry 'a\.png' unpacks to more than 20 MB"):
        load_images(str(path))
    monkeypatch.setattr(own_images, "MAX_UNPACKED_BYTES", 25_000_000)
    with pytest.raises(DataError, match=r"bomb\.zip unpacks to more than"):
        load_images(str(path))


def test_a_zip_that_lies_about_a_size_is_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "liar.zip", {"a.png": bytes(30_000_000)})
    content = bytearray(path.read_bytes())
    directory = content.index(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = struct.pack("<I", 1000)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"liar\.zip"):
        load_images(str(path))


def test_a_link_inside_a_zip_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(png(200))
    entry = zipfile.ZipInfo("a.png")
    entry.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "links.zip", "w") as archive:
        archive.writestr(entry, str(tmp_path / "secret.png"))
    with pytest.raises(DataError, match=r"a\.png in .*links\.zip is not a picture"):
        load_images(str(tmp_path / "links.zip"))


def save(path: Path, **named: NDArray[np.generic]) -> str:
    np.savez_compressed(path, **named)  # type: ignore[arg-type]
    return str(path)


@given(
    images=arrays.arrays(np.uint8, st.tuples(st.integers(1, 5), st.just(28), st.just(28))),
    labelled=st.booleans(),
)
def test_arrays_of_28_by_28_come_back_as_they_are(
    tmp_path_factory: pytest.TempPathFactory, images: NDArray[np.uint8], labelled: bool
) -> None:
    path = tmp_path_factory.mktemp("npz") / "mine.npz"
    labels = np.arange(len(images), dtype=np.int16)
    named = {"images": images, "labels": labels} if labelled else {"images": images}
    read_images, read_labels = load_images(save(path, **named))
    assert np.array_equal(read_images.numpy(), images)
    assert read_labels.tolist() == (labels.tolist() if labelled else [-1] * len(images))


@given(
    dtype=st.sampled_from([np.float16, np.float32, np.float64]),
    shape=st.tuples(st.integers(1, 3), st.integers(1, 60), st.integers(1, 60)),
    seed=st.integers(0, 99),
)
def test_floating_point_arrays_of_any_size_are_scaled(
    tmp_path_factory: pytest.TempPathFactory, dtype: type[np.floating], shape: tuple[int, int, int], seed: int
) -> None:
    images: NDArray[np.floating] = np.random.default_rng(seed).uniform(0, 1, shape).astype(dtype)
    path = save(tmp_path_factory.mktemp("npz") / "mine.npz", images=images)
    read_images, _ = load_images(path)
    assert read_images.shape == (shape[0], 28, 28)
    assert round(255 * float(images.min())) - 1 <= int(read_images.min())
    assert int(read_images.max()) <= round(255 * float(images.max())) + 1
    if shape[1:] == (28, 28):
        assert np.array_equal(read_images.numpy(), np.round(images.astype(np.float32) * 255).astype(np.uint8))


def test_many_arrays_are_read_in_pieces_without_a_seam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_arrays, "_CHUNK", 4)
    images = np.random.default_rng(0).integers(0, 256, (11, 30, 30), dtype=np.uint8)
    together = load_images(save(tmp_path / "all.npz", images=images))[0]
    alone = [load_images(save(tmp_path / f"{index}.npz", images=images[index : index + 1]))[0] for index in range(11)]
    assert torch.equal(together, torch.cat(alone))


ONE = np.zeros((1, 28, 28), np.uint8)


@pytest.mark.parametrize(
    ("named", "complaint"),
    [
        ({"pictures": ONE}, "holds no array named 'images' but pictures: save it with np.savez"),
        ({}, "holds no array named 'images' but nothing"),
        ({"images": np.zeros((0, 28, 28), np.uint8)}, r"has the shape \(0, 28, 28\).* N at least 1"),
        ({"images": np.zeros((2, 0, 28), np.uint8)}, r"has the shape \(2, 0, 28\)"),
        ({"images": np.zeros((5, 784), np.uint8)}, r"has the shape \(5, 784\): N x H x W is expected"),
        ({"images": np.zeros((5, 28, 28, 3), np.uint8)}, r"has the shape \(5, 28, 28, 3\)"),
        ({"images": np.zeros((28, 28), np.uint8)}, r"has the shape \(28, 28\)"),
        ({"images": ONE.astype(np.int64)}, "are of the type int64: uint8 from 0 to 255 or floats"),
        ({"images": ONE.astype(complex)}, "are of the type complex128"),
        ({"images": ONE + 255.0}, "run from 255 to 255: floats from 0 to 1 are expected"),
        ({"images": ONE - 0.5}, "run from -0.5 to -0.5"),
        ({"images": np.where(np.eye(28) > 0, np.nan, 0.5)[None]}, "run from nan to nan"),
        ({"images": ONE + np.inf}, "run from inf to inf"),
        ({"images": ONE, "labels": np.zeros(2, int)}, r"'labels' in .* are int64 of the shape \(2,\): one integer"),
        ({"images": ONE, "labels": np.zeros(1)}, "'labels' in .* are float64"),
        ({"images": ONE, "labels": np.array(["seven"])}, "'labels' in .* one integer for each of the 1 images"),
        ({"images": ONE, "labels": np.array([255])}, "run from 255 to 255: use 0 to 254, and -1 for none"),
        ({"images": ONE, "labels": np.array([-2])}, "run from -2 to -2"),
        ({"images": np.array([{"a": 1}], dtype=object)}, "is damaged or no .npz of plain arrays .*allow_pickle"),
    ],
)
def test_arrays_of_another_form_are_refused_by_name(
    tmp_path: Path, named: dict[str, NDArray[np.generic]], complaint: str
) -> None:
    path = save(tmp_path / "mine.npz", **named)
    with pytest.raises(DataError, match=complaint) as caught:
        load_images(path)
    assert "mine.npz" in str(caught.value)


def test_too_many_or_too_large_arrays_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "mine.npz", images=np.zeros((3, 28, 28), np.uint8))
    monkeypatch.setattr(own_arrays, "MAX_IMAGES", 2)
    with pytest.raises(DataError, match=r"mine\.npz holds 3 images: at most 2 are read"):
        load_images(path)
    monkeypatch.setattr(own_arrays, "MAX_ARRAY_BYTES", 2000)
    with pytest.raises(DataError, match=r"mine\.npz unpacks to more than"):
        load_images(path)


def test_an_array_that_claims_more_than_it_holds_is_refused(tmp_path: Path) -> None:
    stream = io.BytesIO()
    header = {"descr": "|u1", "fortran_order": False, "shape": (10**9, 10**6, 28)}
    np.lib.format.write_array_header_1_0(stream, header)
    path = make_zip(tmp_path / "liar.npz", {"images.npy": stream.getvalue() + bytes(100)})
    with pytest.raises(DataError, match=r"liar\.npz is damaged"):
        load_images(str(path))


@settings(max_examples=60)
@given(damage=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=5))
def test_a_damaged_npz_is_refused_or_read_and_never_crashes(
    tmp_path_factory: pytest.TempPathFactory, damage: list[tuple[float, int]]
) -> None:
    path = tmp_path_factory.mktemp("npz") / "mine.npz"
    content = bytearray(Path(save(path, images=ONE, labels=np.array([3]))).read_bytes())
    for place, flip in damage:
        content[int(place * len(content))] ^= flip
    path.write_bytes(content)
    try:
        count = len(load_images(str(path))[0])
    except DataError as error:
        count = 1 if "mine.npz" in str(error) else -1
    assert count == 1


@pytest.mark.parametrize("name", ["mine.npz", "mine.zip"])
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(file: object, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", os.fspath(str(file)))

    (tmp_path / name).write_bytes(b"")
    monkeypatch.setattr(zipfile, "ZipFile", refuse)
    with pytest.raises(DataError, match=f"cannot read .*{name}: Permission denied"):
        load_images(str(tmp_path / name))
