"""The plane as a part of the shareable view: its parameters, and what a person does on it kept in the session."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import streamlit as st

from pages.common import keys, state
from pages.common.parameters import PINS, Parameter, Z, choice, points, subset
from pages.common.plane import PARTS, Nearest, RateMark, RowDigit, latent_plane
from pages.common.plane_layers import Layer
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

WITHOUT_PAD: Final = [part for part in PARTS if part != "pad"]
_KEPT: Final[Mapping[str, Callable[[PlaneState], object]]] = {
    Z.name: lambda shown: shown.z,
    PINS.name: lambda shown: shown.pins,
    COLOUR.name: lambda shown: shown.color,
    SHOWN.name: lambda shown: shown.overlays,
    HIDDEN.name: lambda shown: tuple(map(str, shown.hidden)),
    MODE.name: lambda shown: shown.mode,
    PATH.name: lambda shown: shown.interpolation,
    SELECTION.name: lambda shown: shown.selection.polygon if shown.selection else (),
}
"""Where each of the parameters is in what the plane shows."""

Report = Callable[[PlaneState, PlaneState], object]
"""Called with what the plane showed before and what it shows now."""


def plane_state(frame: float = 0.0) -> PlaneState:
    """Return what the plane shows, as the session has it, at a frame of its axis."""
    hidden = tuple(int(name) for name in state.get(HIDDEN))
    pins, corners, overlays = state.get(PINS), state.get(SELECTION), state.get(SHOWN)
    return PlaneState(
        z=state.get(Z),
        pins=tuple(pins),
        interpolation=state.get(PATH),
        frame=frame,
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
    parts: Sequence[str] = WITHOUT_PAD,
    frame: float = 0.0,
    nearest: Nearest | None = None,
    row: Sequence[RowDigit] = (),
    marks: Sequence[RateMark] = (),
    layers: Sequence[Layer] = (),
    on_report: Report = lambda before, now: None,
) -> None:
    """Show the plane as the session has it; what is done on it is in the session before the page runs again."""
    shown = plane_state(frame)
    latent_plane(
        atlas,
        key=key,
        recogniser=recogniser,
        z=shown.z,
        frame=frame,
        pins=shown.pins,
        color=shown.color,
        overlays=shown.overlays,
        hidden=shown.hidden,
        mode=shown.mode,
        interpolation=shown.interpolation,
        selection=shown.selection.polygon if shown.selection else None,
        parts=parts,
        nearest=nearest,
        row=row,
        marks=marks,
        layers=layers,
        revision=state.revision(),
        on_change=partial(_take_over, key, on_report, frame),
    )


def take_over(key: str, kept: Iterable[Parameter[Any]], frame: float = 0.0) -> tuple[PlaneState, PlaneState]:
    """Bring what the plane with this key reports into the session; return what it showed before and what it shows now.

    To be called when it reports, and at no other time: in other runs the component repeats what it said last, which a
    step back in history, or a page that was on screen meanwhile, has overtaken.
    """
    before = plane_state(frame)
    shown = parse(st.session_state[key].get("view"), before)
    for parameter in kept:
        state.put(parameter, _KEPT[parameter.name](shown))
    return before, shown


def _take_over(key: str, on_report: Report, frame: float = 0.0) -> None:
    before, shown = take_over(key, PARAMETERS, frame)
    st.session_state[keys.DRAWN] = shown.drawn
    on_report(before, shown)
