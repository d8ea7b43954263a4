"""Message catalogues for tests, as translators write them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po

Messages = Mapping[str | tuple[str, str], str]


def write_catalogue(folder: Path, language: str, messages: Messages, part: str = "common") -> Path:
    """Write messages (of plural forms: singular and plural) as one file of a language's catalogue; return its path."""
    catalogue = Catalog(locale=language)
    for key, text in messages.items():
        catalogue.add(key, (text,) if isinstance(key, tuple) else text)
    path = folder / language / f"{part}.po"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalogue)
    return path
