"""The selected images: how many of each class, and each of them above its reconstruction."""

from __future__ import annotations

import math
from functools import partial
from typing import Final

import streamlit as st
import torch
from torch import Tensor

from pages.common import keys, state
from pages.common.caches import Opened
from pages.common.details import kinds
from pages.common.i18n import _, ngettext
from pages.common.parameters import choice
from pages.common.plane_state import Selection
from vae_core import figures
from vae_core.export import to_grey
from vae_core.sheets import pairs_png

ORDER_CHOICES: Final = ("given", "worst", "best")
ORDER: Final = choice("order", ORDER_CHOICES)
PER_PAGE: Final = 24
COLUMNS: Final = 12


def selected(opened: Opened, selection: Selection | None) -> Tensor:
    """Return the numbers (M,) of the images that are selected, in the order of the data set."""
    if selection is None:
        return torch.empty(0, dtype=torch.int64)
    return _selected(opened.atlas.id, selection.polygon, selection.hidden, opened)


@st.cache_data(max_entries=32, show_spinner=False)
def _selected(
    atlas_id: str, polygon: tuple[tuple[float, float], ...], hidden: tuple[int, ...], _opened: Opened
) -> Tensor:
    labels = kinds(_opened.images.labels).numpy()
    return torch.from_numpy(Selection(polygon, hidden=hidden).mask(_opened.codes.numpy(), labels)).nonzero()[:, 0]


def gallery(opened: Opened, selection: Selection | None) -> None:
    """Show the selection, or how to make one."""
    chosen = selected(opened, selection)
    if selection is None:
        st.markdown(
            _(
                "Nothing is selected yet. Choose **Box** or **Lasso** above the plane and drag around some points, or "
                "hold Shift while you drag."
            )
        )
    elif not len(chosen):
        st.markdown(_("No image lies in this selection. Press Escape on the plane to clear it, or select again."))
    else:
        _show(opened, chosen)


def _show(opened: Opened, chosen: Tensor) -> None:
    head = st.container(horizontal=True, vertical_alignment="center", key="inline-gallery")
    left, right = st.columns([3, 8], gap="large")
    with head:
        ordered = _ordered(opened, chosen, state.get(ORDER))
        some, pages = _page(ordered)
        st.markdown(_shown(some, ordered))
        st.space("stretch")
        st.selectbox(
            _("Order"),
            ORDER_CHOICES,
            key=ORDER.key,
            format_func=_order_title,
            width=320,
            help=_("Images that the model reproduces badly often stand out on the plane"),
        )
    with left:
        chart = figures.counts_per_class(opened.images.labels[chosen].numpy(), opened.images.classes, say=_)
        st.plotly_chart(chart, key="selection.counts", config={"displayModeBar": False})
    with right:
        _show_pairs(opened, some, pages)


def _page(ordered: Tensor) -> tuple[Tensor, int]:
    """The images on this page, and how many pages there are."""
    pages = math.ceil(len(ordered) / PER_PAGE)
    page = st.session_state.get(keys.GALLERY_PAGE, 1)
    if page > pages:  # another selection has fewer
        page = 1
        del st.session_state[keys.GALLERY_PAGE]
    return ordered[(page - 1) * PER_PAGE : page * PER_PAGE], pages


def _shown(some: Tensor, ordered: Tensor) -> str:
    first = st.session_state.get(keys.GALLERY_PAGE, 1) * PER_PAGE - PER_PAGE + 1
    sentence = ngettext("Showing the only image", "Showing {first} to {last} of **{count} images**", len(ordered))
    return sentence.format(first=f"{first:,}", last=f"{first + len(some) - 1:,}", count=f"{len(ordered):,}")


def _show_pairs(opened: Opened, some: Tensor, pages: int) -> None:
    st.image(_sheet(opened.atlas.id, tuple(some.tolist()), opened), alt=_("Images above their reconstructions"))
    errors = opened.errors[some]
    st.caption(
        _("Originals above, reconstructions below. Reconstruction error {low} to {high} nats per image.").format(
            low=f"{errors.min():.1f}", high=f"{errors.max():.1f}"
        )
    )
    with st.container(horizontal=True, vertical_alignment="center", key="compact-gallery"):
        if pages > 1:
            st.pagination(pages, key=keys.GALLERY_PAGE)
        st.space("stretch")
        st.download_button(
            _("Save as PNG"),
            partial(_large_sheet, opened, some),
            f"{opened.name}-selection.png",
            "image/png",
            key="selection.png",
            icon=":material/download:",
            on_click="ignore",
            help=_("Save these images and their reconstructions as one picture."),
        )


def _order_title(order: str) -> str:
    return {
        "given": _("As in the data set"),
        "worst": _("Worst reconstruction first"),
        "best": _("Best reconstruction first"),
    }[order]


def _ordered(opened: Opened, chosen: Tensor, order: str) -> Tensor:
    if order == "given":
        return chosen
    return chosen[opened.errors[chosen].argsort(descending=order == "worst", stable=True)]


@torch.no_grad()
def _pairs(opened: Opened, some: Tensor) -> tuple[Tensor, Tensor]:
    return opened.images.images[some], to_grey(opened.model.decode(opened.codes[some]))


@st.cache_data(max_entries=64, show_spinner=False)
def _sheet(atlas_id: str, some: tuple[int, ...], _opened: Opened) -> bytes:
    return pairs_png(*_pairs(_opened, torch.tensor(some)), columns=COLUMNS)


def _large_sheet(opened: Opened, some: Tensor) -> bytes:
    return pairs_png(*_pairs(opened, some), columns=COLUMNS, scale=4)
