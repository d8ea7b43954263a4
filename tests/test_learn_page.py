"""The learn page without a browser: every section in every language, and every control of each."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qsl

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pages.common import beta_view, compare_view, explorer_view, inference_view, own_models, train_view
from pages.common.i18n import languages
from pages.common.learn_sections import SECTIONS
from tests.app_pages import fine, open_page, said, words
from vae_core.errors import ModelError
from vae_core.models import Autoencoder

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


def number(text: str) -> float:
    """A number as the page writes it."""
    return float(text.replace("−", "-").replace(",", ""))


@pytest.mark.parametrize("width", ["0.5", "1.0", "4.0"])
def test_the_bound_and_the_divergence_of_a_real_digit_add_up_whatever_q_is(width: str) -> None:
    at = section("elbo")
    fine(at.select_slider(key="learn.elbo.width").set_value(width).run())
    found = {metric.label: number(metric.value) for metric in at.metric}
    assert found["ELBO"] + found["KL(q(z|x) ‖ p(z|x))"] == pytest.approx(found["log p(x), by quadrature"], abs=0.1)


def test_the_encoder_s_own_width_is_among_the_best_at_the_beta_it_was_trained_with() -> None:
    assert number(readings("balance")["the least loss is at"].removesuffix(" σ")) == pytest.approx(1, abs=0.6)


def test_turning_c_up_and_beta_down_changes_nothing() -> None:
    at = section("knob")
    fine(at.select_slider(key="learn.knob.c").set_value("0.01").run())
    fine(at.select_slider(key="learn.knob.beta").set_value("10.0").run())
    assert [metric.value for metric in at.metric] == list(readings("knob").values())


def test_a_point_has_an_infinite_divergence_from_the_prior_and_one_image() -> None:
    at = section("encoder")
    fine(at.slider(key="learn.width").set_value(0).run())
    assert {metric.label: metric.value for metric in at.metric} == {
        "σ₁, σ₂": "0, 0",
        "difference between the images, a pixel": "0.000",
        "KL to the prior, nats": "∞",
    }


def test_the_autoencoder_s_prior_has_more_holes_than_the_vae_s() -> None:
    at = section("autoencoder")
    shares = [number(at.metric[0].value.removesuffix("\N{NO-BREAK SPACE}%"))]
    fine(at.segmented_control(key="learn.space").set_value("vae").run())
    shares.append(number(at.metric[0].value.removesuffix("\N{NO-BREAK SPACE}%")))
    assert shares[0] > 5 * shares[1] > 0


def test_without_a_model_a_section_says_so_and_the_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str) -> Autoencoder:
        raise ModelError(f"{name} is gone: rebuild it with `python -m vae_core zoo {name}`")

    st.cache_resource.clear()
    monkeypatch.setattr(own_models, "load", load)
    at = section("encoder")
    assert len(at.error) == 1
    assert "python -m vae_core zoo vae" in at.text[0].value
    fine(at.radio[0].set_value("density").run())
    assert not at.error
