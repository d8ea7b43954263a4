"""What a person uploads: files put where vae_core can read them, and its errors told without our folders."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Final

from streamlit.runtime.uploaded_file_manager import UploadedFile

from pages.common.i18n import _
from vae_core.errors import DataError
from vae_core.own_images import ImageSet, read_own_images
from vae_core.pictures import SUFFIXES

ARCHIVES: Final = (".zip", ".npz")
KINDS: Final = tuple(suffix.removeprefix(".") for suffix in (*ARCHIVES, *SUFFIXES))
MAX_MEGABYTES: Final = 50
MAX_UNPACKED: Final = 400_000_000
"""Bytes that an upload may unpack to: several people share the app's memory."""


def read_upload(files: Sequence[UploadedFile]) -> ImageSet:
    """Return the images in a person's files: one zip or .npz, or any number of pictures.

    Raises:
        DataError: they are not, or are broken or too large; the message names the file as the person knows it.
    """
    with tempfile.TemporaryDirectory(prefix="latent-explorer-") as scratch:
        folder = Path(scratch)
        try:
            return read_own_images(_put_down(files, folder))
        except DataError as error:
            raise DataError(_told(str(error), folder)) from error


def _put_down(files: Sequence[UploadedFile], folder: Path) -> Path:
    archives = [file for file in files if PurePosixPath(file.name).suffix.lower() in ARCHIVES]
    if archives and len(files) > 1:
        raise DataError(_("A zip or .npz is a data set by itself: upload it alone, or pictures without it."))
    if archives:
        path = _write(archives[0], folder, _plain_name(archives[0].name))
        _refuse_bomb(path)
        return path
    for number, file in enumerate(files):
        # In the order they were given, and two of one name both.
        _write(file, folder, f"{number:06}-{_plain_name(file.name)}")
    return folder


def _plain_name(name: str) -> str:
    """The last part of a name, whatever system it comes from; what a person calls a file is not a path of ours."""
    return PureWindowsPath(name).name.lstrip(".") or "upload"


def _write(file: UploadedFile, folder: Path, name: str) -> Path:
    path = folder / name
    path.write_bytes(file.getbuffer())
    return path


def _refuse_bomb(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError):
        return  # vae_core says what is wrong with it
    if unpacked > MAX_UNPACKED:
        megabytes = MAX_UNPACKED // 10**6
        raise DataError(
            _("{name} unpacks to more than {megabytes} MB: upload fewer images, or use the command line.").format(
                name=path.name, megabytes=megabytes
            )
        )


def _told(sentence: str, folder: Path) -> str:
    return sentence.replace(f"{folder}/", "").replace(f"{folder}\\", "").replace(str(folder), _("the upload"))
