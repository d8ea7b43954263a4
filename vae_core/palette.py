"""Colours: ten that stay apart for colour-blind eyes, on light and on dark; the plane's and every chart's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

DIGITS = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
"""Petroff 2021, "Accessible color sequences for data visualization", ten colours; on either theme, those too near the
paper are moved just far enough."""


@dataclass(frozen=True)
class Palette:
    """The colours of one theme, as ``#rrggbb``."""

    digits: tuple[str, ...]
    """One a class."""
    unknown: str
    """Images without a label, and whatever is the background of a comparison."""
    accent: str

    def of_class(self, number: int) -> str:
        """Return the colour of a class number; the ten repeat, and -1 is no class."""
        return self.unknown if number < 0 else self.digits[number % len(self.digits)]


def _moved(changes: Mapping[int, str]) -> tuple[str, ...]:
    return tuple(changes.get(number, colour) for number, colour in enumerate(DIGITS))


# assets/plane/colours.js has the same.
LIGHT = Palette(_moved({1: "#eb8f04", 3: "#92a2a0", 7: "#b29f67", 9: "#3fb0cf"}), unknown="#787b87", accent="#1769aa")
DARK = Palette(_moved({2: "#c22908", 4: "#8e3fc1"}), unknown="#9699a5", accent="#6db3ec")


def for_theme(dark: bool) -> Palette:
    """Return the palette for a dark background, or a light one."""
    return DARK if dark else LIGHT
