"""The switch between the app's languages: a button for each other one, named in that language."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, Final

import streamlit as st

from pages.common import state
from pages.common.i18n import N_, language, languages, translation
from pages.common.parameters import LANGUAGE

OWN_NAME: Final = N_("English")
"""What a language calls itself: its catalogue translates this word into its own name."""
_TELL: Final = "export default ({ data }) => { document.documentElement.lang = data; };"


@cache
def _document() -> Callable[..., Any]:
    return st.components.v2.component("document_language", js=_TELL)


def switch() -> None:
    """Draw the buttons, and tell the browser which language the page is in.

    All that is on screen stays: what is chosen on a page is kept by what it means, not by its words.
    """
    spoken = language()
    with st.container(horizontal=True, key="language"):
        for other in languages():
            if other != spoken:
                name = translation(other).gettext(OWN_NAME)
                st.button(name, key=f"language.{other}", type="tertiary", on_click=partial(state.put, LANGUAGE, other))
        # Screen readers, and fonts whose characters differ between languages, go by it.
        _document()(data=spoken.replace("_", "-"), key="document-language")
