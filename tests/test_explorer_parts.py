"""The parts of the explorer by themselves: the nearest image, the film, and what a person uploads."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageSequence
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.runtime.uploaded_file_manager import UploadedFile, UploadedFileRec

from pages.common import upload
from pages.common.caches import Opened, Pack
from pages.common.details import nearest_image
from pages.common.film import RATE, STEPS_A_LEG, path_gif, path_png
from pages.common.plane_state import INTERPOLATIONS, PlaneState
from pages.common.upload import read_upload
from tests.factories import make_images, make_model
from vae_core.data import ImageSet
from vae_core.errors import DataError, LatentExplorerError
from vae_core.export import to_grey
from vae_core.interpolation import path

MODEL = make_model()
near = st.floats(-3, 3, width=32)


def _opened(codes: torch.Tensor, labels: torch.Tensor) -> Opened:
    images, _labels = make_images(len(codes))
    nothing = torch.zeros(len(codes))
    return Opened("tiny", MODEL, ImageSet(images, labels, tuple("0123456789")), codes, nothing, Pack("id", b""))


@given(
    codes=st.lists(st.tuples(near, near), min_size=1, max_size=40),
    z=st.none() | st.tuples(near, near),
    hidden=st.sets(st.integers(0, 10)),
)
def test_no_shown_image_is_nearer_than_the_nearest(
    codes: list[tuple[float, float]], z: tuple[float, float] | None, hidden: set[int]
) -> None:
    labels = torch.arange(len(codes)) % 14 - 2
    opened = _opened(torch.tensor(codes), labels)
    found = nearest_image(opened.codes, opened.images, PlaneState(z=z, hidden=tuple(hidden)))
    kinds = [label if 0 <= label < 10 else 10 for label in labels.tolist()]
    x, y = z or (0.0, 0.0)
    distances = {i: np.hypot(a - x, b - y) for i, (a, b) in enumerate(codes) if kinds[i] not in hidden}
    if found is None:
        assert not distances
    else:
        assert distances[found.index] == pytest.approx(min(distances.values()), abs=1e-9)
        assert list(found.original) == opened.images.images[found.index].flatten().tolist()


@pytest.mark.parametrize("method", INTERPOLATIONS)
@pytest.mark.parametrize("pins", [2, 3, 7, 20])
def test_the_saved_strip_has_the_frames_of_the_plane(method: str, pins: int) -> None:
    places = tuple((0.3 * k, (-1.0) ** k) for k in range(pins))
    strip = np.asarray(Image.open(io.BytesIO(path_png(MODEL, PlaneState(pins=places, interpolation=method)))))
    # As the browser counts them: Math.max(1, Math.round(15 / legs)) steps a leg, and both ends.
    steps = max(1, int(15 / (pins - 1) + 0.5))
    frames = steps * (pins - 1) + 1
    expected = to_grey(MODEL.decode(path(torch.tensor(places), frames, method))).numpy()
    assert strip.shape == (4 * 28, 4 * (29 * frames - 1))
    for number, image in enumerate(expected):
        shown = strip[::4, 4 * 29 * number : 4 * (29 * number + 28) : 4]
        assert np.abs(shown.astype(int) - image).max() <= 1


def test_the_saved_animation_runs_there_and_back() -> None:
    film = Image.open(io.BytesIO(path_gif(MODEL, PlaneState(pins=((-2.0, 0.0), (2.0, 1.0), (0.0, 2.0))))))
    assert sum(1 for _frame in ImageSequence.Iterator(film)) == 4 * STEPS_A_LEG
    assert film.info["duration"] == pytest.approx(1000 / RATE, abs=5)
    assert film.info["loop"] == 0


@pytest.mark.parametrize("pins", [(), ((0.0, 0.0),)])
def test_there_is_no_film_without_a_path(pins: tuple[tuple[float, float], ...]) -> None:
    for save in (path_gif, path_png):
        with pytest.raises(LatentExplorerError, match="two"):
            save(MODEL, PlaneState(pins=pins))


def _file(name: str, content: bytes) -> UploadedFile:
    return UploadedFile(UploadedFileRec(name, name, "application/octet-stream", content), FileURLs())


def _png(grey: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((40, 40), grey, dtype=np.uint8)).save(buffer, format="PNG")
    return buffer.getvalue()


def _zip(**pictures: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, grey in pictures.items():
            archive.writestr(f"{name}.png", _png(grey))
    return buffer.getvalue()


def test_pictures_are_read_in_the_order_they_were_given() -> None:
    names = ["b.png", "a.png", "a.png", "..\\..\\c.png", "/etc/d.png"]
    found = read_upload([_file(name, _png(10 * number)) for number, name in enumerate(names)])
    assert found.images[:, 14, 14].tolist() == [0, 10, 20, 30, 40]
    assert found.labels.tolist() == [-1] * 5


def test_a_zip_is_read_with_its_folders_as_classes() -> None:
    found = read_upload([_file("letters.ZIP", _zip(**{"b/1": 90, "a/1": 30, "a/2": 60}))])
    assert found.classes == ("a", "b")
    assert found.labels.tolist() == [0, 0, 1]
    assert found.images[:, 0, 0].tolist() == [30, 60, 90]


def test_a_data_set_comes_alone() -> None:
    with pytest.raises(DataError, match="upload it alone"):
        read_upload([_file("a.zip", _zip(one=1)), _file("b.png", _png(0))])


def test_an_upload_that_unpacks_to_too_much_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "MAX_UNPACKED", 10)
    with pytest.raises(DataError, match=r"bomb\.npz unpacks to more than 0 MB"):
        read_upload([_file("bomb.npz", _zip(images=0))])


@pytest.mark.parametrize(
    ("name", "content"), [("x.zip", b"PK"), ("x.npz", b"\0" * 99), ("x.png", b"GIF89a"), ("x.zip", _zip())]
)
def test_a_broken_upload_is_named_without_the_place_it_was_put(name: str, content: bytes, tmp_path: Path) -> None:
    with pytest.raises(DataError) as refused:
        read_upload([_file(name, content)])
    assert "x." in str(refused.value)
    assert "/" not in str(refused.value).replace(str(tmp_path), "/")
    assert "latent-explorer-" not in str(refused.value)
