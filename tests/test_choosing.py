"""A row of buttons that chooses one of a few things."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def _script(required: bool) -> None:
    from typing import Any

    import streamlit as st

    from pages.common import state
    from pages.common.choosing import choose
    from pages.common.parameters import choice, optional

    kinds: dict[bool, Any] = {True: choice, False: optional}
    parameter = kinds[required]("part", ("first", "second"))
    state.restore("test", (parameter,))
    choose(parameter, {"first": "The first", "second": "The second"}, "Parts", "What is shown", required=required)
    st.write(f"chosen: {state.get(parameter)}")


def test_the_buttons_bear_titles_and_choose_by_value() -> None:
    app = AppTest.from_function(_script, kwargs={"required": True}).run()
    buttons = app.button_group[0]
    assert list(buttons.options) == ["The first", "The second"]
    assert app.markdown[0].value == "chosen: first"
    buttons.set_value("second").run()
    assert app.markdown[0].value == "chosen: second"
    assert not app.exception


def test_where_none_is_required_none_is_chosen_at_first() -> None:
    app = AppTest.from_function(_script, kwargs={"required": False}).run()
    assert app.markdown[0].value == "chosen: None"
    app.button_group[0].set_value("first").run()
    assert app.markdown[0].value == "chosen: first"
    app.button_group[0].set_value(None).run()
    assert app.markdown[0].value == "chosen: None"
    assert not app.exception
