"""MNIST as it ships in assets/mnist: four gzipped IDX files, checked each time they are read."""

from __future__ import annotations

import gzip
import hashlib
import tempfile
import zlib
from pathlib import Path

import torch

from vae_core._torchvision import torchvision
from vae_core.errors import DataError

MNIST_FOLDER = Path(__file__).resolve().parent.parent / "assets" / "mnist"
RESTORE = "git checkout -- assets/mnist"

_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
_LARGEST = 48_000_000
_CHUNK = 1 << 20


def read_bundled_mnist(split: str, folder: Path = MNIST_FOLDER) -> tuple[torch.Tensor, torch.Tensor]:
    """Read one split of the bundled MNIST, `train` (60,000) or `test` (10,000).

    Returns uint8 images (N, 28, 28) and int64 labels (N,).

    Raises:
        DataError: a file is missing, broken or not MNIST's; the message names it and the command that
            restores it.
    """
    stem = {"train": "train", "test": "t10k"}[split]
    mnist = torchvision("datasets.mnist")
    with tempfile.TemporaryDirectory(prefix="latent-explorer-") as scratch:
        # torchvision's readers take the path of an uncompressed file.
        images = _unpack(folder, f"{stem}-images-idx3-ubyte", Path(scratch))
        labels = _unpack(folder, f"{stem}-labels-idx1-ubyte", Path(scratch))
        return mnist.read_image_file(str(images)), mnist.read_label_file(str(labels))


def _unpack(folder: Path, name: str, scratch: Path) -> Path:
    source, target = folder / f"{name}.gz", scratch / name
    digest = hashlib.md5(usedforsecurity=False)
    size = 0
    try:
        with gzip.open(source, "rb") as packed, target.open("wb") as unpacked:
            while (chunk := packed.read(_CHUNK)) and size <= _LARGEST:
                size += len(chunk)
                digest.update(chunk)
                unpacked.write(chunk)
    except FileNotFoundError:
        raise DataError(f"the bundled file {source} is missing; restore it with: {RESTORE}") from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"the bundled file {source} cannot be read as gzip ({error}); restore it with: {RESTORE}"
        ) from error
    if digest.hexdigest() != _MD5[name]:
        raise DataError(
            f"the bundled file {source} has been changed: its contents have md5 {digest.hexdigest()}, "
            f"MNIST's is {_MD5[name]}; restore it with: {RESTORE}"
        )
    return target
