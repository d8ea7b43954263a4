"""The explorer: a model's latent plane, and any point of it decoded under the pointer."""

from __future__ import annotations

import streamlit as st

from pages.common import caches, state
from pages.common.i18n import _
from pages.common.layout import open_page, problem
from pages.common.parameters import Parameter, choice
from pages.common.plane import carry
from pages.common.plane_view import PARAMETERS, show_plane
from vae_core.errors import LatentExplorerError
from vae_core.registry import BUNDLED, list_models, model_problems


def choose_model(names: list[str], model: Parameter[str]) -> caches.Opened | None:
    """Let the person choose among the models; where one cannot be shown, say so and go on with another."""
    wanted = state.get(model)
    with st.spinner(_("Opening the model…")):
        opened, errors = caches.first_that_opens([wanted, *(name for name in names if name != wanted)])
    for sentence in dict.fromkeys([*model_problems(), *map(str, errors)]):
        problem(_("A model cannot be shown."), sentence)
    if opened is not None:
        state.put(model, opened.name)
        st.selectbox(_("Model"), names, key=model.key, width=240, help=_("Which bundled model's plane is shown"))
    return opened


def recogniser() -> caches.Pack | None:
    """Return the recogniser; without it the plane works, and names nothing."""
    try:
        return caches.open_recogniser()
    except LatentExplorerError as error:
        problem(_("Decoded digits cannot be named."), str(error))
        return None


@st.fragment
def explore(atlas_id: str, recogniser_id: str | None, model: Parameter[str]) -> None:
    """Show the plane; what is done on it runs this part of the page again and no other."""
    show_plane(atlas_id, key="plane", recogniser=recogniser_id)
    state.publish((model, *PARAMETERS))


def main() -> None:
    """Draw the page."""
    model = choice("model", BUNDLED)
    state.restore("explorer", (model, *PARAMETERS))
    open_page(_("Explorer"))
    opened = choose_model([card.name for card in list_models()], model)
    if opened is None:
        return
    names = recogniser()
    explore(opened.atlas.id, names.id if names else None, model)
    carry(opened.atlas.content, key="atlas")
    if names:
        carry(names.content, key="recogniser")


main()
