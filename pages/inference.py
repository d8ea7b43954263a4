"""The inference page: the true posterior of a digit beside the encoder's q, and what lies between ELBO and log p(x)."""

from __future__ import annotations

from functools import partial
from typing import Final

import streamlit as st

from pages.common import caches, image_sets, keys, own_models, state
from pages.common.choosing import choose
from pages.common.details import nearest_image, recogniser
from pages.common.geometry_panel import Plane, geometry_panel
from pages.common.i18n import _
from pages.common.inference_digits import digits_panel
from pages.common.inference_estimators import estimator_panel
from pages.common.inference_gaps import gap_panel, identity, pictures
from pages.common.inference_inpainting import inpainting_panel
from pages.common.inference_layers import layers
from pages.common.inference_view import (
    DIGIT,
    DIGITS,
    MODEL,
    PART,
    SOURCE,
    VIEW,
    Subject,
    drawing,
    input_pack,
    is_exact,
    known_split,
    look,
    subject,
)
from pages.common.layout import open_page, problem, remark
from pages.common.parameters import PINS, Z
from pages.common.plane import carry, latent_plane, pad
from pages.common.plane_layers import Layer
from pages.common.plane_view import COLOUR, HIDDEN, MODE, SHOWN, plane_state, take_over
from pages.common.sides import Side, open_side
from pages.common.text import quoted
from vae_core.registry import list_models, model_problems

PLANE: Final = "inference-plane"
# In these the plane shows a digit's posterior and nothing that comes of more than the digit.
POSTERIOR_PARTS: Final = ("gaps", "estimators", "digits")


def choose_model(names: list[str], images: image_sets.Shown) -> Side | None:
    """Return the model the person asks for; where it cannot be shown, say so and go on with another."""
    wanted = state.get(MODEL)
    order = [wanted, *(name for name in names if name != wanted)]
    opened, errors = caches.first_that_opens(order, partial(open_side, shown=images))
    if opened is None:
        problem(_("No model can be shown."), *dict.fromkeys([*map(str, errors), *model_problems()]))
        return None
    if errors:
        sentence = _("The model {wanted} cannot be shown; {shown} is.")
        problem(sentence.format(wanted=quoted(wanted), shown=quoted(opened.name)), *map(str, errors))
    elif reasons := model_problems():
        remark(_("Some models cannot be shown."), *reasons)
    state.put(MODEL, opened.name)
    return opened


@st.fragment
def infer(side: Side, images: image_sets.Shown, recogniser_id: str | None) -> None:
    """Show one digit's inference; what is done there runs this part of the page alone."""
    with st.container(horizontal=True, vertical_alignment="center", key="inline-digit"):
        choose_digit()
    chosen = subject(side, images)
    above = st.container(key="plane-place")
    geometry = side.atlas is not None and chosen is not None and state.get(PART) == "geometry"
    if side.atlas and not geometry:
        with above:
            _plane(side, images, chosen, recogniser_id, _layers(side, chosen))
    if state.get(SOURCE) == "own":
        pad(PLANE, key="pad")
    if chosen is None:
        st.markdown(_("Draw a digit on the pad to see its posterior."))
    elif is_exact(side):
        left, right = st.columns([6, 7], gap="large", vertical_alignment="center")
        with left:
            pictures(side, chosen, look(side, chosen))
        with right:
            identity(side, chosen)
        _parts(side, chosen, images)
        if geometry:
            # Known once it is measured; until then the plane stays as it is.
            whose = Plane(side.key, side.model, side.codes)
            over = geometry_panel(whose, plane_state().pins, straight_is_drawn=True)
            with above:
                _plane(side, images, chosen, recogniser_id, [*over, *_layers(side, chosen)])
    else:
        _without_grid(side, chosen)
    state.publish(VIEW)


def choose_digit() -> None:
    """Draw what chooses the digit: its number in the test set, or a drawing."""
    sources = {"test": _("Test digit"), "own": _("Draw one")}
    choose(SOURCE, sources, _("Digit"), _("A digit of the test set, or one of your own"))
    if state.get(SOURCE) == "test":
        st.number_input(
            _("Number"), 0, DIGITS - 1, key=DIGIT.key, width=150, help=_("Its place in the test set"),
            label_visibility="collapsed", on_change=_another,
        )  # fmt: skip
        st.caption(_("or click the plane: the digit whose code is nearest is taken"))


def _another() -> None:
    state.put(PINS, ())
    state.put(Z, None)


def _plane(
    side: Side, images: image_sets.Shown, chosen: Subject | None, recogniser_id: str | None, over: list[Layer]
) -> None:
    assert side.atlas is not None
    shown = plane_state()
    found = look(side, chosen) if chosen else None
    pixels = input_pack(side, images)
    # Where nobody points, the cursor stands at the highest mode: beside the plane is what the digit decodes to.
    top = tuple(found.modes.z[0].tolist()) if found else None
    latent_plane(
        side.atlas.id,
        key=PLANE,
        recogniser=recogniser_id,
        z=shown.z or top,
        pins=shown.pins,
        color=shown.color,
        overlays=shown.overlays,
        hidden=shown.hidden,
        mode=shown.mode,
        parts=("toolbar", "legend", "inspector"),
        layers=over,
        images=pixels.id if pixels and state.get(PART) in POSTERIOR_PARTS else None,
        drawing=drawing(side) if state.get(SOURCE) == "own" else None,
        rest=False,
        revision=state.revision(),
        on_change=partial(_take_over, side, chosen.key if chosen else ""),
    )


def _layers(side: Side, chosen: Subject | None) -> list[Layer]:
    """Return what inference lays over the plane; the brush shows a posterior of its own."""
    if chosen is None or state.get(PART) == "inpainting":
        return []
    return layers(look(side, chosen), known_split(side, chosen) if state.get(PART) == "gaps" else None)


def _take_over(side: Side, image: str) -> None:
    before, now = take_over(PLANE, (Z, PINS, COLOUR, SHOWN, HIDDEN, MODE))
    if st.session_state.get(keys.DRAWN) != now.drawn:
        # Another drawing has other modes, and the cursor is to stand at the highest.
        state.put(Z, None)
    st.session_state[keys.DRAWN] = now.drawn
    if now.brushed is not None:
        st.session_state[keys.BRUSHED] = (image, now.brushed)
    if now.pins and now.pins != before.pins:
        # A geodesic runs between two places: from the digit before to this one.
        state.put(PINS, now.pins[-2:] if state.get(PART) == "geometry" else now.pins[-1:])
        nearest = nearest_image(side.codes, side.images, plane_state())
        if nearest is not None and nearest.index < DIGITS:
            state.put(DIGIT, nearest.index)
            state.put(SOURCE, "test")


def _parts(side: Side, chosen: Subject, images: image_sets.Shown) -> None:
    choose(PART, _part_titles(), _("Below"), _("What is looked at under the plane"))
    part = state.get(PART)
    if part == "gaps":
        gap_panel(side, chosen)
    elif part == "estimators":
        estimator_panel(side, chosen)
    elif part == "digits":
        digits_panel(side, images)
    elif not side.atlas:
        st.markdown(_("This needs a plane, and this model's latent space is none."))
    elif part == "inpainting":
        inpainting_panel(side, chosen, PLANE)


def _without_grid(side: Side, chosen: Subject) -> None:
    """Show what is defined where no grid is: bounds and estimates of log p(x)."""
    sentence = _(
        "A latent space of {size} dimensions is too large for a grid: the evidence, the posterior and the gap have no "
        "exact values here. What is left are estimates and bounds from samples."
    )
    st.caption(sentence.format(size=side.model.config.latent_dim))
    estimator_panel(side, chosen)


def _part_titles() -> dict[str, str]:
    return {
        "gaps": _("The gap"),
        "estimators": _("Estimators"),
        "digits": _("Digits by gap"),
        "inpainting": _("Inpainting"),
        "geometry": _("Geometry"),
    }


def main() -> None:
    """Draw the page."""
    state.restore("inference", VIEW)
    open_page(_("Inference"))
    problems = st.container(key="problems")
    bar = st.container(horizontal=True, vertical_alignment="center", key="inline-bar")
    names = [*(card.name for card in list_models()), *own_models.runs()]
    with problems, st.spinner(_("Opening the model…")):
        images = image_sets.published("mnist", "test")
        side = choose_model(names, images)
        pack = recogniser() if side else None
    if side is None:
        return
    with bar:
        st.selectbox(
            _("Model"), names, key=MODEL.key, width=260, format_func=own_models.title,
            help=_("Whose inference is looked at: a bundled model's, or that of a run of your own"),
        )  # fmt: skip
    infer(side, images, pack.id if pack else None)
    if side.atlas:
        carry(side.atlas.content, key="atlas")
    if pixels := input_pack(side, images):
        carry(pixels.content, key="images")
    if pack:
        carry(pack.content, key="recogniser")


main()
