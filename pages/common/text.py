"""A person's own words, made safe to stand inside Markdown."""

from __future__ import annotations

from typing import Final

LONGEST: Final = 60


def quoted(text: str) -> str:
    """Return text as Markdown code, which interprets nothing: one line of at most LONGEST characters."""
    line = "".join(character if character.isprintable() else " " for character in text).strip() or " "
    line = line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
    return f"`{line.replace('`', 'ˋ')}`"
