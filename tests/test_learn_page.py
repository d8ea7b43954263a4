"""The learn page without a browser: every section in every language, and every control of each."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qsl

import pytest
from streamlit.testing.v1 import AppTest

from pages.common import beta_view, compare_view, explorer_view, inference_view, train_view
from pages.common.i18n import languages
from pages.common.learn_sections import SECTIONS
from tests.app_pages import fine, open_page, said, words

KEYS: Final = [section.key for section in SECTIONS]
VIEWS: Final = {
    "": explorer_view.VIEW,
    "compare": compare_view.VIEW,
    "beta": beta_view.VIEW,
    "inference": inference_view.VIEW,
    "train": train_view.VIEW,
}
OTHER: Final[dict[str, Any]] = {
    "learn.direction": "reverse",
    "learn.dimension": 10,
    "learn.space": "vae",
    "learn.f": "digit",
    "learn.family": "energy",
}
"""What to choose instead where a control offers words."""


def section(key: str, lang: str = "en") -> AppTest:
    """The page opened at one section, run once and free of exceptions."""
    return open_page("learn", {"section": key, "lang": lang})


def computed(at: AppTest) -> list[str]:
    """Everything computed that is on screen: charts, pictures, readings, and what stands under them."""
    drawn = [str(each.proto) for kind in ("plotly_chart", "graphviz_chart", "imgs") for each in at.get(kind)]
    return [*drawn, *(element.value for element in (*at.metric, *at.caption, *at.markdown))]


def controls(at: AppTest) -> dict[str, Any]:
    """The controls of the section, by their keys."""
    kinds = (at.slider, at.select_slider, at.segmented_control, at.selectbox)
    return {str(widget.key): widget for kind in kinds for widget in kind if str(widget.key).startswith("learn.")}


def other_value(widget: Any) -> Any:
    """A value of a control that it does not have now."""
    if widget.key in OTHER:
        return OTHER[widget.key]
    if str(widget.key).endswith(".digit"):
        return "7"
    if widget.type == "select_slider":
        return next(option for option in reversed(widget.options) if option != str(widget.value))
    return next(end for end in (widget.min, widget.max) if end != widget.value)


@pytest.mark.parametrize("lang", languages())
@pytest.mark.parametrize("key", KEYS)
def test_a_section_opens_with_text_a_figure_a_control_and_a_link(key: str, lang: str) -> None:
    at = section(key, lang)
    assert not at.info
    assert at.header[0].value
    assert at.latex or "$" in words(at)
    assert any(at.get(kind) for kind in ("plotly_chart", "graphviz_chart"))
    assert controls(at)
    assert at.get("page_link")


@pytest.mark.parametrize("key", KEYS)
def test_every_control_of_a_section_changes_what_is_shown(key: str) -> None:
    for name in controls(section(key)):
        at = section(key)
        widget, before = controls(at)[name], computed(at)
        fine(widget.set_value(other_value(widget)).run())
        assert computed(at) != before, name


@pytest.mark.parametrize("key", KEYS)
def test_a_section_leads_to_a_view_as_its_page_would_write_it(key: str) -> None:
    """Any other address would be written anew there, and the way back would lead through both."""
    for link in section(key).get("page_link"):
        view = {parameter.name: parameter for parameter in VIEWS[link.proto.page]}
        for name, value in parse_qsl(link.proto.query_string, strict_parsing=True):
            assert view[name].write(view[name].read(value)) == value


def test_the_first_section_is_shown_where_none_is_asked_for_and_only_one_is_drawn() -> None:
    at = open_page("learn", {})
    assert len(at.header) == 1
    assert at.radio[0].value == KEYS[0]
    assert not at.query_params


def test_a_section_that_there_is_not_gives_a_notice_that_names_them() -> None:
    (notice,) = section("everything").info
    assert all(f"`{key}`" in notice.value for key in KEYS)


def test_one_can_go_through_all_sections_and_the_address_follows() -> None:
    at = open_page("learn", {})
    for key in KEYS[1:]:
        fine(at.button(key="learn.go.right").click().run())
        assert said(at, "section") == key
    assert not [button for button in at.button if button.key == "learn.go.right"]
    fine(at.button(key="learn.go.left").click().run())
    assert said(at, "section") == KEYS[-2]


def test_the_contents_open_a_section() -> None:
    at = open_page("learn", {})
    fine(at.radio[0].set_value(KEYS[1]).run())
    assert said(at, "section") == KEYS[1]
    assert at.header[0].value == SECTIONS[1].title()


def readings(key: str) -> dict[str, str]:
    """The numbers of a section as it opens, by their names."""
    return {metric.label: metric.value for metric in section(key).metric}


def test_the_worked_example_of_the_divergence_is_computed() -> None:
    found = readings("divergence")
    assert (found["penalty of A"], found["penalty of B"]) == ("1.978", "−0.220")
    assert found["KL(p ‖ q)"] == found["KL(q ‖ p)"] == "1.758"
