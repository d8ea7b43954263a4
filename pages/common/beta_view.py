"""The any-beta model on its page: what the address may say, what is loaded once, and the plane with its dial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import streamlit as st
import torch
from torch import Tensor

from pages.common import plane_view, state
from pages.common.caches import Pack
from pages.common.details import nearest_image
from pages.common.i18n import _
from pages.common.image_sets import Shown
from pages.common.parameters import PINS, RUN, Parameter, Z, choice
from pages.common.plane import RateMark, RowDigit
from pages.common.plane_axis import beta_at, frame_at
from pages.common.plane_state import PlaneState
from pages.common.plane_view import HIDDEN, MODE, SELECTION, SHOWN
from vae_core import atlas
from vae_core.data import ImageSet
from vae_core.errors import LatentExplorerError, ModelError
from vae_core.models import Autoencoder
from vae_core.registry import DEDICATED, load_model, read_card, rebuild_command

MODEL: Final = "vae-any-beta"
LOWEST: Final = 0.01
HIGHEST: Final = 200.0
USUAL: Final = 1.0
PARTS: Final = ("toolbar", "legend", "inspector", "dial", "row", "rates")
MOST_ROWS: Final = 100
TWICE: Final = (4, 9)
"""The classes of which the row has two digits: their codes overlap first as beta rises."""


def _read_beta(text: str) -> float:
    beta = float(text)
    if not LOWEST <= beta <= HIGHEST:
        raise ValueError(text)
    return beta


def _read_row(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) >= MOST_ROWS:
        raise ValueError(text)
    return int(text)


BETA: Final = Parameter(
    "beta",
    USUAL,
    _read_beta,
    lambda beta: f"{beta:.6g}",
    lambda: _("a number from {low} to {high}, by default {usual}").format(
        low=f"{LOWEST:g}", high=f"{HIGHEST:g}", usual=f"{USUAL:g}"
    ),
)
ROW: Final = Parameter("row", 0, _read_row, str, lambda: _("a whole number below {most}").format(most=MOST_ROWS))
COLOUR: Final = choice("colour", ("digit", "kl"))
PANEL: Final = choice("panel", ("names", "gallery"))
VIEW: Final[tuple[Parameter[Any], ...]] = (BETA, Z, PINS, COLOUR, SHOWN, HIDDEN, MODE, SELECTION, ROW, PANEL, RUN)


@dataclass(frozen=True)
class AnyBeta:
    """The any-beta model with images encoded along beta. Sessions share it: nobody may change it."""

    model: Autoencoder
    images: ImageSet
    betas: Sequence[float]
    positions: Tensor
    """Codes at each of the betas, (K, N, 2)."""
    atlas: Pack

    def codes(self, frame: float) -> Tensor:
        """Return the codes (N, 2) at a frame, blended between two as the browser blends them."""
        k = min(int(frame), len(self.betas) - 2)
        return torch.lerp(self.positions[k], self.positions[k + 1], frame - k)


def open_any_beta(images: Shown) -> AnyBeta:
    """Return the bundled any-beta model with these images encoded at every beta of its card.

    Raises:
        LatentExplorerError: the model cannot be read, or its card says nothing of betas; the message says what to do.
    """
    return _open_any_beta(read_card(MODEL).sha256, images.key, images.images)


@st.cache_resource(max_entries=2, show_spinner=False)
def _open_any_beta(sha256: str, images_key: str, _images: ImageSet) -> AnyBeta:
    extra = dict(read_card(MODEL).extra)
    betas = extra.pop("betas", None)
    if not betas:
        raise ModelError(f"the card of {MODEL} has no betas: rebuild it with `{rebuild_command(MODEL)}`")
    model = load_model(MODEL)
    encoded = atlas.of_any_beta(MODEL, model, _images.images, _images.labels, betas, extra)
    content = atlas.pack(encoded)
    return AnyBeta(model, _images, betas, encoded.positions, Pack(atlas.read_header(content)["id"], content))


def dedicated_marks() -> tuple[list[RateMark], list[str]]:
    """Return the models trained for one beta each, for the chart, and what was wrong with those that are missing."""
    marks, reasons = [], []
    for name in DEDICATED:
        try:
            card = read_card(name)
        except LatentExplorerError as error:
            reasons.append(str(error))
            continue
        if card.beta:
            marks.append(RateMark(name, card.beta, card.figures["kl"], card.figures["reconstruction"]))
    return marks, reasons


def row_indices(labels: Tensor, row: int) -> list[int]:
    """Return which images are in row number ``row``: one of every class and a second of those in TWICE, by class.

    Each row takes the next ones of the data set, from the start again where a class has no more.
    """
    found: list[int] = []
    for kind in range(10):
        own = (labels == kind).nonzero()[:, 0].tolist()
        count = 2 if kind in TWICE else 1
        found += [own[(count * row + k) % len(own)] for k in range(min(count, len(own)))]
    return found


def other_digits() -> None:
    """Go on to the next row of digits."""
    state.put(ROW, (state.get(ROW) + 1) % MOST_ROWS)


def show_plane(opened: AnyBeta, *, key: str, recogniser: str | None, marks: Sequence[RateMark]) -> None:
    """Show the plane as the session has it; where the dial was let go is in the session before the page runs again."""
    images, labels = opened.images.images, opened.images.labels
    frame = frame_at(opened.betas, state.get(BETA))
    plane_view.show_plane(
        opened.atlas.id,
        key=key,
        recogniser=recogniser,
        parts=PARTS,
        frame=frame,
        nearest=nearest_image(opened.codes(frame), opened.images, plane_view.plane_state()),
        row=[
            RowDigit(images[i].flatten().tolist(), str(int(labels[i])), i) for i in row_indices(labels, state.get(ROW))
        ],
        marks=marks,
        on_report=partial(_turned, tuple(opened.betas)),
    )


def _turned(betas: Sequence[float], before: PlaneState, now: PlaneState) -> None:
    # A beta that was typed stays as it was typed while the dial stands there.
    if abs(now.frame - before.frame) > 1e-9:
        state.put(BETA, beta_at(betas, now.frame))
