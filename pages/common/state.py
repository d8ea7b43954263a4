"""What a browser session has on screen: read from the address, kept between runs, written back to it.

The address is read when a page is entered and when the person goes back or forward, and at no other time:
a run caused by a widget may still carry the address of the run before it, and would undo the change.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.common import keys
from pages.common.i18n import _
from pages.common.parameters import LANGUAGE, Parameter
from pages.common.text import quoted

T = TypeVar("T")


def get(parameter: Parameter[T]) -> T:
    """Return what the session has for a part of the view."""
    if parameter.key not in st.session_state:  # a widget that was not drawn in the last run has lost its value
        put(parameter, _remembered(parameter))
    value: T = st.session_state[parameter.key]
    return value


def put(parameter: Parameter[T], value: T) -> None:
    """Set a part of the view; before its widget is drawn, where it has one."""
    st.session_state[parameter.key] = value


def restore(page: str, parameters: Sequence[Parameter[Any]]) -> None:
    """Bring the session to the view that the address describes, before any widget is drawn.

    What the address does not say is as the person left it on another page, else the default. What it says
    wrongly becomes a notice (`notices`) and the default.
    """
    entered = st.session_state.get(keys.PAGE) != page
    history = _went_through_history()
    st.session_state[keys.PAGE] = page
    if entered or history:
        st.session_state[keys.REVISION] = revision() + 1
        _read_address((*parameters, LANGUAGE), forget=history)
    for parameter in parameters:
        get(parameter)


def revision() -> int:
    """Return how often the session has read the address: what the browser says of itself is older than a new one."""
    return int(st.session_state.get(keys.REVISION, 0))


def publish(parameters: Iterable[Parameter[Any]]) -> None:
    """Write the view to the address, so that opening it elsewhere shows what is on screen now.

    A default is left out unless the address already says it. Nothing is sent when nothing changed.
    """
    said = st.query_params.to_dict()
    parameters = (*parameters, LANGUAGE)
    view = {p.name: p.write(get(p)) for p in parameters if p.key in st.session_state}
    defaults = {p.name: p.write(p.default) for p in parameters}
    st.session_state[keys.REMEMBERED] = {**st.session_state.get(keys.REMEMBERED, {}), **view}
    shown = {name: text for name, text in view.items() if text != defaults[name] or (text and name in said)}
    if shown != said:
        st.query_params.from_dict(shown)


def notices() -> list[str]:
    """Return what was wrong with the address, as Markdown in which the person's own words are code."""
    return list(st.session_state.get(keys.NOTICES, []))


def dismiss_notices() -> None:
    """Forget the notices."""
    st.session_state[keys.NOTICES] = []


def _went_through_history() -> bool:
    context = get_script_run_ctx()
    return context is not None and context.is_history_navigation


def _remembered(parameter: Parameter[T]) -> T:
    text = st.session_state.get(keys.REMEMBERED, {}).get(parameter.name)
    try:
        return parameter.default if text is None else parameter.read(text)
    except ValueError:  # what one page remembers may be more than another can show
        return parameter.default


def _read_address(parameters: tuple[Parameter[Any], ...], *, forget: bool) -> None:
    said = st.query_params.to_dict()
    known = {parameter.name for parameter in parameters}
    st.session_state[keys.NOTICES] = [
        _("The address mentions {name}, which this page does not know.").format(name=quoted(name))
        for name in said
        if name not in known
    ]
    for parameter in parameters:
        if parameter.name in said:
            put(parameter, _read(parameter, said[parameter.name]))
        else:
            put(parameter, parameter.default if forget else _remembered(parameter))


def _read(parameter: Parameter[T], text: str) -> T:
    try:
        return parameter.read(text)
    except ValueError:
        st.session_state[keys.NOTICES].append(
            _("{name} in the address cannot be {value}. It is {expected}; the usual one is shown.").format(
                name=quoted(parameter.name), value=quoted(text), expected=parameter.expected()
            )
        )
        return parameter.default
