"""The bundled data, the one resident copy of it, and the ways a model looks at it."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save

import vae_core
from vae_core import bundled, data
from vae_core.downloads import CACHE_VARIABLE
from vae_core.errors import DataError, LatentExplorerError

FILES = sorted(bundled.MNIST_FOLDER.glob("*.gz"))


@pytest.fixture
def mnist_copy(tmp_path: Path) -> Path:
    """A copy of the bundled files that a test may damage."""
    for file in FILES:
        shutil.copy(file, tmp_path)
    return tmp_path


def test_the_bundled_test_split_is_mnist() -> None:
    images, labels = vae_core.load_images("mnist", split="test")
    assert images.shape == (10_000, 28, 28)
    assert images.dtype == torch.uint8
    assert labels.dtype == torch.int64
    assert labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    # Mean and standard deviation as every MNIST tutorial normalises by, within the split's own spread.
    assert float(images.double().mean()) / 255 == pytest.approx(0.1325, abs=5e-4)


def test_the_training_split_has_its_well_known_mean_and_deviation() -> None:
    images, labels = data.load_images("mnist", "train")
    assert images.shape == (60_000, 28, 28)
    assert labels.bincount().tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    pixels = images.numpy()
    assert pixels.mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert pixels.std() / 255 == pytest.approx(0.3081, abs=5e-5)


def test_the_readme_beside_the_bundled_files_gives_the_sums_they_have() -> None:
    readme = (bundled.MNIST_FOLDER / "README.md").read_text("utf-8")
    assert len(FILES) == 4
    for file in FILES:
        content = gzip.decompress(file.read_bytes())
        assert f"| {file.stem} | {len(content):,} | {hashlib.md5(content).hexdigest()} |" in readme
    assert "Attribution-ShareAlike 3.0" in readme


def test_every_caller_and_thread_shares_one_copy() -> None:
    with ThreadPoolExecutor(8) as pool:
        sets = list(pool.map(lambda _: data.load_images("mnist", "test")[0], range(16)))
    assert all(images is sets[0] for images in sets)


def test_threads_that_ask_at_once_wait_for_one_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = 0
    started = threading.Barrier(4)

    def read(split: str) -> tuple[torch.Tensor, torch.Tensor]:
        nonlocal readings
        readings += 1
        return torch.zeros(1, 28, 28, dtype=torch.uint8), torch.zeros(1, dtype=torch.int64)

    def ask(_: int) -> torch.Tensor:
        started.wait()
        return data.load_images("mnist", "test")[0]

    monkeypatch.setattr(data, "_shelf", data._Shelf(2))
    monkeypatch.setattr(data, "read_bundled_mnist", read)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, range(4)))
    assert readings == 1
    assert all(answer is answers[0] for answer in answers)


def test_only_the_sets_used_last_stay_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "_shelf", data._Shelf(2))
    paths = [tmp_path / f"{number}.npz" for number in range(3)]
    for path in paths:
        np.savez(path, images=np.zeros((1, 28, 28), np.uint8))
    first, second, third = (data.load_images(str(path))[0] for path in paths)
    assert data.load_images(str(paths[2]))[0] is third
    assert data.load_images(str(paths[1]))[0] is second
    assert data.load_images(str(paths[0]))[0] is not first


def test_a_failed_reading_is_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    path.write_bytes(b"not yet")
    with pytest.raises(DataError):
        data.load_images(str(path))
    np.savez(path, images=np.zeros((3, 28, 28), np.uint8))
    assert len(data.load_images(str(path))[0]) == 3


@pytest.mark.parametrize("name", ["minst", "", "cifar10", "../nowhere", "\0", "é" * 300])
def test_an_unknown_data_set_is_named_beside_the_known_ones(name: str) -> None:
    with pytest.raises(LatentExplorerError, match="choose mnist, fashion-mnist, kmnist, or give the path"):
        data.load_images(name)


def test_an_unknown_split_is_named_beside_the_known_ones() -> None:
    with pytest.raises(DataError, match="unknown split 'tset': choose train or test"):
        data.load_images("mnist", "tset")


def test_a_missing_bundled_file_is_named_with_the_command_that_restores_it(mnist_copy: Path) -> None:
    (mnist_copy / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte\.gz is missing.*git checkout -- assets/mnist"):
        bundled.read_bundled_mnist("test", mnist_copy)


@pytest.mark.parametrize("keep", [0, 5, 100, 4000])
def test_a_truncated_bundled_file_is_named_with_the_command_that_restores_it(mnist_copy: Path, keep: int) -> None:
    file = mnist_copy / "t10k-labels-idx1-ubyte.gz"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte\.gz .*git checkout -- assets/mnist"):
        bundled.read_bundled_mnist("test", mnist_copy)


@settings(max_examples=40)
@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the test split is kept unpacked, once it has been read."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache" / "mnist" / "test.safetensors"


def _refuse(name: str) -> None:
    raise AssertionError(f"{name} is imported again")


def test_what_was_parsed_once_is_read_without_torchvision(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = bundled.read_bundled_mnist("test")
    assert kept.exists()
    monkeypatch.setattr(bundled, "torchvision", _refuse)
    again_images, again_labels = bundled.read_bundled_mnist("test")
    assert torch.equal(again_images, images)
    assert torch.equal(again_labels, labels)
    assert (again_images.dtype, again_labels.dtype) == (torch.uint8, torch.int64)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: b"",
        lambda content: content[:-5000] + bytes([content[-5000] ^ 1]) + content[-4999:],
        lambda content: save({"images": torch.zeros(10, 28, 28, dtype=torch.uint8)}),
        lambda content: save({"images": torch.zeros(3), "labels": torch.zeros(3, 4, 5)}),
    ],
    ids=["truncated", "empty", "a bit changed", "no labels", "other shapes"],
)
def test_a_damaged_copy_in_the_cache_is_made_again(kept: Path, damage: Callable[[bytes], bytes]) -> None:
    images, labels = bundled.read_bundled_mnist("test")
    good = kept.read_bytes()
    kept.write_bytes(damage(good))
    again_images, again_labels = bundled.read_bundled_mnist("test")
    assert torch.equal(again_images, images)
    assert torch.equal(again_labels, labels)
    assert kept.read_bytes() == good


def test_a_cache_that_cannot_be_written_is_done_without(kept: Path) -> None:
    kept.parent.parent.write_text("no folder")
    images, _ = bundled.read_bundled_mnist("test")
    assert images.shape == (10_000, 28, 28)


@given(place=st.integers(0, 4516), flip=st.integers(1, 255))
def test_a_changed_byte_never_yields_other_labels(
    tmp_path_factory: pytest.TempPathFactory, place: int, flip: int
) -> None:
    folder = tmp_path_factory.mktemp("mnist")
    for file in FILES:
        (folder / file.name).symlink_to(file)
    name = "t10k-labels-idx1-ubyte.gz"
    content = bytearray((bundled.MNIST_FOLDER / name).read_bytes())
    content[place] ^= flip
    (folder / name).unlink()
    (folder / name).write_bytes(content)
    try:
        _, labels = bundled.read_bundled_mnist("test", folder)
    except DataError as error:
        refusal = str(error)
    else:  # a byte of the gzip header that carries no data, such as its time stamp
        assert torch.equal(labels, data.load_images("mnist", "test")[1])
        return
    assert name in refusal
    assert bundled.RESTORE in refusal


def test_well_formed_gzip_of_other_bytes_is_refused_before_it_fills_the_disk(mnist_copy: Path) -> None:
    bomb = gzip.compress(bytes(60_000_000), 9)
    (mnist_copy / "t10k-images-idx3-ubyte.gz").write_bytes(bomb)
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte\.gz has been changed"):
        bundled.read_bundled_mnist("test", mnist_copy)


@given(st.lists(st.integers(0, 255), min_size=1, max_size=3))
def test_pixels_are_the_grey_values_over_255(values: list[int]) -> None:
    images = torch.tensor(values, dtype=torch.uint8)[:, None, None].expand(-1, 28, 28)
    pixels = data.to_pixels(images)
    assert pixels.shape == (len(values), 1, 28, 28)
    assert pixels.dtype == torch.float32
    assert pixels[:, 0, 3, 4].tolist() == pytest.approx([value / 255 for value in values])


def test_making_pixels_leaves_the_resident_images_alone() -> None:
    images = torch.full((2, 28, 28), 255.0)
    data.to_pixels(images)
    assert float(images.min()) == 255


def test_the_static_binarisation_is_the_same_each_time_and_undisturbed_by_global_seeds() -> None:
    images, _ = data.load_images("mnist", "test")
    first = data.binarize_once(images[:500])
    torch.manual_seed(5)
    assert torch.equal(first, data.binarize_once(images[:500]))
    assert not torch.equal(first, data.binarize_once(images[:500], seed=1))
    assert first.shape == (500, 1, 28, 28)
    assert first.unique().tolist() == [0, 1]


@given(shade=st.integers(0, 2**31 - 1), seed=st.integers(0, 3))
def test_the_levels_of_the_static_binarisation_are_those_it_goes_by(shade: int, seed: int) -> None:
    image = torch.randint(0, 256, (1, 28, 28), generator=torch.Generator().manual_seed(shade)).to(torch.uint8)
    assert torch.equal(image >= data.binarisation_levels(seed), data.binarize_once(image, seed)[0] == 1)


def test_the_static_binarisation_draws_each_pixel_with_its_own_probability() -> None:
    levels = torch.tensor([0, 25, 128, 230, 255], dtype=torch.uint8)
    bits = data.binarize_once(levels[:, None, None].expand(-1, 28, 28).repeat(1, 8, 1).view(40, 28, 28))
    shares = bits.view(5, -1).mean(1)
    spread = 4 * (levels / 255 * (1 - levels / 255) / bits.view(5, -1).shape[1]).sqrt()
    assert ((shares - levels / 255).abs() <= spread).all()
    assert shares[0] == 0
    assert shares[-1] == 1


@given(count=st.integers(2, 50), validation=st.integers(1, 49))
def test_the_validation_split_is_the_end_of_the_data_and_copies_nothing(count: int, validation: int) -> None:
    images, labels = torch.arange(count), torch.arange(count) * 2
    if validation >= count:
        with pytest.raises(DataError, match=f"cannot set {validation} of {count} images aside"):
            data.train_validation_split(images, labels, validation)
        return
    (train, train_labels), (held_out, held_out_labels) = data.train_validation_split(images, labels, validation)
    assert torch.cat([train, held_out]).tolist() == list(range(count))
    assert torch.cat([train_labels, held_out_labels]).tolist() == list(range(0, 2 * count, 2))
    assert len(held_out) == validation
    assert train.data_ptr() == images.data_ptr()
    assert held_out.untyped_storage().data_ptr() == images.untyped_storage().data_ptr()


def test_mnist_splits_into_the_usual_fifty_and_ten_thousand() -> None:
    (train, _), (validation, _) = data.train_validation_split(*data.load_images("mnist", "train"))
    assert (len(train), len(validation)) == (50_000, 10_000)
