"""What a page lays over the plane is checked before it leaves, and arrives as it was meant."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from pages.common.plane_layers import DEPTH, Course, Ellipse, Ellipses, Field, Layer, Line, Marks

BOX = (-1.0, -2.0, 3.0, 4.0)
ROUND: Any = [[0.04, 0.01], [0.01, 0.09]]


def _sent(field: Field) -> NDArray[np.float64]:
    """The numbers that a browser reads out of a field."""
    data = field.data()
    steps = np.frombuffer(base64.b64decode(data["values"]), "<u2").astype(np.float64)
    width, height = data["size"]
    found: NDArray[np.float64] = data["low"] + steps * (data["high"] - data["low"]) / 65535
    return found.reshape(height, width)


@given(arrays(np.float64, array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=9), elements=st.floats(0, 1e6)))
def test_a_field_arrives_to_within_a_step_of_its_range(values: NDArray[np.float64]) -> None:
    step = np.ptp(values) / 65535
    np.testing.assert_allclose(_sent(Field("f", values, BOX, "magnitude")), values, atol=0.51 * step, rtol=1e-12)


def test_log_densities_may_be_minus_infinity_and_are_cut_far_below_the_highest() -> None:
    values = np.array([[-math.inf, -1e5], [-3.0, 2.0]])
    assert _sent(Field("f", values, BOX)) == pytest.approx(np.array([[2 - DEPTH, 2 - DEPTH], [-3, 2]]), abs=0.001)


def test_a_flat_field_arrives_flat() -> None:
    assert (_sent(Field("f", np.full((2, 3), 7.0), BOX)) == 7).all()


def test_layers_reach_the_browser_as_plain_values() -> None:
    field = Field("posterior", np.zeros((2, 3)), BOX).data()
    assert (field["kind"], field["scale"], field["box"], field["size"]) == ("field", "posterior", list(BOX), [3, 2])
    assert Ellipse("q", (0, 1), ROUND, "warm", dashed=True).data() == {
        "kind": "ellipse", "name": "q", "mean": [0, 1], "covariance": ROUND, "tone": "warm", "dashed": True,
    }  # fmt: skip
    assert Ellipses("J", [[0, 1], [2, 3]], [ROUND, ROUND]).data()["covariances"] == [ROUND, ROUND]
    assert Marks("modes", [[0.5, 1]], ["1"], "cool").data() == {
        "kind": "marks", "name": "modes", "points": [[0.5, 1]], "labels": ["1"], "tone": "cool",
    }  # fmt: skip
    assert Marks("none", np.empty((0, 2))).data()["points"] == []
    course = Course("q", [[0, 1], [2, 3]], [ROUND, ROUND]).data()
    assert (course["kind"], course["means"], course["covariances"]) == ("course", [[0, 1], [2, 3]], [ROUND, ROUND])
    assert Line("geodesic", [[0, 0], [1, 2]]).data()["points"] == [[0, 0], [1, 2]]


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (Field("f", [[0.0, math.nan], [1.0, 2.0]], BOX), "f: .* nan nowhere"),
        (Field("f", np.full((2, 2), -math.inf), BOX), "f: .*finite highest"),
        (Field("f", [[0.0, math.inf], [1.0, 2.0]], BOX), "f: .*finite highest"),
        (Field("f", [[0, -1], [1, 2]], BOX, "magnitude"), "f: .*not negative"),
        (Field("f", [[0.0, math.inf], [1.0, 2.0]], BOX, "magnitude"), "f: .*finite"),
        (Field("f", [0, 1], BOX), "f: .*raster"),
        (Field("f", [[0, 1], [2, 3]], (0, 0, 0, 1)), "f: .*corner"),
        (Field("f", [[0, 1], [2, 3]], BOX, "density"), "choose posterior, magnitude"),
        (Ellipse("q", (0, 1, 2), ROUND), "q: finite numbers"),
        (Ellipse("q", (0, math.nan), ROUND), "q: finite numbers"),
        (Ellipse("q", (0, 1), [[1, 2], [2, 1]]), "q: a covariance"),
        (Ellipse("q", (0, 1), ROUND, "red"), "choose accent, plain, warm, cool"),
        (Ellipses("J", [[0, 1]], [ROUND, ROUND]), "J: finite numbers"),
        (Marks("m", [[0, 1]], ["a", "b"]), "m: 1 marks .* 2 labels"),
        (Line("l", [[0, 0]]), "l: .*two points"),
        (Course("q", [[0, 0]], [ROUND]), "q: .*two places"),
    ],
)
def test_a_layer_that_makes_no_sense_is_refused_by_name(layer: Layer, said: str) -> None:
    make: Callable[[], object] = layer.data
    with pytest.raises(ValueError, match=said):
        make()
