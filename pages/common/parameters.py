"""The query parameters of a shareable view: how each is read, checked and written."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pages.common import keys
from pages.common.i18n import _, languages, negotiate, tag
from pages.common.plane_state import FARTHEST, MOST_PINS, Point
from pages.common.text import quoted

T = TypeVar("T")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class Parameter(Generic[T]):
    """One part of the view.

    `read` raises ValueError where the text makes no sense; `expected` says, in Markdown, what would.
    """

    name: str
    default: T
    read: Callable[[str], T]
    write: Callable[[T], str]
    expected: Callable[[], str]

    @property
    def key(self) -> str:
        """The session key that holds the value, and the key of the widget that sets it, where one does."""
        return keys.of_view(self.name)


def choice(name: str, choices: Sequence[str], default: str | None = None) -> Parameter[str]:
    """Return the parameter that is one of some words; the default is the first of them."""

    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(text)
        return text

    return Parameter(name, default or choices[0], read, str, lambda: _one_of(choices))


def optional(name: str, choices: Sequence[str]) -> Parameter[str | None]:
    """Return the parameter that is one of some words or none of them, which is the default."""

    def read(text: str) -> str | None:
        if text and text not in choices:
            raise ValueError(text)
        return text or None

    return Parameter(name, None, read, lambda word: word or "", lambda: _one_of(choices))


def subset(name: str, choices: Sequence[str], default: Sequence[str] = ()) -> Parameter[Sequence[str]]:
    """Return the parameter that is some of these words, with commas between; it may be none of them."""

    def read(text: str) -> tuple[str, ...]:
        wanted = text.split(",") if text else []
        if not set(wanted) <= set(choices):
            raise ValueError(text)
        return tuple(word for word in choices if word in wanted)

    return Parameter(name, tuple(default), read, ",".join, lambda: _some_of(choices))


def whole(name: str, most: int) -> Parameter[int]:
    """Return the parameter that is a whole number from 0, its default, to ``most``."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdecimal()) or len(text) > len(str(most)) or int(text) > most:
            raise ValueError(text)
        return int(text)

    return Parameter(name, 0, read, str, lambda: _("a whole number from 0 to {most}").format(most=most))


def _one_of(choices: Sequence[str]) -> str:
    return _("one of {choices}").format(choices=", ".join(map(quoted, choices)))


def _some_of(choices: Sequence[str]) -> str:
    return _("any of {choices}, with commas between").format(choices=", ".join(map(quoted, choices)))


def _read_number(text: str, farthest: float) -> float:
    if not _NUMBER.fullmatch(text) or not math.isfinite(number := float(text)) or abs(number) > farthest:
        raise ValueError(text)
    return number


def _write_number(number: float) -> str:
    text = f"{number:.4f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def read_point(text: str) -> Point:
    """Read a latent point such as `0.25,-1.5`.

    Raises:
        ValueError: it is not two finite numbers within FARTHEST of zero.
    """
    x, y = text.split(",")
    return _read_number(x, FARTHEST), _read_number(y, FARTHEST)


def write_point(point: Point) -> str:
    """Write a latent point with up to four decimals, finer than a screen shows."""
    return ",".join(map(_write_number, point))


def points(name: str, most: int, least: int = 1) -> Parameter[Sequence[Point]]:
    """Return the parameter that is some latent points such as `0,0~1.5,-2`, or none."""

    def read(text: str) -> tuple[Point, ...]:
        found = tuple(map(read_point, text.split("~"))) if text else ()
        if found and not least <= len(found) <= most:
            raise ValueError(text)
        return found

    def expected() -> str:
        if least > 1:
            return _("{least} to {most} points, as in `0,0~1.5,-2~1,1`").format(least=least, most=most)
        return _("up to {most} points, as in `0,0~1.5,-2`").format(most=most)

    return Parameter(name, (), read, lambda found: "~".join(map(write_point, found)), expected)


def _read_beta(text: str) -> float:
    beta = _read_number(text, 1e6)
    if beta <= 0:
        raise ValueError(text)
    return beta


def _read_run(text: str) -> str:
    if not _RUN.fullmatch(text):
        raise ValueError(text)
    return text


def _read_language(text: str) -> str:
    language = negotiate(text, languages())
    if language is None:
        raise ValueError(text)
    return language


def _point_wanted() -> str:
    return _("two finite numbers up to a million, as in `0.25,-1.5`")


Z: Parameter[Point | None] = Parameter(
    "z", None, read_point, lambda point: write_point(point) if point else "", _point_wanted
)
PINS: Parameter[Sequence[Point]] = points("pins", MOST_PINS)
BETA: Parameter[float | None] = Parameter(
    "beta",
    None,
    _read_beta,
    lambda beta: "" if beta is None else f"{beta:.6g}",
    lambda: _("a number above 0"),
)
RUN: Parameter[str | None] = Parameter(
    "run", None, _read_run, lambda run: run or "", lambda: _("the name of a training run")
)
LANGUAGE: Parameter[str | None] = Parameter(
    "lang",
    None,
    _read_language,
    lambda language: tag(language) if language else "",
    lambda: _one_of([tag(language) for language in languages()]),
)
