"""Where a plane's view starts, as the page works it out; a browser test compares it with the view itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from pages.common.plane_home import home_box

codes = st.integers(1, 60).flatmap(lambda n: arrays(np.float64, (n, 2), elements=st.floats(-50, 50)))


@given(codes, st.booleans())
def test_it_is_a_square_with_room_around_all_codes(places: NDArray[np.float64], with_prior: bool) -> None:
    x0, y0, x1, y1 = home_box(places, with_prior)
    assert x1 - x0 == pytest.approx(y1 - y0)
    assert (places > (x0, y0)).all()
    assert (places < (x1, y1)).all()
    if with_prior:
        assert max(x0, y0) < -3
        assert min(x1, y1) > 3


def test_a_thousandth_of_the_codes_on_each_side_may_be_left_out() -> None:
    places = np.linspace(-5, 5, 3000)[:, None].repeat(2, 1)
    strays = np.array([[-90.0, 0.0], [90.0, 0.0], [0.0, 70.0]])
    x0, y0, x1, y1 = home_box(np.concatenate([places, strays]), with_prior=True)
    assert (x0, y0, x1, y1) == pytest.approx((-5.5, -5.5, 5.5, 5.5), abs=0.02)


def test_a_collapsed_code_still_has_a_plane_to_lie_on() -> None:
    x0, _y0, x1, _y1 = home_box(np.full((5, 2), 2.0), with_prior=False)
    assert x0 < 2 < x1
