"""Disks that fail: full, or not to be written to."""

from __future__ import annotations

import builtins
import errno
import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


class _Half:
    """A file on a full disk: what is written gets there by half, and then there is an error."""

    def __init__(self, file: io.IOBase) -> None:
        self.file = file

    def __enter__(self) -> _Half:
        return self

    def __exit__(self, *error: object) -> None:
        self.file.close()

    def write(self, content: bytes) -> int:
        """Write half of it and complain."""
        self.file.write(content[: len(content) // 2])
        self.file.flush()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextmanager
def full(names: str) -> Iterator[None]:
    """Let every file whose name matches find the disk full."""
    wanted, real = re.compile(names), Path.open

    def opened(path: Path, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        file: Any = real(path, mode, *arguments, **options)
        return _Half(file) if set(mode) & set("wax") and wanted.search(path.name) else file

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "open", opened)
        yield


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let nothing in a folder be written, as on a disk that is mounted for reading; root is refused as well."""
    real_open, real_low, real_plain = Path.open, os.open, builtins.open

    def refuse(path: Any) -> None:
        if Path(os.fsdecode(path)).is_relative_to(folder):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    def opened(path: Path, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if set(mode) & set("wax+"):
            refuse(path)
        return real_open(path, mode, *arguments, **options)

    def plain(path: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if set(mode) & set("wax+"):
            refuse(path)
        return real_plain(path, mode, *arguments, **options)

    def low(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            refuse(path)
        return real_low(path, flags, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "open", opened)
        patch.setattr(os, "open", low)
        patch.setattr(builtins, "open", plain)
        yield
