"""The theme of a session, for what is drawn in its colours."""

from __future__ import annotations

import streamlit as st

from vae_core.palette import Palette, for_theme


def is_dark() -> bool:
    """Return whether this session's theme is dark."""
    return st.context.theme.type == "dark"


def palette() -> Palette:
    """Return the colours of this session's theme."""
    return for_theme(is_dark())
