"""The shareable view of the comparison: every parameter that its address may have."""

from __future__ import annotations

from typing import Any, Final

from pages.common.parameters import Parameter, Z, choice, whole
from pages.common.plane_options import LINKS
from pages.common.plane_view import HIDDEN
from vae_core.registry import BUNDLED

PARTS: Final = ("measures", "reconstructions", "samples", "interpolation", "morph")
DIGITS: Final = tuple("0123456789")
MOST_DRAWS: Final = 1_000_000
MODEL: Final = choice("model", BUNDLED, default="ae")
OTHER: Final = choice("other", BUNDLED, default="vae")
LINK: Final = choice("link", LINKS)
PART: Final = choice("part", PARTS)
DRAW: Final = whole("draw", MOST_DRAWS)
FIRST: Final = choice("from", DIGITS, default="3")
LAST: Final = choice("to", DIGITS, default="8")
VIEW: Final[tuple[Parameter[Any], ...]] = (MODEL, OTHER, LINK, Z, HIDDEN, PART, DRAW, FIRST, LAST)
