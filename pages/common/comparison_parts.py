"""What stands below the two planes: digits, samples, paths and the morph of two models."""

from __future__ import annotations

import base64
from typing import Any, Final

import streamlit as st
import torch
from torch import Tensor

from pages.common import state
from pages.common.caches import Pack
from pages.common.compare_view import DIGITS, DRAW, FIRST, LAST, MORPH, MOST_DRAWS
from pages.common.i18n import _
from pages.common.plane import carry, latent_plane
from pages.common.plane_state import PlaneState, parse
from pages.common.sides import Pair, Side
from vae_core import atlas
from vae_core.comparison import between, draw_noise, from_noise, nats_scale, one_of_each, reconstruct
from vae_core.export import grid_png, png

SAMPLES: Final = 24
COLUMNS: Final = 12
FRAMES: Final = 12
MORPHING: Final = "morph"


def reconstructions(pair: Pair) -> None:
    """Show a test digit of each class, what both models make of it, and the error of each."""
    _draw_again(_("Other digits"), _("Another test digit of each class"))
    rows = _reconstructed(pair[0].key, pair[1].key, state.get(DRAW), pair)
    sides = {side: opened.name for side, opened in zip(("a", "b"), pair, strict=True)}
    config: dict[str, Any] = {"original": st.column_config.ImageColumn(_("Original"))}
    for side, name in sides.items():
        config[f"{side} image"] = st.column_config.ImageColumn(name)
        config[f"{side} nats"] = st.column_config.NumberColumn(_("Nats, {name}").format(name=name), format="%.1f")
        title = _("Squared error, {name}").format(name=name)
        config[f"{side} squared"] = st.column_config.NumberColumn(title, format="%.4f")
    st.dataframe(rows, column_config=config, row_height=64, height="content", hide_index=True, key="reconstructions")
    words = _("Nats: −log p(x|z) at the code. Squared error: mean over pixels, on grey values. Lower is better.")
    if len({nats_scale(opened.model.config.likelihood) for opened in pair}) > 1:
        words += " " + _("These models' nats are of different kinds and do not compare; squared errors do.")
    st.caption(words)


@st.cache_data(max_entries=32, show_spinner=False)
def _reconstructed(first: str, second: str, draw: int, _pair: Pair) -> dict[str, list[Any]]:
    images = _pair[0].images
    chosen = one_of_each(images.labels, draw)
    rows: dict[str, list[Any]] = {"original": [_url(image) for image in images.images[chosen]]}
    for side, opened in zip(("a", "b"), _pair, strict=True):
        made = reconstruct(opened.model, images.images, chosen)
        rows[f"{side} image"] = [_url(image) for image in made.images]
        rows[f"{side} nats"] = made.nats.tolist()
        rows[f"{side} squared"] = made.squared_error.tolist()
    return rows


def _url(image: Tensor) -> str:
    return "data:image/png;base64," + base64.b64encode(png(image, 2)).decode()


def samples(pair: Pair) -> None:
    """Show what both decoders make of the same noise; an AE also of the noise fitted to its codes."""
    _draw_again(_("Draw again"), _("New noise for both decoders"))
    for opened in pair:
        _strip(_("**{name}**, z from N(0, I)").format(name=opened.name), _sampled(opened, fitted=False))
        if not opened.model.is_variational:
            title = _("**{name}**, the same noise scaled to the Gaussian fitted to its codes")
            _strip(title.format(name=opened.name), _sampled(opened, fitted=True))
    if len({opened.model.config.latent_dim for opened in pair}) == 1:
        st.caption(_("Images at the same place come from the same noise; what is shown is the mean of p(x|z)."))
    else:
        st.caption(_("Each from noise of its own latent size; what is shown is the mean of p(x|z)."))


def _sampled(opened: Side, fitted: bool) -> bytes:
    noise = draw_noise(SAMPLES, opened.model.config.latent_dim, state.get(DRAW))
    return grid_png(from_noise(opened.model, noise, opened.codes if fitted else None), COLUMNS, 3)


def interpolation(pair: Pair) -> None:
    """Show the straight path between the codes of the same two digits in both latent spaces."""
    with st.container(horizontal=True, vertical_alignment="center", key="inline-path"):
        for parameter, title in ((FIRST, _("From")), (LAST, _("To"))):
            st.selectbox(title, DIGITS, key=parameter.key, width=140, help=_("Which digit the path leads from or to"))
        _draw_again(_("Other digits"), _("Another test digit of each class"))
    images = pair[0].images
    chosen = one_of_each(images.labels, state.get(DRAW))
    ends = images.images[[chosen[int(state.get(parameter))] for parameter in (FIRST, LAST)]]
    for opened in pair:
        path = between(opened.model, ends, FRAMES)
        frames = torch.cat([ends[:1], path, ends[1:]])
        _strip(_("**{name}**").format(name=opened.name), grid_png(frames, scale=3))
    st.caption(_("First and last: the digits themselves. Between them: their codes decoded, in equal steps."))


def morph(pair: Pair, recogniser: str | None) -> None:
    """Show a plane on which every point moves from its place in one latent space to its place in the other."""
    if any(opened.atlas is None for opened in pair):
        st.markdown(_("A morph leads from one plane to another: both models need a latent size of 2."))
        return
    made = _morphing(pair[0].key, pair[1].key, pair)
    latent_plane(
        made.id,
        key=MORPHING,
        recogniser=recogniser,
        parts=("dial", "legend", "inspector"),
        frame=state.get(MORPH),
        ends=(pair[0].name, pair[1].name),
        rest=False,
        overlays=("labels", "prior"),
        revision=state.revision(),
        on_change=_keep_morph,
    )
    carry(made.content, key="morph-atlas")


def _keep_morph() -> None:
    said = st.session_state[MORPHING].get("view")
    state.put(MORPH, min(1.0, parse(said, PlaneState(frame=state.get(MORPH))).frame))


@st.cache_resource(max_entries=4, show_spinner=False)
def _morphing(first: str, second: str, _pair: Pair) -> Pack:
    a, b = _pair
    made = atlas.pack(atlas.of_pair((a.name, b.name), (a.model, b.model), a.images.images, a.images.labels))
    return Pack(atlas.read_header(made)["id"], made)


def _strip(title: str, picture: bytes) -> None:
    st.markdown(title)
    st.image(picture, alt=title.replace("*", ""))


def _draw_again(title: str, words: str) -> None:
    st.button(title, on_click=_next_draw, icon=":material/casino:", help=words, key="draw-again")


def _next_draw() -> None:
    state.put(DRAW, (state.get(DRAW) + 1) % (MOST_DRAWS + 1))
