"""MNIST as it ships in assets/mnist: four gzipped IDX files, parsed once and kept unpacked in the cache folder.

Whichever copy is read, its sum is checked. The unpacked one spares every later process, each trainer among them,
torchvision and the unpacking, which take longer than all else that it does before its first step.
"""

from __future__ import annotations

import gzip
import hashlib
import struct
import tempfile
import zlib
from contextlib import suppress
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from vae_core._torchvision import torchvision
from vae_core.downloads import cache_folder
from vae_core.errors import DataError, LatentExplorerError
from vae_core.files import write_atomically

MNIST_FOLDER = Path(__file__).resolve().parent.parent / "assets" / "mnist"
RESTORE = "git checkout -- assets/mnist"

_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
_IMAGES, _LABELS = 2051, 2049
"""What IDX files of images and of labels begin with."""
_LARGEST = 48_000_000
_CHUNK = 1 << 20


def read_bundled_mnist(split: str, folder: Path = MNIST_FOLDER) -> tuple[Tensor, Tensor]:
    """Read one split of the bundled MNIST, `train` (60,000) or `test` (10,000).

    Returns uint8 images (N, 28, 28) and int64 labels (N,).

    Raises:
        DataError: a file is missing, broken or not MNIST's; the message names it and the command that
            restores it.
    """
    stem = {"train": "train", "test": "t10k"}[split]
    kept = cache_folder() / "mnist" / f"{split}.safetensors"
    if folder == MNIST_FOLDER and (known := _read_kept(kept, stem)):
        return known
    images, labels = _parse(folder, stem)
    if folder == MNIST_FOLDER:
        # A cache that cannot be written is no reason not to go on.
        with suppress(LatentExplorerError):
            write_atomically(kept, save({"images": images, "labels": labels.to(torch.uint8)}), durable=False)
    return images, labels


def _read_kept(path: Path, stem: str) -> tuple[Tensor, Tensor] | None:
    """Return what an earlier process has kept; None where there is nothing, or not all of it as it was."""
    try:
        kept = load(path.read_bytes())
        images, labels = kept["images"], kept["labels"]
        # What follows the header of an IDX file is what is kept.
        header = struct.pack(">IIII", _IMAGES, *images.shape), struct.pack(">II", _LABELS, *labels.shape)
    except (OSError, SafetensorError, KeyError, struct.error):
        return None
    for name, head, content in zip(_names(stem), header, (images, labels), strict=True):
        digest = hashlib.md5(head, usedforsecurity=False)
        digest.update(content.contiguous().numpy().data)
        if content.dtype != torch.uint8 or digest.hexdigest() != _MD5[name]:
            return None
    return images, labels.long()


def _names(stem: str) -> tuple[str, str]:
    return f"{stem}-images-idx3-ubyte", f"{stem}-labels-idx1-ubyte"


def _parse(folder: Path, stem: str) -> tuple[Tensor, Tensor]:
    mnist = torchvision("datasets.mnist")
    with tempfile.TemporaryDirectory(prefix="latent-explorer-") as scratch:
        # torchvision's readers take the path of an uncompressed file.
        images, labels = (_unpack(folder, name, Path(scratch)) for name in _names(stem))
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
