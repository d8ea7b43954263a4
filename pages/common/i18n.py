"""The language of a browser session: which one it is, and gettext in it."""

from __future__ import annotations

import gettext
from functools import cache, lru_cache
from typing import Final

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.common import catalogues, keys

SOURCE_LANGUAGE: Final = "en"


@cache
def languages() -> tuple[str, ...]:
    """Return the languages the app speaks: the one it is written in, then those with a catalogue."""
    return (SOURCE_LANGUAGE, *sorted({path.parent.name for path in catalogues.CATALOGUES.glob("*/*.po")}))


def tag(language: str) -> str:
    """Return a language as an address names it: by its first part, where that finds it."""
    primary = language.split("_", maxsplit=1)[0]
    return primary if negotiate(primary, languages()) == language else language


@lru_cache(maxsize=256)
def negotiate(wanted: str | None, spoken: tuple[str, ...]) -> str | None:
    """Return the spoken language that fits a tag such as `zh-CN` best, or None.

    The whole tag counts first, then its first part, so that `en-GB` finds `en` and `zh` finds `zh_CN`.
    """
    if not wanted:
        return None
    by_tag = {language.lower().replace("-", "_"): language for language in reversed(spoken)}
    tag = wanted.lower().replace("-", "_")
    primary = tag.split("_")[0]
    by_primary = {known.split("_")[0]: language for known, language in by_tag.items()}
    return by_tag.get(tag) or by_tag.get(primary) or by_primary.get(primary)


def language() -> str:
    """Return this session's language: the one it was asked for, else the browser's, else English.

    Kept in the session and never in the process, because two people may read in two languages at once.
    """
    context = get_script_run_ctx(suppress_warning=True)
    if context is None:
        return SOURCE_LANGUAGE
    key = keys.of_view("lang")
    # The router speaks before the page has read the address: of a first visit, or after a step back in history.
    known = key in st.session_state and not context.is_history_navigation
    asked = st.session_state[key] if known else st.query_params.get("lang")
    spoken = languages()
    return negotiate(asked, spoken) or negotiate(st.context.locale, spoken) or SOURCE_LANGUAGE


@cache
def translation(language: str) -> gettext.NullTranslations:
    """Return one language's messages."""
    if language == SOURCE_LANGUAGE:
        return gettext.NullTranslations()
    return catalogues.merge(catalogues.CATALOGUES, language)


def _(message: str) -> str:
    """Return the message in this session's language."""
    return translation(language()).gettext(message)


def ngettext(singular: str, plural: str, count: int) -> str:
    """Return the message for this count in this session's language."""
    return translation(language()).ngettext(singular, plural, count)


def N_(message: str) -> str:
    """Return the message as it is: it is marked for the catalogues here, and translated where it is shown."""
    return message
