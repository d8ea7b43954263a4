"""The latent plane as a Streamlit component: its registration, its mounting, and what comes back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.common.plane_layers import Layer
from pages.common.plane_module import ASSETS, link, read_modules
from pages.common.plane_options import Drawing, Event, Link, Nearest, RateMark, RowDigit, Trajectory, flags, greys
from pages.common.plane_state import PlaneState, Point, parse
from pages.common.plane_words import words

NAME: Final = "latent_plane"
PARTS: Final = ("toolbar", "legend", "inspector", "dial", "row", "samples", "curves", "rates", "path", "pad")
"""What can stand beside a plane. The dial needs an atlas with several frames, the row digits, the rates curves; samples
and curves are of a training run."""

__all__ = (
    "PARTS",
    "Event",
    "Link",
    "Nearest",
    "RateMark",
    "RowDigit",
    "Trajectory",
    "brush",
    "carry",
    "latent_plane",
    "pad",
)


@cache
def _component() -> Callable[..., Any]:
    css = (ASSETS / "plane.css").read_text("utf-8")
    return st.components.v2.component(NAME, css=css, js=read_modules()["loader.js"])


@cache
def _code() -> Callable[..., Any]:
    modules = read_modules()
    return st.components.v2.component(f"{NAME}_code", js=link(modules) + modules["announce.js"])


def load_plane() -> None:
    """Send the plane's code to the browser; to be called once a page, outside of what runs again by itself."""
    _code()(key="plane-code")


def _nothing() -> None:
    """Stand in for a callback: a state value without one would not be in the component's result."""


def carry(pack: bytes, *, key: str) -> None:
    """Send an atlas or recogniser to the browser, for every plane on the page to find by its id.

    It draws nothing. The bytes are sent whenever this is called, so not from what runs often. A tail or keyframe joins
    the atlas of its series, whichever of them comes first; a base in place of an older one of its series is shown where
    that was.
    """
    _component()(data=pack, key=key)


def latent_plane(
    atlas: str,
    *,
    key: str,
    recogniser: str | None = None,
    z: Point | None = None,
    frame: float = 0.0,
    color: str = "digit",
    overlays: Sequence[str] = ("labels",),
    pins: Sequence[Point] = (),
    interpolation: str = "linear",
    hidden: Sequence[int] = (),
    mode: str = "mean",
    selection: Sequence[Point] | None = None,
    parts: Sequence[str] = PARTS,
    picture: Sequence[int] | None = None,
    nearest: Nearest | None = None,
    row: Sequence[RowDigit] = (),
    marks: Sequence[RateMark] = (),
    events: Sequence[Event] = (),
    trajectories: Sequence[Trajectory] = (),
    collapse: float | None = None,
    ends: tuple[str, str] | None = None,
    link: Link | None = None,
    layers: Sequence[Layer] = (),
    images: str | None = None,
    drawing: Drawing | None = None,
    rest: bool = True,
    live: bool = False,
    renderer: str = "auto",
    revision: int = 0,
    on_change: Callable[[], None] = _nothing,
) -> PlaneState:
    """Show the plane of the atlas with this id, which `carry` has sent or sends, and return what was done on it.

    The options from ``z`` to ``selection`` set how the plane starts. Later a value takes effect only where it
    differs from the one before and is not one that the browser itself has sent, so that handing a state
    back does no harm; a new ``revision`` makes all of them count again.

    Args:
        recogniser: the id of the recogniser that names decoded images; without one nothing is named.
        frame: position on the atlas's axis, from 0 to frames - 1; between frames points are blended. The dial changes
            it, and reports it once when it is let go (`plane_axis` turns it into beta and back).
        color: "digit", or the name of one of the atlas's values.
        overlays: of "labels", "prior", "density", "holes", "tiles", "regions".
        hidden: classes not shown, 10 for points without a label.
        selection: the corners of a polygon.
        parts: what stands beside the plane, of PARTS.
        picture: an image to encode, 784 grey levels 0..255, row by row.
        nearest: the encoded image nearest to z; shown beside its reconstruction for as long as it is the nearest.
        row: digits shown above their reconstructions, about twelve; they follow the dial in the browser.
        marks: models trained for one beta each, marked on the rate-distortion chart.
        events: what was changed at which training step, marked on the curves.
        trajectories: other runs, laid over the rate-distortion chart.
        collapse: the beta from which on fewer than two latent dimensions are active, marked on the dial; without
            it that is read off the atlas's curves ``activity.0`` and ``activity.1``, if it has them.
        ends: what stands at the ends of the dial over a pair of models; without it, the parts of the atlas's name.
        link: the planes that this one shares its pointer with.
        layers: what lies over the points (`plane_layers`), the first lowest; another list is shown at once.
        images: the id of the images behind the points (`vae_core.image_pack`), which `carry` has sent or sends. Then
            the layers are taken to be the posterior of the digit whose code is nearest to the last pin: when another is
            set, the browser infers that digit's and shows it until the page answers with its own.
        drawing: given with ``images`` where the layers are the posterior of what is drawn on the pad instead.
        live: whether the atlas still grows, by the tails and keyframes of its series. The dial then follows the newest
            frame until somebody turns it, or the page names a ``frame`` other than 0; a button leads back.
        rest: whether a resting pointer is reported; clicks and keys always are.
        renderer: "auto", or "canvas2d" to do without WebGL.
        on_change: called when the browser reports something, before the page runs again.
    """
    start = PlaneState(
        z=z, pins=tuple(pins), interpolation=interpolation, frame=frame, color=color, overlays=tuple(overlays),
        hidden=tuple(hidden), mode=mode,
    )  # fmt: skip
    options: dict[str, Any] = {
        "role": "plane",
        "name": key,
        "atlas": atlas,
        "recogniser": recogniser,
        "frame": frame,
        "color": color,
        "overlays": list(overlays),
        "pins": [list(pin) for pin in pins],
        "interpolation": interpolation,
        "hidden": list(hidden),
        "mode": mode,
        "selection": None if selection is None else [list(corner) for corner in selection],
        "parts": list(parts),
        "picture": None if picture is None else greys(picture),
        "nearest": nearest and nearest.data(),
        "row": [digit.data() for digit in row],
        "marks": [mark.data() for mark in marks],
        "events": [event.data() for event in events],
        "trajectories": [trajectory.data() for trajectory in trajectories],
        "collapse": collapse,
        "ends": ends and list(ends),
        "link": link and link.data(),
        "layers": [layer.data() for layer in layers],
        "images": images,
        "drawing": drawing and drawing.data(),
        "rest": rest,
        "live": live,
        "renderer": renderer,
        "revision": revision,
        "strings": words(),
    }
    if z is not None:
        options["z"] = list(z)
    result = _component()(data=options, key=key, on_view_change=on_change)
    return parse(result.view, start)


def pad(plane: str, *, key: str, picture: Sequence[int] | None = None) -> None:
    """Show the pad of the plane with the key ``plane``, in a place of its own.

    The digit on it is the plane's: it is marked there, and reported in its state. ``picture`` is one that comes from
    elsewhere, 784 grey levels 0..255, row by row; it is taken over once.
    """
    _component()(data={"role": "pad", "plane": plane, "picture": None if picture is None else greys(picture)}, key=key)


def brush(
    plane: str,
    *,
    key: str,
    picture: Sequence[int] | None = None,
    seen: Sequence[bool] | NDArray[np.bool_] | None = None,
) -> None:
    """Show an image beside the plane with the key ``plane``, of which one reveals, hides or paints pixels.

    It takes the place of the inspector; of a plane without one it stands where this is called.
    The plane then shows p(z | seen pixels) as it follows the brush, in the browser alone; what the brush has left when
    it is let go is reported in the plane's state, as ``brushed``. Where the model has no prior, or another latent size
    than 2, it says why it cannot.

    Args:
        picture: the image to begin with, 784 grey levels 0..255, row by row; taken over once, whenever it is another.
            Without it the image is black. For a likelihood of binary pixels they are to be 0 or 255.
        seen: which of its pixels are seen, 784 flags, row by row; taken over as the picture is. Without it what was
            hidden stays hidden, and at first all of it is.
    """
    options = {
        "role": "brush",
        "plane": plane,
        "picture": None if picture is None else greys(picture),
        "seen": None if seen is None else flags(seen),
    }
    _component()(data=options, key=key)
