"""The path through the pins as a picture to keep: an animated GIF, or a strip as PNG."""

from __future__ import annotations

import math
from typing import Final

import streamlit as st
import torch

from pages.common.i18n import _
from pages.common.plane_state import PlaneState
from vae_core.export import film_gif, grid_png, to_grey
from vae_core.interpolation import path
from vae_core.models import Autoencoder

STRIP_FRAMES: Final = 16
"""As many as the plane shows."""
STEPS_A_LEG: Final = 20
RATE: Final = 12.0
"""Frames a second: a leg takes as long as it does when the plane plays it."""


def film_buttons(name: str, model: Autoencoder, shown: PlaneState) -> None:
    """Offer the path to be saved; nothing is decoded before somebody clicks."""
    ready = len(shown.pins) > 1
    missing = _("Pin two or more points on the plane to make a path.")
    st.download_button(
        _("Path as GIF"),
        lambda: path_gif(model, shown),
        f"{name}-path.gif",
        "image/gif",
        key="path.gif",
        icon=":material/download:",
        on_click="ignore",
        disabled=not ready,
        help=_("Save the path as an animation that runs there and back.") if ready else missing,
    )
    st.download_button(
        _("Path as PNG"),
        lambda: path_png(model, shown),
        f"{name}-path.png",
        "image/png",
        key="path.png",
        icon=":material/download:",
        on_click="ignore",
        disabled=not ready,
        help=_("Save the path as a strip of pictures, as it is shown above.") if ready else missing,
    )


def path_gif(model: Autoencoder, shown: PlaneState) -> bytes:
    """Return the path as a GIF.

    Raises:
        LatentExplorerError: there are fewer than two pins.
    """
    return film_gif(_decoded(model, shown, STEPS_A_LEG), RATE)


def path_png(model: Autoencoder, shown: PlaneState) -> bytes:
    """Return the path as a strip, with the frames that the plane shows.

    Raises:
        LatentExplorerError: there are fewer than two pins.
    """
    # Rounded as the browser rounds, which Python does not.
    return grid_png(_decoded(model, shown, max(1, math.floor((STRIP_FRAMES - 1) / _legs(shown) + 0.5))))


@torch.no_grad()
def _decoded(model: Autoencoder, shown: PlaneState, steps: int) -> torch.Tensor:
    """The path decoded at so many steps a leg, pins included."""
    pins = torch.tensor(shown.pins, dtype=torch.float32)
    return to_grey(model.decode(path(pins, steps * _legs(shown) + 1, shown.interpolation)))


def _legs(shown: PlaneState) -> int:
    return max(1, len(shown.pins) - 1)
