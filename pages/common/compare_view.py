"""The shareable view of the comparison: every parameter that its address may have."""

from __future__ import annotations

from typing import Any, Final

from pages.common.i18n import _
from pages.common.parameters import RUN, Parameter, Z, choice, whole
from pages.common.plane_options import LINKS
from pages.common.plane_view import HIDDEN
from pages.common.text import quoted
from vae_core.registry import BUNDLED, CHECKPOINT_NAME
from vae_core.run_folder import list_runs, root

PARTS: Final = ("measures", "reconstructions", "samples", "interpolation", "morph")
DIGITS: Final = tuple("0123456789")
MOST_DRAWS: Final = 1_000_000


def runs() -> list[str]:
    """Return the names of the person's own runs that have a model by now, the newest first."""
    return [run.name for run in list_runs(root()) if _has_name(run.name) and (run / CHECKPOINT_NAME).is_file()]


def _has_name(name: str) -> bool:
    try:
        return name not in BUNDLED and RUN.read(name) == name
    except ValueError:
        return False


def _model(name: str, default: str) -> Parameter[str]:
    def read(text: str) -> str:
        if text not in BUNDLED and text not in runs():
            raise ValueError(text)
        return text

    def expected() -> str:
        names = ", ".join(map(quoted, BUNDLED))
        return _("one of {names}, or the name of a run in {folder}").format(names=names, folder=quoted(root().name))

    return Parameter(name, default, read, str, expected)


def _share(name: str) -> Parameter[float]:
    def read(text: str) -> float:
        if not 0 <= float(text) <= 1:
            raise ValueError(text)
        return float(text)

    return Parameter(name, 0.0, read, lambda share: f"{share:.4g}", lambda: _("a number from 0 to 1"))


MODEL: Final = _model("model", "ae")
OTHER: Final = _model("other", "vae")
LINK: Final = choice("link", LINKS)
PART: Final = choice("part", PARTS)
DRAW: Final = whole("draw", MOST_DRAWS)
FIRST: Final = choice("from", DIGITS, default="3")
LAST: Final = choice("to", DIGITS, default="8")
MORPH: Final = _share("morph")
VIEW: Final[tuple[Parameter[Any], ...]] = (MODEL, OTHER, LINK, Z, HIDDEN, PART, DRAW, FIRST, LAST, MORPH)
