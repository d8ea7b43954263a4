"""Message catalogues for tests, in the binary form that gettext reads."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

MAGIC = 0x950412DE
HEADER = "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals={nplurals}; plural={plural};\n"


def write_catalogue(
    folder: Path, language: str, messages: Mapping[str, str], nplurals: int = 2, plural: str = "n != 1"
) -> None:
    """Write messages (of plural forms: singular NUL plural, to forms with NUL between) as a .mo file."""
    from pages.common.i18n import DOMAIN

    entries = sorted({"": HEADER.format(nplurals=nplurals, plural=plural), **messages}.items())
    keys, values = ([text.encode() for text in column] for column in zip(*entries, strict=True))
    start = 28 + 16 * len(entries)
    blob, tables = b"", b""
    for column in (keys, values):
        for text in column:
            tables += struct.pack("<II", len(text), start + len(blob))
            blob += text + b"\0"
    head = struct.pack("<7I", MAGIC, 0, len(entries), 28, 28 + 8 * len(entries), 0, 0)
    target = folder / language / "LC_MESSAGES" / f"{DOMAIN}.mo"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(head + tables + blob)
