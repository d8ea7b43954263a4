"""A person's own images: a folder, a zip or an .npz, read as 28 x 28 grey and resident as uint8."""

from __future__ import annotations

import hashlib
import lzma
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
import torch

from vae_core.errors import DataError
from vae_core.own_arrays import read_npz
from vae_core.pictures import MAX_PICTURE_BYTES, SUFFIXES, open_picture, square_28

MAX_FILES = 200_000
MAX_UNPACKED_BYTES = 2_000_000_000
MAX_CLASSES = 255


@dataclass(frozen=True)
class ImageSet:
    """Images uint8 (N, 28, 28), labels int64 (N,) with -1 for none, and the names that the labels count."""

    images: torch.Tensor
    labels: torch.Tensor
    classes: tuple[str, ...]


@dataclass(frozen=True)
class _Picture:
    path: PurePosixPath
    read: Callable[[], bytes]


def read_own_images(path: Path) -> ImageSet:
    """Read a person's own images from a folder, a `.zip` or an `.npz`.

    In a folder or zip, pictures below a subfolder belong to the class of its name; where all names are
    numbers the numbers are the labels, else the labels count the sorted names. Pictures beside the
    subfolders have no label. One folder around everything else is looked through. Pictures that are not
    square lose their longer ends. An `.npz` holds `images` (N, H, W), uint8 or floats from 0 to 1, and
    perhaps integer `labels` (N,).

    Raises:
        DataError: the path is none of these, or broken, empty or beyond the limits.
    """
    try:
        if path.is_dir():
            return _read_folder(path)
        if path.suffix.lower() == ".zip":
            return _read_zip(path)
        if path.suffix.lower() == ".npz":
            images, labels = read_npz(path)
            return ImageSet(images, labels, tuple(str(label) for label in range(int(labels.max()) + 1)))
    except OSError as error:
        raise DataError(f"cannot read {error.filename or path}: {error.strerror or error}") from error
    raise DataError(f"cannot read images from {path}: give a folder of pictures, a .zip of one, or an .npz")


def fingerprint(path: Path) -> str:
    """Return what changes when the images at a path do: a digest of names, sizes and times, none opened.

    Raises:
        DataError: the path cannot be read.
    """
    digest = hashlib.sha256()
    try:
        for file in [path] if path.is_file() else [path / name for name in _list_folder(path)]:
            status = file.stat()
            digest.update(f"{file}\0{status.st_size}\0{status.st_mtime_ns}\0".encode(errors="surrogateescape"))
    except OSError as error:
        raise DataError(f"cannot read {error.filename or path}: {error.strerror or error}") from error
    return digest.hexdigest()


def _read_folder(folder: Path) -> ImageSet:
    names = _list_folder(folder)
    return _read_pictures(str(folder), [_Picture(name, partial(_read_file, folder / name)) for name in names])


def _read_file(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(MAX_PICTURE_BYTES + 1)


def _list_folder(folder: Path) -> list[PurePosixPath]:
    names: list[PurePosixPath] = []
    for place, folders, files in os.walk(folder, onerror=_raise):
        folders[:] = [name for name in folders if not name.startswith(".")]
        below = PurePosixPath(Path(place).relative_to(folder).as_posix())
        names += _pictures_among(below / name for name in files)
        if len(names) > MAX_FILES:
            raise DataError(f"{folder} holds more than {MAX_FILES:,} pictures: choose a folder with fewer")
    return sorted(names)


def _raise(error: OSError) -> None:
    raise error


def _read_zip(path: Path) -> ImageSet:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = _checked_entries(path, archive)
            names = sorted(_pictures_among(entries))
            return _read_pictures(str(path), [_Picture(name, partial(archive.read, entries[name])) for name in names])
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError, struct.error) as error:
        raise DataError(f"{path} is damaged or no zip file ({error}): make the zip again") from error
    except RuntimeError as error:  # encrypted, or an unknown compression
        raise DataError(f"cannot unpack {path} ({error}): make the zip again, plain and without a password") from error


def _checked_entries(path: Path, archive: zipfile.ZipFile) -> dict[PurePosixPath, zipfile.ZipInfo]:
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if len(entries) > MAX_FILES:
        raise DataError(f"{path} holds more than {MAX_FILES:,} files: choose a zip with fewer")
    if sum(entry.file_size for entry in entries) > MAX_UNPACKED_BYTES:
        raise DataError(f"{path} unpacks to more than {MAX_UNPACKED_BYTES // 10**9} GB: choose a smaller zip")
    for entry in entries:
        windows = PureWindowsPath(entry.filename)
        if windows.anchor or ".." in windows.parts:
            raise DataError(f"{path} is refused: its entry {entry.filename!r} points outside the zip")
        if entry.file_size > MAX_PICTURE_BYTES and _pictures_among([PurePosixPath(entry.filename)]):
            raise DataError(
                f"{path} is refused: its entry {entry.filename!r} unpacks to more than {MAX_PICTURE_BYTES // 10**6} MB"
            )
    return {PurePosixPath(entry.filename.replace("\\", "/")): entry for entry in entries}


def _pictures_among(names: Iterable[PurePosixPath]) -> list[PurePosixPath]:
    return [
        name
        for name in names
        if name.suffix.lower() in SUFFIXES and not any(part.startswith((".", "__MACOSX")) for part in name.parts)
    ]


def _read_pictures(source: str, pictures: Sequence[_Picture]) -> ImageSet:
    if not pictures:
        raise DataError(f"no pictures in {source}: put some there, ending in {', '.join(SUFFIXES)}")
    labels, classes = _labels(source, [picture.path for picture in pictures])
    images = np.empty((len(pictures), 28, 28), dtype=np.uint8)
    for image, picture in zip(images, pictures, strict=True):
        image[:] = square_28(open_picture(picture.read(), f"{picture.path} in {source}"))
    return ImageSet(torch.from_numpy(images), torch.tensor(labels), classes)


def _labels(source: str, paths: Sequence[PurePosixPath]) -> tuple[list[int], tuple[str, ...]]:
    folders = [path.parts[:-1] for path in paths]
    while len({parts[:1] for parts in folders}) == 1 and all(len(parts) > 1 for parts in folders):
        folders = [parts[1:] for parts in folders]
    names = [parts[0] if parts else None for parts in folders]
    found = sorted({name for name in names if name is not None})
    numbers = [int(name) for name in found if name.isascii() and name.isdigit() and int(name) < MAX_CLASSES]
    if len(numbers) == len(found) == len(set(numbers)):
        classes = tuple(str(number) for number in range(max(numbers, default=-1) + 1))
        return [-1 if name is None else int(name) for name in names], classes
    if len(found) > MAX_CLASSES:
        raise DataError(f"{source} has {len(found)} class folders: use at most {MAX_CLASSES}")
    return [-1 if name is None else found.index(name) for name in names], tuple(found)
