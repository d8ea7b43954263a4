"""FashionMNIST and KMNIST: downloaded once by torchvision, into a cache folder of the user's."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from vae_core._torchvision import torchvision
from vae_core.errors import DataError, DownloadError

CACHE_VARIABLE = "LATENT_EXPLORER_CACHE"
TORCHVISION_CLASSES = {"fashion-mnist": "FashionMNIST", "kmnist": "KMNIST"}

_PATIENCE = 6.0
"""Seconds to wait for a server: with what comes before and after, an offline machine knows within ten."""


def cache_folder() -> Path:
    """Return the folder that downloads are kept in; `LATENT_EXPLORER_CACHE` names another one."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen).expanduser()
    windows = os.environ.get("LOCALAPPDATA") if sys.platform == "win32" else None
    base = windows or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "latent-explorer"


def read_downloaded(name: str, split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a split of FashionMNIST or KMNIST, downloading the data set if it is not in the cache.

    Returns uint8 images (N, 28, 28) and int64 labels (N,).

    Raises:
        DownloadError: the server cannot be reached or sends something else; nothing half done is left behind.
        DataError: the files in the cache are broken.
    """
    source = getattr(torchvision("datasets"), TORCHVISION_CLASSES[name])
    folder = cache_folder()
    if not (folder / source.__name__).is_dir():
        _download(name, source, folder)
    try:
        dataset = source(folder, train=split == "train")
        images, labels = dataset.data, dataset.targets
    except (OSError, RuntimeError, ValueError, TypeError, AssertionError, KeyError) as error:
        raise _broken(name, folder / source.__name__, str(error) or "not an IDX file") from error
    count = 60_000 if split == "train" else 10_000
    if images.shape != (count, 28, 28) or labels.shape != (count,):
        raise _broken(name, folder / source.__name__, f"{tuple(images.shape)} is not ({count}, 28, 28)")
    return images, labels


def class_names(name: str) -> tuple[str, ...]:
    """Return what the ten labels of FashionMNIST or KMNIST stand for."""
    return tuple(getattr(torchvision("datasets"), TORCHVISION_CLASSES[name]).classes)


def _broken(name: str, folder: Path, why: str) -> DataError:
    return DataError(f"the copy of {name} in {folder} is damaged ({why}): delete that folder and try again")


def _download(name: str, source: Any, folder: Path) -> None:
    """Download beside the final place and move it there in one step, when all of it is good."""
    _reach(name, source.mirrors[0] + source.resources[0][0])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".downloading-") as scratch:
            with _impatient_sockets():
                dataset = source(scratch, download=True)
            for packed in Path(dataset.raw_folder).glob("*.gz"):
                packed.unlink()
            _move(Path(scratch, source.__name__), folder / source.__name__)
    except (OSError, RuntimeError, EOFError, http.client.HTTPException) as error:
        reason = " ".join(str(error).split())
        raise DownloadError(
            f"the download of {name} to {folder} failed ({reason}): check the connection and the disk and try "
            "again; mnist needs no download"
        ) from error


def _move(complete: Path, target: Path) -> None:
    try:
        complete.rename(target)
    except OSError:
        if not target.is_dir():  # else another process was faster, and its copy is as good
            raise


def _reach(name: str, url: str) -> None:
    """Ask the server for the first file's header, and give up in time.

    Name resolution heeds no timeout, so the question is asked from a thread that can be left behind.
    """
    failure: list[str] = ["no answer"]

    def ask() -> None:
        try:
            request = urllib.request.Request(url, method="HEAD")
            with urllib.request.urlopen(request, timeout=_PATIENCE):
                failure.clear()
        except urllib.error.HTTPError as error:
            error.close()
            failure[:] = [str(error)]
        except (OSError, http.client.HTTPException, ValueError) as error:
            failure[:] = [str(getattr(error, "reason", None) or error)]

    thread = threading.Thread(target=ask, name=f"reach-{name}", daemon=True)
    thread.start()
    thread.join(_PATIENCE)
    if failure:
        raise DownloadError(
            f"{name} is not on this machine yet and cannot be downloaded from {url} ({failure[0]}): connect to the "
            "internet and try again, or use mnist, which needs no download"
        )


@contextlib.contextmanager
def _impatient_sockets() -> Iterator[None]:
    """torchvision opens its connections without a timeout; this gives them one, so that a stall ends."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_PATIENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
