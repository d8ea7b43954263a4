"""A session's view: from the address, through widgets, back to the address."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest


def _page() -> None:
    import streamlit as st

    from pages.common import state
    from pages.common.layout import open_page
    from pages.common.parameters import PINS, Z, choice, subset

    model = choice("model", ["vae", "ae"])
    overlays = subset("overlays", ["tiles", "holes"], default=["holes"])
    view = (model, overlays, Z, PINS)
    page = st.session_state.get("which page", "explorer")
    state.restore(page, view)
    open_page("Test")
    if page == "explorer":
        st.selectbox("Model", ["vae", "ae"], key=model.key)
        st.pills("Overlays", ["tiles", "holes"], selection_mode="multi", key=overlays.key)
        if st.button("Centre", key="centre"):
            state.put(Z, (0.0, 0.0))
    chosen, pins = state.get(overlays), state.get(PINS)
    st.text(repr((state.get(model), list(chosen), state.get(Z), list(pins))))
    state.publish(view)


@pytest.fixture
def at() -> AppTest:
    return AppTest.from_function(_page)


def _view(at: AppTest) -> str:
    assert not at.exception
    return str(at.text[0].value)


def _address(at: AppTest) -> dict[str, str]:
    return {name: values[-1] if isinstance(values, list) else values for name, values in at.query_params.items()}


def test_an_empty_address_shows_the_defaults_and_stays_empty(at: AppTest) -> None:
    at.run()
    assert _view(at) == repr(("vae", ["holes"], None, []))
    assert _address(at) == {}
    assert not at.info


def test_the_address_is_restored_and_kept(at: AppTest) -> None:
    said = {"model": "ae", "overlays": "tiles,holes", "z": "0.25,-1.5", "pins": "0,0~1,2"}
    for name, value in said.items():
        at.query_params[name] = value
    at.run()
    assert _view(at) == repr(("ae", ["tiles", "holes"], (0.25, -1.5), [(0.0, 0.0), (1.0, 2.0)]))
    assert _address(at) == said


def test_a_default_that_the_address_says_stays_in_it(at: AppTest) -> None:
    at.query_params["model"] = "vae"
    at.run()
    assert _address(at) == {"model": "vae"}


def test_a_widget_changes_the_address(at: AppTest) -> None:
    at.run()
    at.selectbox[0].select("ae").run()
    assert _address(at) == {"model": "ae"}
    at.button(key="centre").click().run()
    assert _address(at) == {"model": "ae", "z": "0,0"}
    assert not at.exception


def test_an_old_address_does_not_undo_a_widget(at: AppTest) -> None:
    at.query_params["model"] = "vae"
    at.run()
    at.selectbox[0].select("ae")
    at.query_params["model"] = "vae"  # the browser has not heard of the last change yet
    at.run()
    assert _view(at).startswith("('ae'")
    assert _address(at) == {"model": "ae"}


def test_nothing_chosen_is_told_apart_from_the_default(at: AppTest) -> None:
    at.query_params["overlays"] = ""
    at.run()
    assert _view(at) == repr(("vae", [], None, []))
    assert _address(at) == {"overlays": ""}


@pytest.mark.parametrize(
    ("name", "value"), [("z", "inf,0"), ("z", "one,two"), ("model", "gan"), ("overlays", "x"), ("pins", "1")]
)
def test_what_makes_no_sense_gives_a_notice_and_the_default(at: AppTest, name: str, value: str) -> None:
    at.query_params[name] = value
    at.run()
    assert _view(at) == repr(("vae", ["holes"], None, []))
    assert f"`{name}`" in at.info[0].value
    assert f"`{value}`" in at.info[0].value
    assert value not in _address(at).values()


def test_an_unknown_parameter_gives_a_notice_and_leaves_the_address(at: AppTest) -> None:
    at.query_params["colours"] = "red"
    at.run()
    assert "`colours`" in at.info[0].value
    assert _address(at) == {}


def test_a_notice_stays_until_it_is_dismissed(at: AppTest) -> None:
    at.query_params["z"] = "here"
    at.run()
    at.selectbox[0].select("ae").run()
    assert at.info
    at.button(key="dismiss").click().run()
    assert not at.info
    assert not at.exception


def test_a_page_remembers_its_view_while_another_is_shown(at: AppTest) -> None:
    at.run()
    at.selectbox[0].select("ae").run()
    at.session_state["which page"] = "learn"
    at.run()
    at.query_params.clear()
    at.session_state["which page"] = "explorer"
    at.run()
    assert at.selectbox[0].value == "ae"
    assert _address(at) == {"model": "ae"}
    assert not at.exception
