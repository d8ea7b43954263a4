"""Query parameters: what is read back is what was written, and nothing else is let in."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.common.parameters import (
    BETA,
    LANGUAGE,
    PINS,
    RUN,
    Parameter,
    Z,
    choice,
    read_point,
    subset,
    write_point,
)
from pages.common.plane_state import FARTHEST, MOST_PINS

MODEL = choice("model", ["vae", "ae"])
OVERLAYS = subset("overlays", ["tiles", "holes", "density"], default=["holes"])
ALL: list[Parameter[Any]] = [MODEL, OVERLAYS, Z, PINS, BETA, RUN, LANGUAGE]


def _refused(parameter: Parameter[Any], text: str) -> bool:
    try:
        parameter.read(text)
    except ValueError:
        return True
    return False


coordinates = st.floats(-FARTHEST, FARTHEST)
points = st.tuples(coordinates, coordinates)


@given(points)
def test_a_point_survives_the_address_to_four_decimals(point: tuple[float, float]) -> None:
    again = read_point(write_point(point))
    assert again == pytest.approx(point, abs=5.0001e-5)
    assert write_point(again) == write_point(point)


@pytest.mark.parametrize(("point", "text"), [((0.25, -1.5), "0.25,-1.5"), ((-0.0, 1e-9), "0,0"), ((2, 10), "2,10")])
def test_a_point_is_written_the_short_way(point: tuple[float, float], text: str) -> None:
    assert write_point(point) == text


@given(st.lists(points, max_size=MOST_PINS))
def test_pins_survive_the_address(pins: list[tuple[float, float]]) -> None:
    again = PINS.read(PINS.write(pins))
    assert len(again) == len(pins)
    assert PINS.write(again) == PINS.write(pins)


@given(st.floats(min_value=1e-4, max_value=1e4))
def test_beta_survives_the_address(beta: float) -> None:
    again = BETA.read(BETA.write(beta))
    assert again == pytest.approx(beta, rel=1e-5)


@given(st.lists(st.sampled_from(["tiles", "holes", "density"]), unique=True))
def test_a_choice_of_several_survives_the_address_in_one_order(chosen: list[str]) -> None:
    assert set(OVERLAYS.read(OVERLAYS.write(chosen))) == set(chosen)
    assert OVERLAYS.read(OVERLAYS.write(chosen)) == OVERLAYS.read(OVERLAYS.write(chosen[::-1]))


@pytest.mark.parametrize(
    "text",
    ["", "1", "1,2,3", "a,b", "inf,0", "nan,nan", "1e999,0", "1_0,0", " 1,2", "1,2\n", "1;2", "١,٢", "1000001,0"],
)
def test_what_is_no_point_of_the_plane_is_refused(text: str) -> None:
    assert _refused(Z, text)


@pytest.mark.parametrize("text", ["0", "-1", "inf", "1e7", "one"])
def test_what_is_no_beta_is_refused(text: str) -> None:
    assert _refused(BETA, text)


@pytest.mark.parametrize("text", ["", "..", "../secret", "a/b", "a\\b", ".hidden", "x" * 101, "a b", "/etc"])
def test_a_run_is_a_plain_name_and_never_a_path(text: str) -> None:
    assert _refused(RUN, text)


def test_more_pins_than_can_be_shown_are_refused() -> None:
    assert _refused(PINS, "~".join(["0,0"] * (MOST_PINS + 1)))


@given(st.text())
def test_any_text_is_read_or_refused_and_never_breaks(text: str) -> None:
    for parameter in ALL:
        try:
            value = parameter.read(text)
        except ValueError:
            continue
        assert parameter.write(parameter.read(parameter.write(value))) == parameter.write(value)


@given(st.text())
def test_every_number_let_in_is_finite(text: str) -> None:
    try:
        assert all(map(math.isfinite, read_point(text)))
    except ValueError:
        return


def test_a_wrong_value_is_answered_with_what_would_be_right() -> None:
    assert MODEL.expected() == "one of `vae`, `ae`"
    assert all(parameter.expected() for parameter in ALL)
