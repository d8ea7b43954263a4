"""The plane as a part of the shareable view: its parameters, and what a person does on it kept in the session."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from pages.common import keys, state
from pages.common.parameters import PINS, Parameter, Z, choice, subset
from pages.common.plane import latent_plane
from pages.common.plane_state import INTERPOLATIONS, MODES, NO_CLASS, OVERLAYS, PlaneState

COLOUR: Final = choice("colour", ("digit", "reconstruction", "kl"))
SHOWN: Final = subset("overlays", OVERLAYS, default=("labels",))
HIDDEN: Final = subset("hidden", tuple(map(str, range(NO_CLASS + 1))))
MODE: Final = choice("mode", MODES)
PATH: Final = choice("path", INTERPOLATIONS)
PARAMETERS: Final[tuple[Parameter[Any], ...]] = (Z, PINS, COLOUR, SHOWN, HIDDEN, MODE, PATH)


def show_plane(atlas: str, *, key: str, recogniser: str | None = None) -> PlaneState:
    """Show the plane as the session has it, take over what was done on it, and return its state."""
    shown = latent_plane(
        atlas,
        key=key,
        recogniser=recogniser,
        z=state.get(Z),
        pins=state.get(PINS),
        color=state.get(COLOUR),
        overlays=state.get(SHOWN),
        hidden=[int(name) for name in state.get(HIDDEN)],
        mode=state.get(MODE),
        interpolation=state.get(PATH),
        revision=state.revision(),
        on_change=_remember_report,
    )
    # Without a report the component repeats what it said last, which a step back in history has overtaken.
    if st.session_state.pop(keys.REPORTED, False):
        _take_over(shown)
    return shown


def _remember_report() -> None:
    st.session_state[keys.REPORTED] = True


def _take_over(shown: PlaneState) -> None:
    state.put(Z, shown.z)
    state.put(PINS, shown.pins)
    state.put(COLOUR, shown.color)
    state.put(SHOWN, shown.overlays)
    state.put(HIDDEN, tuple(map(str, shown.hidden)))
    state.put(MODE, shown.mode)
    state.put(PATH, shown.interpolation)
