"""The geometry that the decoder gives the plane: magnification, ellipses, and the geodesic between two pins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import streamlit as st
import torch
from numpy.typing import NDArray
from torch import Tensor

from pages.common import state
from pages.common.caches import MOST_MODELS
from pages.common.i18n import _
from pages.common.parameters import subset
from pages.common.plane_home import home_box
from pages.common.plane_layers import Box, Ellipses, Field, Layer, Line
from pages.common.plane_state import Point
from vae_core.curves import Curve
from vae_core.export import grid_png, to_grey
from vae_core.geodesics import Geodesic, geodesic
from vae_core.geometry import jacobian_ellipses, magnification_map, metric
from vae_core.latent_graph import LatentGraph, build_graph
from vae_core.models import Autoencoder

SWITCHES: Final = ("geodesic", "magnification", "ellipses")
GEOMETRY: Final = subset("geometry", SWITCHES, default=("geodesic",))
RASTER: Final = 128
"""Places along each side of the map of the magnification."""
RANGE: Final = 1000.0
"""The map tells magnifications apart down to one in so many of the largest."""
LATTICE: Final = 18
"""Ellipses along each side of the plane."""
ROOM: Final = 0.5
"""The longest half-axis of an ellipse, in distances between two of them: neighbours just touch."""
FILM: Final = 16


@dataclass(frozen=True)
class Plane:
    """Whose geometry is looked at. Sessions share what is measured: nobody may change it."""

    id: str
    """That of its atlas: planes with the same one are the same."""
    model: Autoencoder
    codes: Tensor
    """Where images lie on it, (N, 2)."""


def geometry_panel(plane: Plane, pins: Sequence[Point], *, straight_is_drawn: bool = False) -> list[Layer]:
    """Show the switches, what they say and the films between the last two pins; return what lies over the plane.

    ``straight_is_drawn`` says that the plane draws the straight line between them by itself.
    """
    st.pills(
        _("Geometry"),
        SWITCHES,
        selection_mode="multi",
        key=GEOMETRY.key,
        format_func=_title,
        label_visibility="collapsed",
        help=_("What the decoder does to the plane; several can be laid over it at once"),
    )
    chosen = state.get(GEOMETRY)
    layers: list[Layer] = []
    with st.spinner(_("Measuring the plane…")):
        if "magnification" in chosen:
            layers += _magnification(plane)
        if "ellipses" in chosen:
            layers += _ellipses(plane)
        if "geodesic" in chosen:
            layers += _between_pins(plane, pins, straight_is_drawn)
    return layers


def _title(switch: str) -> str:
    return {
        "geodesic": _("Geodesic"),
        "magnification": _("Magnification"),
        "ellipses": _("Jacobian ellipses"),
    }[switch]


def _magnification(plane: Plane) -> list[Layer]:
    raster = _magnification_map(plane.id, plane)
    st.caption(
        _(
            "**Magnification**, √det JᵀJ: how much a small patch of the plane grows when it is decoded, in squared "
            "pixel values per unit of area. Strong: a small step changes the image much, as between two digits. "
            "Faint: the image hardly changes."
        )
    )
    return [Field(_("Magnification"), raster, _home(plane), "magnitude")]


def _ellipses(plane: Plane) -> list[Layer]:
    means, covariances, step = _ellipses_of(plane.id, plane)
    st.caption(
        _(
            "**Jacobian ellipses**: to first order, from the middle of each to any place on its rim the image changes "
            "by as much, {step} pixel values. Narrow: that is where the image changes fastest. Directions in which it "
            "changes slowly are cut off where the next ellipse begins."
        ).format(step=f"{step:.2g}")
    )
    return [Ellipses(_("Jacobian ellipses"), means, covariances, "plain")]


def _between_pins(plane: Plane, pins: Sequence[Point], straight_is_drawn: bool) -> list[Layer]:
    if len(pins) < 2:
        st.markdown(
            _(
                "Click two places on the plane to pin them. The geodesic between the last two pins is then drawn "
                "there, and its images stand here above those of the straight line."
            )
        )
        return []
    found = _geodesic(plane.id, pins[-2], pins[-1], plane)
    with st.container(gap="xsmall", key="geometry-films"):
        _films(plane, found)
    curve = Line(_("Geodesic"), found.curve.points, "accent")
    straight = Line(_("Straight line"), found.straight.points[[0, -1]], "plain", dashed=True)
    return [curve] if straight_is_drawn else [straight, curve]


def _films(plane: Plane, found: Geodesic) -> None:
    length, straight = found.curve.length, found.straight.length
    if found.is_straight:
        title = _("**Geodesic**: {length} pixel values; no way shorter than the straight line was found")
    else:
        title = _("**Geodesic**: {length} pixel values, {share} % shorter")
    _film(plane, title.format(length=f"{length:.2f}", share=_percent(length, straight)), found.curve)
    _film(plane, _("**Straight line**: {length} pixel values").format(length=f"{straight:.2f}"), found.straight)
    first, last = _decoded(plane, found.straight.points[[0, -1]])
    st.caption(
        _(
            "Length: how far the decoded image travels on the way, as Euclidean distances over 784 pixels from 0 "
            "(black) to 1 (white); the images at the two ends are {apart} apart. Images follow one another at equal "
            "distances. The geodesic is the way along which the image changes least, wherever that leads: it does not "
            "ask whether digits lie there."
        ).format(apart=f"{(first - last).norm():.2f}")
    )


def _percent(length: float, straight: float) -> str:
    """Return by how many per cent the one is shorter than the other, in two digits or in whole numbers."""
    share = 100 * (1 - length / straight) if straight else 0.0
    return f"{share:.0f}" if share >= 10 else f"{share:.2g}"


def _film(plane: Plane, title: str, curve: Curve) -> None:
    st.markdown(title)
    images = to_grey(_decoded(plane, curve.evenly(FILM)))
    # The grey between the images stands back in both themes.
    st.image(grid_png(images, scale=3, background=128), alt=title.replace("*", ""), width="stretch")


@torch.no_grad()
def _decoded(plane: Plane, z: Tensor) -> Tensor:
    return plane.model.decode(z)


def _home(plane: Plane) -> Box:
    return home_box(plane.codes.numpy(), plane.model.is_variational)


# What depends on the model alone is measured once for all sessions; sessions share it, and nobody changes it.


@st.cache_resource(max_entries=MOST_MODELS, show_spinner=False)
def _magnification_map(atlas_id: str, _plane: Plane) -> NDArray[np.float64]:
    x0, y0, x1, y1 = _home(_plane)
    x, y = torch.linspace(x0, x1, RASTER), torch.linspace(y0, y1, RASTER)
    raster: NDArray[np.float64] = magnification_map(_plane.model, x, y).numpy()
    # A hundredth stands out at each end, and what is sent has no room for more decades than these.
    low, high = np.quantile(raster, [0.01, 0.99])
    return raster.clip(max(low, high / RANGE), high)


@st.cache_resource(max_entries=MOST_MODELS, show_spinner=False)
def _ellipses_of(atlas_id: str, _plane: Plane) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return means (N, 2) and covariances (N, 2, 2) of ellipses all over the plane, and how far their rims decode."""
    x0, y0, x1, _y1 = _home(_plane)
    apart = (x1 - x0) / LATTICE
    places = (torch.arange(LATTICE) + 0.5) * apart
    z = torch.cartesian_prod(x0 + places, y0 + places)
    longest = ROOM * apart
    slowest = torch.linalg.eigvalsh(metric(_plane.model, z))[:, 0].clamp(min=0).sqrt()
    # So that half of them have their true shape.
    step = max(longest * slowest.median().item(), 1e-6)
    return z.numpy(), jacobian_ellipses(_plane.model, z, step, longest).numpy(), step


@st.cache_resource(max_entries=MOST_MODELS, show_spinner=False)
def _graph(atlas_id: str, _plane: Plane) -> LatentGraph:
    return build_graph(_plane.model, _plane.codes)


@st.cache_resource(max_entries=256, show_spinner=False)
def _geodesic(atlas_id: str, a: Point, b: Point, _plane: Plane) -> Geodesic:
    return geodesic(_plane.model, torch.tensor(a), torch.tensor(b), _graph(atlas_id, _plane))
