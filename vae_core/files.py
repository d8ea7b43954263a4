"""Files that are seen whole or not at all."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from vae_core.errors import LatentExplorerError


def write_atomically(path: Path, content: bytes, makes_folder: bool = True, durable: bool = True) -> None:
    """Put ``content`` at ``path`` so that a reader sees the old file or the new, never a part of one.

    The folder is made where it is missing, unless that would bring back one that somebody has deleted. What is not
    ``durable`` may be lost with the machine's power, for it is not waited until the disk has it.
    Raises LatentExplorerError, naming the file and the cause, where it cannot be written.
    """
    temporary = path.parent / f".{path.name}.{secrets.token_hex(8)}"
    try:
        if makes_folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise LatentExplorerError(
            f"cannot write {path}: {error.strerror or error}; free space or choose another folder"
        ) from error
    finally:
        # Nothing is left to remove after a success; an interruption leaves no half file either.
        with suppress(OSError):
            temporary.unlink()
