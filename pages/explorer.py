"""The explorer: a model's latent plane, and any point of it decoded under the pointer."""

from __future__ import annotations

from functools import partial
from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.common import caches, image_sets, keys, own_models, state
from pages.common.caches import Opened
from pages.common.card import model_card
from pages.common.choosing import choose
from pages.common.details import nearest_image, recogniser
from pages.common.digit import digit_panel
from pages.common.explorer_view import MODEL, PANEL, VIEW
from pages.common.film import film_buttons
from pages.common.gallery import gallery, selected
from pages.common.geometry_panel import Plane, geometry_panel
from pages.common.i18n import _
from pages.common.layout import open_page, problem, remark
from pages.common.plane import carry
from pages.common.plane_layers import Layer
from pages.common.plane_state import PlaneState
from pages.common.plane_view import SELECTION, plane_state, show_plane
from pages.common.text import quoted
from vae_core.errors import LatentExplorerError
from vae_core.registry import BUNDLED, list_models, model_problems

PLANE: Final = "plane"


def choose_images() -> image_sets.Shown:
    """Return the images the person asks for; where they cannot be shown, say so and show MNIST's."""
    try:
        return image_sets.wanted()
    except LatentExplorerError as error:
        name = state.get(image_sets.DATA)
        problem(_("{name} cannot be shown; MNIST is.").format(name=image_sets.title(name)), str(error))
        if name != image_sets.OWN:  # a download is tried again when it is asked for again
            state.put(image_sets.DATA, "mnist")
        return image_sets.published("mnist", "test")


def choose_model(names: list[str], images: image_sets.Shown) -> Opened | None:
    """Return the model the person asks for; where it cannot be shown, say so and go on with another."""
    wanted = state.get(MODEL)
    order = [wanted, *(name for name in names if name != wanted)]
    opened, errors = caches.first_that_opens(order, partial(caches.open_model, shown=images))
    reasons = list(dict.fromkeys([*map(str, errors), *model_problems()]))
    if opened is None:
        problem(_("No model can be shown."), *reasons)
        return None
    if errors:
        sentence = _("The model {wanted} cannot be shown; {shown} is.")
        problem(sentence.format(wanted=quoted(wanted), shown=quoted(opened.name)), *reasons)
    elif reasons:
        remark(_("Some models cannot be shown."), *reasons)
    state.put(MODEL, opened.name)
    return opened


def controls(names: list[str], images: image_sets.Shown) -> None:
    """Draw what is chosen for the whole page: the model, and the images that it encodes."""
    st.selectbox(
        _("Model"),
        names,
        key=MODEL.key,
        width=260,
        format_func=own_models.title,
        on_change=_forget_selection,
        help=_("Whose plane is shown: a bundled model's, or that of a run of your own"),
    )
    with st.popover(images.summary, help=_("Which images are shown, and how many of them")):
        image_sets.controls(_forget_selection)


def _forget_selection() -> None:
    # On another map the same place holds other images.
    state.put(SELECTION, ())


@st.fragment
def explore(opened: Opened, recogniser_id: str | None) -> None:
    """Show the plane and what belongs to it; what is done there runs this part of the page again and no other.

    No fragment stands in another: where one runs again before the browser has its last run, Streamlit drops what that
    run said, but not what fragments inside it said, and the browser has no place for that.
    """
    shown = plane_state()
    above = st.container(key="plane-place")
    measuring = state.get(PANEL) == "geometry"
    if not measuring:
        _show_plane(above, opened, recogniser_id, [])
    count = len(selected(opened, shown.selection))
    with st.container(horizontal=True, vertical_alignment="center", key="compact-panels"):
        about = _("Opens under this row; click again to close")
        choose(PANEL, _panel_titles(count), _("Below the plane"), about, required=False)
        st.space("stretch")
        film_buttons(opened.name, opened.model, shown)
    if measuring:
        # What lies over the plane is known once it is measured; until then the plane stays as it is.
        _show_plane(above, opened, recogniser_id, _geometry(opened, shown))
    else:
        _show_panel(opened, shown)
    state.publish(VIEW)


def _show_plane(place: DeltaGenerator, opened: Opened, recogniser_id: str | None, layers: list[Layer]) -> None:
    with place:
        show_plane(
            opened.atlas.id,
            key=PLANE,
            recogniser=recogniser_id,
            nearest=nearest_image(opened.codes, opened.images, plane_state()),
            layers=layers,
            on_report=_open_gallery,
        )


def _open_gallery(before: PlaneState, now: PlaneState) -> None:
    if now.selection and now.selection != before.selection:
        state.put(PANEL, "selection")
        st.session_state.pop(keys.GALLERY_PAGE, None)


def _panel_titles(count: int) -> dict[str, str]:
    return {
        "draw": _("Draw a digit"),
        "selection": _("Selection ({count})").format(count=f"{count:,}") if count else _("Selection"),
        "geometry": _("Geometry"),
        "card": _("This model's card"),
    }


def _geometry(opened: Opened, shown: PlaneState) -> list[Layer]:
    """Show the geometry of the plane; return what lies over it."""
    plane = Plane(opened.atlas.id, opened.model, opened.codes)
    # The path through the pins is the straight line already, unless it runs in arcs.
    return geometry_panel(plane, shown.pins, straight_is_drawn=shown.interpolation == "linear")


def _show_panel(opened: Opened, shown: PlaneState) -> None:
    panel = state.get(PANEL)
    if panel == "draw":
        digit_panel(opened, PLANE)
    elif panel == "selection":
        gallery(opened, shown.selection)
    elif panel == "card":
        model_card(own_models.card_of(opened.name))


def main() -> None:
    """Draw the page."""
    state.restore("explorer", VIEW)
    open_page(_("Explorer"))
    # Always there, so that what comes after them keeps its place, and with it what was done on it.
    problems = st.container(key="problems")
    bar = st.container(horizontal=True, vertical_alignment="center", key="inline-bar")
    choices = bar.container(horizontal=True, vertical_alignment="center", width="content")
    status = bar.empty()
    names = [*(card.name for card in list_models()), *own_models.runs()]
    with status, st.spinner(_("Opening the model…")), problems:
        images = choose_images()
        opened = choose_model(names, images)
        pack = recogniser() if opened else None
    if opened is None:
        return
    with choices:
        controls(names, images)
    if description := own_models.card_of(opened.name).description:
        # A bundled model's sentence is the project's; a person's note on a run is shown as it was typed.
        status.caption(_(description) if opened.name in BUNDLED else quoted(description))
    explore(opened, pack.id if pack else None)
    carry(opened.atlas.content, key="atlas")
    if pack:
        carry(pack.content, key="recogniser")


main()
