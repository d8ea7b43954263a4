"""The frame of a page: its title, the notices above it, and errors in their own words."""

from __future__ import annotations

import streamlit as st

from pages.common import state
from pages.common.i18n import _


def open_page(title: str) -> None:
    """Give the page its title in the browser's tab, and show what was wrong with the address."""
    about = _("Latent Explorer: see what autoencoders and variational autoencoders learn.")
    # The menu that says this is also where the theme is chosen.
    st.set_page_config(page_title=f"{title} · Latent Explorer", layout="wide", menu_items={"About": about})
    if notices := state.notices():
        with st.container(horizontal=True, vertical_alignment="center", key="notices"):
            st.info("  \n".join(notices))
            # They stay until sent away: text that goes by itself moves all that is under it.
            st.button(_("Dismiss"), type="tertiary", on_click=state.dismiss_notices)


def problem(sentence: str, reason: str) -> None:
    """Show what did not work, and under it the reason that vae_core gives, character for character."""
    st.error(sentence)
    st.text(reason)
