"""Inference from some pixels: the brush, and the exact figures of what it leaves to be seen."""

from __future__ import annotations

from typing import Final

import numpy as np
import streamlit as st
import torch

from pages.common import keys
from pages.common.i18n import _
from pages.common.inference_gaps import signed
from pages.common.inference_layers import percent
from pages.common.inference_view import Subject
from pages.common.plane import brush
from pages.common.plane_state import Brushed
from pages.common.sides import Side
from vae_core.evidence import posterior
from vae_core.inpainting import seeing
from vae_core.modes import find_modes

LOWER: Final = np.arange(784) >= 392
"""At first the lower half is hidden."""


def inpainting_panel(side: Side, chosen: Subject, plane: str) -> None:
    """Show the brush of the plane with this key, and the figures of what it has left."""
    picture = chosen.x[0, 0].mul(255).round().clamp(0, 255).byte().flatten().tolist()
    brush(plane, key="brush", picture=picture, seen=~LOWER)
    image, left = st.session_state.get(keys.BRUSHED, ("", None))
    _figures(side, left if left and image == chosen.key else Brushed(tuple(picture), tuple((~LOWER).tolist())))


def _figures(side: Side, left: Brushed) -> None:
    """Say what is exact of the pixels that are seen; computed here, beside what the browser draws."""
    x = torch.tensor(left.picture, dtype=torch.float32).div(255).reshape(1, 1, 28, 28)
    seen = torch.tensor(left.seen)
    model = seeing(side.model, seen)
    found = posterior(model, x)
    modes = find_modes(model, x, found)
    shares = ", ".join(percent(share) for share in modes.share.tolist())
    words = _("log p(seen pixels) = {nats} nats, from {count} pixels. Modes of p(z | seen pixels): {shares}.")
    st.caption(
        words.format(nats=signed(found.log_evidence.item(), 2), count=int(seen.sum()), shares=shares),
        help=_("By quadrature on the server, with the hidden pixels' factors left out of p(x|z)"),
    )
