"""What a page hands to the plane is checked before it leaves, and places on an axis turn into betas and back."""

from __future__ import annotations

import math
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.common.plane_axis import beta_at, frame_at
from pages.common.plane_options import Drawing, Event, Link, Nearest, RateMark, RowDigit, Trajectory, flags, greys
from vae_core.atlas import log_spaced

BETAS = log_spaced(0.01, 200.0, 33)


@given(st.floats(0.01, 200.0))
def test_a_beta_is_found_again_at_its_frame(beta: float) -> None:
    assert beta_at(BETAS, frame_at(BETAS, beta)) == pytest.approx(beta, rel=1e-9)


@given(st.floats(-5, 40))
def test_every_frame_has_a_beta_within_the_axis(frame: float) -> None:
    assert BETAS[0] <= beta_at(BETAS, frame) <= BETAS[-1] * (1 + 1e-12)


def test_an_axis_of_one_beta_has_one_place() -> None:
    assert (frame_at([4.0], 4.0), frame_at([4.0], 9.0), beta_at([4.0], 0.7)) == (0.0, 0.0, 4.0)


@pytest.mark.parametrize("picture", [[0] * 783, [256] + [0] * 783, [-1] + [0] * 783])
def test_a_picture_that_is_none_is_refused(picture: list[int]) -> None:
    for make in (greys, lambda p: RowDigit(p, "3").data(), lambda p: Nearest(0, p).data(), lambda p: Drawing(p).data()):
        with pytest.raises(ValueError, match="784 grey levels"):
            make(picture)


def test_a_mask_is_784_flags() -> None:
    assert flags(np.arange(784) < 2) == [1, 1] + [0] * 782
    with pytest.raises(ValueError, match="784 pixels"):
        flags([True] * 783)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Link("g", "pointer"), "coordinate, image, none"),
        (lambda: Link(""), "name of a group"),
        (lambda: RateMark("vae", math.nan, 1, 2), "vae.*finite"),
        (lambda: RateMark("vae", 0.0, 1, 2), "vae.*positive"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(make: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()


def test_options_reach_the_browser_as_plain_values() -> None:
    assert Link("g", "image").data() == {"group": "g", "mode": "image"}
    assert RowDigit([7] * 784, "3", 4).data() == {"pixels": [7] * 784, "label": "3", "index": 4}
    assert RateMark("vae", 1, 6.4, 128.2).data() == {"name": "vae", "beta": 1, "rate": 6.4, "distortion": 128.2}


def test_a_run_reaches_the_browser_with_the_place_it_left_its_parent() -> None:
    fork = Trajectory("fork", (10, 20), (1.23456, 2.0), (150.0, 140.00049), ("run", 10))
    assert fork.data() == {
        "name": "fork",
        "steps": [10, 20],
        "rates": [1.235, 2.0],
        "distortions": [150.0, 140.0],
        "parent": {"name": "run", "step": 10},
    }
    assert Trajectory("run", (), (), ()).data()["parent"] is None
    assert Event(120, "β 4").data() == {"step": 120, "text": "β 4"}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Event(-1, "β 4"), "step -1"),
        (lambda: Trajectory("r", (1, 2), (1.0,), (1.0, 2.0)), "r: every step"),
        (lambda: Trajectory("r", (1, 2), (1.0, math.nan), (1.0, 2.0)), "r: .*finite"),
        (lambda: Trajectory("r", (2, 2), (1.0, 1.0), (1.0, 2.0)), "r: .*ascend"),
    ],
)
def test_runs_and_changes_that_make_no_sense_are_refused(make: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()


def test_a_drawing_is_named_by_its_pixels_and_none_by_nothing() -> None:
    assert Drawing(None).data() == {"known": 0, "levels": None}
    pixels = [0] * 783 + [255]
    assert Drawing(pixels, range(1, 785)).data() == {"known": zlib.adler32(bytes(pixels)), "levels": [*range(1, 785)]}
