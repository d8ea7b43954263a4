"""The comparison: two models' latent planes with one pointer, and what each makes of the same digits and noise."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from pages.common import caches, image_sets, keys, own_models, state
from pages.common.choosing import choose
from pages.common.compare_view import LINK, MODEL, OTHER, PART, VIEW
from pages.common.comparison_parts import interpolation, morph, reconstructions, samples
from pages.common.details import recogniser
from pages.common.i18n import _
from pages.common.layout import open_page, problem, remark
from pages.common.measures import measures
from pages.common.parameters import Parameter, Z
from pages.common.plane import Link, carry, latent_plane
from pages.common.plane_view import HIDDEN, plane_state, take_over
from pages.common.sides import Pair, Side, limits, measured, open_side
from pages.common.text import quoted
from vae_core.registry import list_models, model_problems

KEYS = ("plane-first", "plane-second")


def choose_model(
    parameter: Parameter[str], beside: Parameter[str], names: list[str], images: image_sets.Shown
) -> Side | None:
    """Return the model asked for on one side; where it cannot be shown, say so and go on with another.

    That is the one of the other side only where there is no third.
    """
    wanted = state.get(parameter)
    others = sorted((name for name in names if name != wanted), key=lambda name: name == state.get(beside))
    opened, errors = caches.first_that_opens([wanted, *others], partial(open_side, shown=images))
    if opened is None:
        problem(_("No model can be shown."), *dict.fromkeys([*map(str, errors), *model_problems()]))
        return None
    if errors:
        sentence = _("The model {wanted} cannot be shown; {shown} is.")
        problem(sentence.format(wanted=quoted(wanted), shown=quoted(opened.name)), *map(str, errors))
    state.put(parameter, opened.name)
    return opened


def controls(names: list[str], linked: bool) -> None:
    """Draw what is chosen for the whole page: both models, and what their pointers share if there are two."""
    for parameter, title in ((MODEL, _("Left")), (OTHER, _("Right"))):
        st.selectbox(
            title,
            names,
            key=parameter.key,
            width=220,
            format_func=own_models.title,
            help=_("The model whose plane is on this side"),
        )
    if not linked:
        return
    about = _("What both planes show under one pointer: the same z, the same digit, or each its own")
    choose(LINK, _link_titles(), _("Shared pointer"), about)


def _link_titles() -> dict[str, str]:
    return {"coordinate": _("Same place"), "image": _("Same digit"), "none": _("Off")}


@st.fragment
def planes(pair: Pair, recogniser_id: str | None) -> None:
    """Show both planes; the pointer is shared in the browser, without the server."""
    for number, (column, side) in enumerate(zip(st.columns(2, gap="large"), pair, strict=True)):
        with column:
            st.markdown(_("**{name}**").format(name=side.name))
            if side.atlas:
                _show_plane(number, side.atlas.id, recogniser_id)
            else:
                sentence = _("A latent space of {size} dimensions is no plane.")
                st.caption(sentence.format(size=side.model.config.latent_dim))
    state.publish(VIEW)


def _show_plane(number: int, atlas: str, recogniser_id: str | None) -> None:
    shown, link = plane_state(), state.get(LINK)
    # By digit, or each by itself, z is a place of the left plane only.
    placed = number == 0 or link == "coordinate"
    latent_plane(
        atlas,
        key=KEYS[number],
        recogniser=recogniser_id,
        z=shown.z if placed else None,
        hidden=shown.hidden,
        parts=("legend", "inspector"),
        link=Link("compare", link),
        rest=False,
        revision=state.revision(),
        on_change=partial(_take_over, KEYS[number], (HIDDEN, Z) if placed else (HIDDEN,)),
    )


def _take_over(key: str, kept: tuple[Parameter[Any], ...]) -> None:
    take_over(key, kept)


@st.fragment
def below(pair: Pair, recogniser_id: str | None) -> None:
    """Show one part of the comparison; the others are not computed."""
    choose(PART, _part_titles(), _("Below the planes"), _("What is compared under the planes"))
    part = state.get(PART)
    if part == "measures":
        measures(measured(pair[0]), measured(pair[1]))
    elif part == "morph":
        morph(pair, recogniser_id)
    else:
        {"reconstructions": reconstructions, "samples": samples, "interpolation": interpolation}[part](pair)
    state.publish(VIEW)


def _part_titles() -> dict[str, str]:
    return {
        "measures": _("Measures"),
        "reconstructions": _("Reconstructions"),
        "samples": _("Samples"),
        "interpolation": _("Interpolation"),
        "morph": _("Morph"),
    }


def _start() -> None:
    """Bring in the address; a person who comes with a model from another page finds another one beside it."""
    entered = st.session_state.get(keys.PAGE) != "compare"
    state.restore("compare", VIEW)
    if entered and state.get(MODEL) == state.get(OTHER) and OTHER.name not in st.query_params:
        state.put(OTHER, "ae" if state.get(MODEL) == "vae" else "vae")


def main() -> None:
    """Draw the page."""
    _start()
    open_page(_("Compare"))
    problems = st.container(key="problems")
    bar = st.container(horizontal=True, vertical_alignment="center", key="inline-bar")
    bundled = [card.name for card in list_models()]
    with problems, st.spinner(_("Opening the models…")):
        images = image_sets.published("mnist", "test")
        first, second = (choose_model(*sides, bundled, images) for sides in ((MODEL, OTHER), (OTHER, MODEL)))
        pack = recogniser() if first and second else None
        if first and (reasons := model_problems()):
            remark(_("Some models cannot be shown."), *reasons)
    if first is None or second is None:
        return
    pair = (first, second)
    with bar:
        controls([*bundled, *own_models.runs()], linked=all(side.atlas for side in pair))
    for sentence in limits(pair):
        st.caption(sentence)
    recogniser_id = pack.id if pack else None
    if any(side.atlas for side in pair):
        planes(pair, recogniser_id)
    below(pair, recogniser_id)
    for atlas in {side.atlas.id: side.atlas for side in pair if side.atlas}.values():
        carry(atlas.content, key=f"atlas-{atlas.id}")
    if pack:
        carry(pack.content, key="recogniser")


main()
