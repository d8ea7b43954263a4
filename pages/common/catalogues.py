"""The message catalogues: `locale/<language>/<part>.po`, merged into one gettext translation for each language."""

from __future__ import annotations

import gettext
import io
import logging
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

CATALOGUES: Final = Path(__file__).resolve().parent.parent / "locale"
_LOG: Final = logging.getLogger(__name__)


class CatalogueError(Exception):
    """A catalogue cannot be read; the message names the file and what is wrong with it."""


def parts(folder: Path, language: str) -> list[Path]:
    """Return the files that a language's catalogue consists of."""
    return sorted((folder / language).glob("*.po"))


def read_part(path: Path) -> Catalog:
    """Return one file of a catalogue.

    Raises:
        CatalogueError: it is not there, not in UTF-8 or no PO file.
    """
    try:
        with path.open("rb") as file:
            return read_po(file, locale=path.parent.name, charset="utf-8", abort_invalid=True)
    except (PoFileError, OSError, ValueError) as error:
        raise CatalogueError(f"{path.parent.name}/{path.name}: {error}") from error


def merge(folder: Path, language: str) -> gettext.NullTranslations:
    """Return a language's catalogue, all its files together.

    What a file that cannot be read would have said is said in English: a slip of a translator stops nobody.
    """
    merged = Catalog(locale=language)
    for path in parts(folder, language):
        try:
            part = read_part(path)
        except CatalogueError:
            _LOG.exception("A catalogue cannot be read; its texts are shown in English.")
            continue
        for message in part:
            if message.id and not message.fuzzy:
                merged.add(message.id, message.string, context=message.context)
    compiled = io.BytesIO()
    write_mo(compiled, merged)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
