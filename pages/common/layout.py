"""The frame of a page: its title, the notices above it, and errors in their own words."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from pages.common import state
from pages.common.i18n import _
from pages.common.language import switch
from pages.common.plane import load_plane
from pages.common.reasons import reason


def open_page(title: str) -> None:
    """Give the page its title in the browser's tab, and show what was wrong with the address."""
    _through_router()
    about = _("Latent Explorer: see what autoencoders and variational autoencoders learn.")
    # The menu that says this is also where the theme is chosen.
    st.set_page_config(page_title=f"{title} · Latent Explorer", layout="wide", menu_items={"About": about})
    _style()
    load_plane()
    switch()
    if notices := state.notices():
        with st.container(horizontal=True, wrap=False, vertical_alignment="center", key="notices"):
            st.info("  \n".join(notices))
            # They stay until sent away: text that goes by itself moves all that is under it.
            st.button(_("Dismiss"), type="tertiary", key="dismiss", on_click=state.dismiss_notices)


def _through_router() -> None:
    """Start again from the router where Streamlit has run a page without it.

    A server whose first visitor asks for a page other than the first one takes the folder `pages` for the older way to
    name pages, which knows no router, and would keep to that until somebody opens the first page.
    """
    if PagesManager.uses_pages_directory:
        PagesManager.uses_pages_directory = False
        st.rerun()


def problem(sentence: str, *reasons: str) -> None:
    """Show what did not work, and under it the reasons that vae_core gives, as plain text."""
    with st.container(gap="xsmall"):
        st.error(sentence)
        _reasons(reasons)


def remark(sentence: str, *reasons: str) -> None:
    """Show what does not work but was not asked for either, with its reasons folded away."""
    with st.expander(sentence, type="compact"):
        _reasons(reasons)


def _reasons(reasons: Iterable[str]) -> None:
    for each in reasons:
        st.text(reason(each))


def _style() -> None:
    """Set what Streamlit's theme has no setting for. Classes are those of the containers' keys."""
    st.html(
        """
        <style>
        /* As wide as the plane, a square that fits the window's height, and the decoded image beside it. */
        @media (min-width: 768px) {
          .stMainBlockContainer {
            margin: 0 auto;
            padding-inline: 2rem;
            max-width: calc(max(65rem, 2 * min(760px, 100vh - 276px) - 215px) + 4rem);
          }
        }
        /* Rows of controls: a name before its control instead of above it, and none taller than the plane's own. */
        [class*=st-key-inline-] [data-testid=stSelectbox] { display: flex; align-items: center; gap: 0.75rem; }
        [class*=st-key-inline-] [data-testid=stSelectbox] > label { margin: 0; flex: none; width: auto; gap: 0.25rem; }
        [class*=st-key-inline-] [data-testid=stSelectbox] > div { flex: 1; min-width: 0; }
        /* One line, however much a model has to say of itself: what is below stays where it is. */
        @media (min-width: 641px) {
          .st-key-inline-bar { flex-wrap: nowrap; }
          .st-key-inline-bar > [data-testid=stElementContainer] { min-width: 0; }
          .st-key-inline-bar [data-testid=stCaptionContainer] p {
            overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
          }
        }
        /* In the bar at the top, between the menu and the sign that a page is at work. */
        .st-key-language {
          position: fixed; top: 0; right: 3.5rem; width: auto; height: 3.75rem; z-index: 999990; align-items: center;
        }
        .st-key-document-language { position: absolute; }
        [data-testid=stLayoutWrapper]:has(> .st-key-language) { position: absolute; }
        [data-testid=stStatusWidget] { margin-right: 4.5rem; }
        /* The digit is chosen in a fragment, below the model, and stands beside it where there is room. */
        @media (min-width: 900px) { .st-key-inline-digit { margin: -4.25rem 0 0.25rem 19rem; } }
        [class*=st-key-compact-] { margin-top: -0.5rem; }
        [class*=st-key-compact-] .stDownloadButton button { min-height: 2rem; padding: 0.125rem 0.75rem; }
        @media (max-width: 640px) {
          [data-testid=stHorizontalBlock] { row-gap: 1rem; }
          .st-key-notices { flex-wrap: wrap; }
          .st-key-inline-bar [data-testid=stElementContainer]:has([data-testid=stSelectbox]) { width: 12rem; }
          .st-key-inline-bar [data-testid=stSelectbox] > label { display: none; }
          .st-key-compact-panels [data-testid=stButtonGroup] button { padding-inline: 0.5rem; }
          /* Five columns find no room: a line for the measure, one for its values, one for what it says. */
          .st-key-measures :is(table, thead, tbody) { display: block; width: 100%; }
          .st-key-measures tr {
            display: grid; grid-template-columns: repeat(3, 1fr); padding-block: 0.375rem;
            border-bottom: 1px solid var(--st-border-color, rgb(128 128 128 / 30%));
          }
          .st-key-measures :is(th, td) { border: none; padding: 0.125rem 0; text-align: left !important; }
          .st-key-measures :is(th, td):is(:first-child, :last-child) { grid-column: 1 / -1; }
          .st-key-measures :is(th:last-child, td:empty) { display: none; }
        }
        /* A page that looks again three times a second would show it three times a second. */
        .stApp:has(.st-key-inline-train) [data-testid=stStatusWidget] { display: none; }
        [data-testid=stMetricValue], [data-testid=stTable] td { font-variant-numeric: tabular-nums; }
        [data-testid=stTable] :is(th, td):first-child { padding-left: 0; }
        </style>
        """
    )
