"""The beta page: one model of every beta, and a dial that moves its whole latent plane."""

from __future__ import annotations

from functools import partial
from typing import Final

import streamlit as st
import torch

from pages.common import image_sets, state
from pages.common.beta_runs import choose_run, run_marks
from pages.common.beta_view import (
    BETA,
    PANEL,
    ROW,
    VIEW,
    AnyBeta,
    dedicated_marks,
    open_any_beta,
    other_digits,
    row_indices,
    show_plane,
)
from pages.common.choosing import choose
from pages.common.conventions import conventions, shown
from pages.common.details import recogniser
from pages.common.i18n import _
from pages.common.layout import open_page, problem, remark
from pages.common.plane import RateMark, carry
from vae_core.beta_gallery import GALLERY_BETAS, beta_gallery_png
from vae_core.errors import LatentExplorerError

PLANE: Final = "beta-plane"
LATENT_DIM: Final = 2


def open_model() -> AnyBeta | None:
    """Return the any-beta model; where it cannot be shown, say so, and the page goes on without the plane."""
    try:
        return open_any_beta(image_sets.published("mnist", "test"))
    except LatentExplorerError as error:
        problem(_("The any-beta model cannot be shown."), str(error))
        return None


def marks() -> list[RateMark]:
    """Return the dedicated models for the chart; say which are missing."""
    found, reasons = dedicated_marks()
    if reasons:
        remark(_("Some models trained for one beta cannot be shown."), *reasons)
    return found


@st.fragment
def explore(opened: AnyBeta, recogniser_id: str | None, dedicated: list[RateMark]) -> None:
    """Show the plane with its dial and what belongs to it; what is done there runs this part of the page alone."""
    show_plane(opened, key=PLANE, recogniser=recogniser_id, marks=dedicated)
    with st.container(horizontal=True, vertical_alignment="center", key="compact-panels"):
        about = _("What this beta is called elsewhere, or digits at many betas to save as a picture")
        choose(PANEL, _panel_titles(), _("Below the plane"), about)
        st.space("stretch")
        st.button(
            _("Choose other digits"),
            on_click=other_digits,
            key="other-digits",
            help=_("Take the next digits of the test set, one or two of each class"),
        )
    if state.get(PANEL) == "gallery":
        gallery(opened)
    else:
        conventions(state.get(BETA), LATENT_DIM)
    state.publish(VIEW)


def _panel_titles() -> dict[str, str]:
    return {"names": _("What this β is called elsewhere"), "gallery": _("Digits × betas")}


def gallery(opened: AnyBeta) -> None:
    """Show the chosen digits at many betas, the dial's among them, and offer the picture."""
    betas = tuple(sorted({*GALLERY_BETAS, state.get(BETA)}))
    digits = tuple(row_indices(opened.images.labels, state.get(ROW)))
    with st.spinner(_("Decoding the gallery…")):
        st.image(_gallery_png(opened.atlas.id, digits, betas, opened), alt=_("Digits at many betas"))
    named = ", ".join(map(shown, betas))
    st.caption(_("The first column is the digit itself; the next ones have β = {betas}.").format(betas=named))
    st.download_button(
        _("Save as PNG"),
        partial(_large_png, opened, digits, betas),
        "digits-by-beta.png",
        "image/png",
        key="gallery.png",
        icon=":material/download:",
        on_click="ignore",
        help=_("Save these digits and their reconstructions as one picture"),
    )


@st.cache_data(max_entries=32, show_spinner=False)
def _gallery_png(atlas_id: str, digits: tuple[int, ...], betas: tuple[float, ...], _opened: AnyBeta) -> bytes:
    return beta_gallery_png(_opened.model, _opened.images.images[torch.tensor(digits)], betas)


def _large_png(opened: AnyBeta, digits: tuple[int, ...], betas: tuple[float, ...]) -> bytes:
    return beta_gallery_png(opened.model, opened.images.images[torch.tensor(digits)], betas, scale=4)


def main() -> None:
    """Draw the page."""
    state.restore("beta", VIEW)
    open_page(_("Beta"))
    problems = st.container(key="problems")
    st.caption(
        _(
            "Turn the dial: low β keeps each digit's details but leaves gaps between codes; high β crowds them into "
            "the prior until digits blur together."
        )
    )
    with st.container(horizontal=True, key="inline-beta"):
        choose_run()
    place = st.empty()
    with place, st.spinner(_("Encoding 10,000 digits at 33 betas…")), problems:
        opened = open_model()
        pack = recogniser() if opened else None
        dedicated = [*marks(), *run_marks()] if opened else []
    if opened is None:
        conventions(state.get(BETA), LATENT_DIM)
        state.publish(VIEW)
        return
    explore(opened, pack.id if pack else None, dedicated)
    carry(opened.atlas.content, key="beta-atlas")
    if pack:
        carry(pack.content, key="beta-recogniser")


main()
