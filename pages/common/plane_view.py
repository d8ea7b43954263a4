"""The plane as a part of the shareable view: its parameters, and what a person does on it kept in the session."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import streamlit as st

from pages.common import keys, state
from pages.common.parameters import PINS, Parameter, Z, choice, points, subset
from pages.common.plane import PARTS, Nearest, latent_plane
from pages.common.plane_state import (
    INTERPOLATIONS,
    MODES,
    MOST_CORNERS,
    NO_CLASS,
    OVERLAYS,
    PlaneState,
    Selection,
    parse,
)

COLOUR: Final = choice("colour", ("digit", "reconstruction", "kl"))
SHOWN: Final = subset("overlays", OVERLAYS, default=("labels",))
HIDDEN: Final = subset("hidden", tuple(map(str, range(NO_CLASS + 1))))
MODE: Final = choice("mode", MODES)
PATH: Final = choice("path", INTERPOLATIONS)
SELECTION: Final = points("selection", MOST_CORNERS, least=3)
PARAMETERS: Final[tuple[Parameter[Any], ...]] = (Z, PINS, COLOUR, SHOWN, HIDDEN, MODE, PATH, SELECTION)

Report = Callable[[PlaneState, PlaneState], object]
"""Called with what the plane showed before and what it shows now."""


def plane_state() -> PlaneState:
    """Return what the plane shows, as the session has it."""
    hidden = tuple(int(name) for name in state.get(HIDDEN))
    pins, corners, overlays = state.get(PINS), state.get(SELECTION), state.get(SHOWN)
    return PlaneState(
        z=state.get(Z),
        pins=tuple(pins),
        interpolation=state.get(PATH),
        color=state.get(COLOUR),
        overlays=tuple(overlays),
        hidden=hidden,
        mode=state.get(MODE),
        selection=Selection(tuple(corners), hidden=hidden) if corners else None,
        drawn=st.session_state.get(keys.DRAWN),
    )


def show_plane(
    atlas: str,
    *,
    key: str,
    recogniser: str | None = None,
    nearest: Nearest | None = None,
    on_report: Report = lambda before, now: None,
) -> None:
    """Show the plane as the session has it; what is done on it is in the session before the page runs again."""
    shown = plane_state()
    latent_plane(
        atlas,
        key=key,
        recogniser=recogniser,
        z=shown.z,
        pins=shown.pins,
        color=shown.color,
        overlays=shown.overlays,
        hidden=shown.hidden,
        mode=shown.mode,
        interpolation=shown.interpolation,
        selection=shown.selection.polygon if shown.selection else None,
        parts=[part for part in PARTS if part != "pad"],
        nearest=nearest,
        revision=state.revision(),
        on_change=partial(_take_over, key, on_report),
    )


def _take_over(key: str, on_report: Report) -> None:
    """Bring what the browser reports into the session.

    Only when it reports: in other runs the component repeats what it said last, which a step back in history, or a
    page that was on screen meanwhile, has overtaken.
    """
    before = plane_state()
    shown = parse(st.session_state[key].get("view"), before)
    state.put(Z, shown.z)
    state.put(PINS, shown.pins)
    state.put(COLOUR, shown.color)
    state.put(SHOWN, shown.overlays)
    state.put(HIDDEN, tuple(map(str, shown.hidden)))
    state.put(MODE, shown.mode)
    state.put(PATH, shown.interpolation)
    state.put(SELECTION, shown.selection.polygon if shown.selection else ())
    st.session_state[keys.DRAWN] = shown.drawn
    on_report(before, shown)
