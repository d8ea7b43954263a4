"""The learn page: the ideas behind the models, a section each, with something to turn in every one."""

from __future__ import annotations

from functools import partial

import streamlit as st

from pages.common import state
from pages.common.i18n import _
from pages.common.layout import open_page, problem
from pages.common.learn_parts import Section
from pages.common.learn_sections import BY_KEY, SECTION, SECTIONS, VIEW
from pages.common.learn_style import style
from pages.common.theme import is_dark
from vae_core.errors import LatentExplorerError


def title(key: str) -> str:
    """Return what a section is called in the contents."""
    return BY_KEY[key].title()


@st.fragment
def draw(section: Section) -> None:
    """Show one section; what is turned in it runs it alone."""
    try:
        section.draw()
    except LatentExplorerError as error:
        problem(_("This section cannot be shown."), str(error))


def neighbours(section: Section) -> None:
    """Offer the sections before and after this one."""
    place = SECTIONS.index(section)
    with st.container(horizontal=True, horizontal_alignment="distribute", key="learn-neighbours"):
        for step, icon, side in ((-1, ":material/chevron_left:", "left"), (1, ":material/chevron_right:", "right")):
            if 0 <= place + step < len(SECTIONS):
                beside = SECTIONS[place + step]
                st.button(
                    beside.title(),
                    key=f"learn.go.{side}",
                    type="tertiary",
                    icon=icon,
                    icon_position="left" if step < 0 else "right",
                    on_click=partial(state.put, SECTION, beside.key),
                )
            else:
                st.space("small")


def main() -> None:
    """Draw the page."""
    state.restore("learn", VIEW)
    open_page(_("Learn"))
    style(is_dark())
    contents, body = st.columns([1, 3], gap="large")
    with contents, st.container(key="learn-contents"):
        st.radio(_("Contents"), tuple(BY_KEY), key=SECTION.key, format_func=title, label_visibility="collapsed")
    section = BY_KEY[state.get(SECTION)]
    with body, st.container(key=f"learn-section-{section.key}"):
        st.header(section.title(), anchor=False)
        draw(section)
        neighbours(section)
    state.publish(VIEW)


main()
