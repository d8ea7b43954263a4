"""What vae_core says went wrong, in the page's language.

vae_core raises finished English sentences, for it serves the command line as well. They are recognised by their
templates, which stand in `reasons.po` with a number for each value; a sentence that is not there stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from pages.common import catalogues
from pages.common.i18n import language

PART: Final = "reasons.po"
_VALUE: Final = re.compile(r"\{\d+\}")


@dataclass(frozen=True)
class _Template:
    """A sentence with places for values, as a pattern that finds them, and its translation."""

    pattern: re.Pattern[str]
    written: int
    """How many of its characters are its own."""
    translation: str


def reason(sentence: str) -> str:
    """Return a sentence of vae_core in the session's language."""
    return _translated(sentence, _templates(language()))


@cache
def _templates(spoken: str) -> Sequence[_Template]:
    """Return a language's templates, those with the most words of their own first."""
    path = catalogues.CATALOGUES / spoken / PART
    try:
        messages = [(str(each.id), str(each.string)) for each in catalogues.read_part(path) if each.id and each.string]
    except catalogues.CatalogueError:  # English has none, and a broken one is reported where all are merged
        return ()
    return sorted((_template(*message) for message in messages), key=lambda known: -known.written)


def _template(english: str, translation: str) -> _Template:
    words = _VALUE.split(english)
    pattern = "(.+?)".join(map(re.escape, words))
    return _Template(re.compile(pattern, re.DOTALL), sum(map(len, words)), translation)


def _translated(sentence: str, templates: Sequence[_Template]) -> str:
    for known in templates:
        if found := known.pattern.fullmatch(sentence):
            # A value may be a sentence itself: what to do, or what went wrong before.
            return known.translation.format(*(_translated(value, templates) for value in found.groups()))
    return sentence
