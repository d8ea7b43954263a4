"""Colours: ten that stay apart for colour-blind eyes and on light and dark, the plane's and every chart's."""

from __future__ import annotations

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
"""One colour a class. Petroff 2021, "Accessible color sequences for data visualization", ten colours."""
UNKNOWN = "#787b87"
"""Images without a label, and whatever is the background of a comparison."""
ACCENT = DIGITS[0]


def of_class(number: int) -> str:
    """Return the colour of a class number; the palette repeats after ten, and -1 is no class."""
    return UNKNOWN if number < 0 else DIGITS[number % len(DIGITS)]
