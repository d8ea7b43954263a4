"""The shareable view of the comparison: every parameter that its address may have."""

from __future__ import annotations

from typing import Any, Final

from pages.common.i18n import _
from pages.common.own_models import model_parameter
from pages.common.parameters import Parameter, Z, choice, whole
from pages.common.plane_options import LINKS
from pages.common.plane_view import HIDDEN

PARTS: Final = ("measures", "reconstructions", "samples", "interpolation", "morph")
DIGITS: Final = tuple("0123456789")
MOST_DRAWS: Final = 1_000_000


def _share(name: str) -> Parameter[float]:
    def read(text: str) -> float:
        if not 0 <= float(text) <= 1:
            raise ValueError(text)
        return float(text)

    return Parameter(name, 0.0, read, lambda share: f"{share:.4g}", lambda: _("a number from 0 to 1"))


MODEL: Final = model_parameter("model", "ae")
OTHER: Final = model_parameter("other", "vae")
LINK: Final = choice("link", LINKS)
PART: Final = choice("part", PARTS)
DRAW: Final = whole("draw", MOST_DRAWS)
FIRST: Final = choice("from", DIGITS, default="3")
LAST: Final = choice("to", DIGITS, default="8")
MORPH: Final = _share("morph")
VIEW: Final[tuple[Parameter[Any], ...]] = (MODEL, OTHER, LINK, Z, HIDDEN, PART, DRAW, FIRST, LAST, MORPH)
