"""Charts: what they show is what was measured, with units, in the shared colours."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vae_core import figures
from vae_core.errors import LatentExplorerError
from vae_core.palette import DARK, LIGHT, for_theme

METRICS = [
    {"step": 100, "beta": 0.1, "reconstruction": 180.0, "kl": 9.0},
    {"step": 200, "beta": 0.2, "reconstruction": 160.0, "kl": 7.5},
]
EXAMPLES: dict[str, Callable[[], go.Figure]] = {
    "counts": lambda: figures.counts_per_class([1, 1, 7]),
    "probabilities": lambda: figures.class_probabilities([0.1] * 10),
    "errors": lambda: figures.error_histogram([100.0, 120.0], [80.0, 90.0, 100.0, 120.0]),
    "training": lambda: figures.training_curves(METRICS),
}


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_chart_lies_on_any_background_and_names_its_axes(example: str) -> None:
    figure = EXAMPLES[example]()
    assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0, 0, 0, 0)"
    assert all(axis.title.text for axis in figure.select_yaxes())
    assert figure.layout.title.text is None
    assert all("<extra></extra>" in trace.hovertemplate for trace in figure.data)


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_chart_can_be_saved_without_a_page(example: str) -> None:
    assert go.Figure(EXAMPLES[example]().to_dict()).to_json()


@given(st.lists(st.integers(-1, 9)))
def test_every_image_is_counted_once(labels: list[int]) -> None:
    (bars,) = figures.counts_per_class(labels).data
    assert sum(bars.y) == len(labels)
    assert list(bars.y[:10]) == [labels.count(digit) for digit in range(10)]
    assert ("none" in bars.x) == (-1 in labels)


def test_a_digit_has_its_colour_in_every_chart() -> None:
    for palette in (LIGHT, DARK):
        counts = figures.counts_per_class([1, -1], palette=palette).data[0]
        probabilities = figures.class_probabilities([0.1] * 10, palette=palette).data[0]
        assert list(counts.marker.color) == [*palette.digits, palette.unknown]
        assert list(probabilities.marker.color) == list(palette.digits)
        # Hatching tells it from the two greys among the ten.
        assert list(counts.marker.pattern.shape) == [""] * 10 + ["/"]


def test_other_classes_than_digits_keep_their_names() -> None:
    (bars,) = figures.counts_per_class([0, 2, 2], ["cat", "dog", "owl"]).data
    assert (list(bars.x), list(bars.y)) == (["cat", "dog", "owl"], [1, 0, 2])


def test_probabilities_are_drawn_on_the_whole_scale() -> None:
    figure = figures.class_probabilities(np.eye(10)[7])
    assert list(figure.data[0].y) == [0.0] * 7 + [1.0, 0.0, 0.0]
    assert tuple(figure.layout.yaxis.range) == (0, 1)


@pytest.mark.parametrize("values", [[0.5] * 9, [0.5] * 11, [1.5] + [0.0] * 9, [-0.1] + [0.1] * 9, [float("nan")] * 10])
def test_what_is_no_set_of_probabilities_is_refused(values: list[float]) -> None:
    with pytest.raises(LatentExplorerError, match="10 classes"):
        figures.class_probabilities(values)


errors = st.lists(st.floats(0, 1000), min_size=1, max_size=50)


@given(errors, errors)
@example([5e-324], [0.0])
def test_shares_of_a_histogram_sum_to_one_over_the_same_bins(selection: list[float], rest: list[float]) -> None:
    every, chosen = figures.error_histogram(selection, [*rest, *selection]).data
    assert (every.name, chosen.name) == ("all", "selection")
    assert sum(every.y) == pytest.approx(1)
    assert sum(chosen.y) == pytest.approx(1)
    assert list(every.x) == list(chosen.x)


def test_a_histogram_of_nothing_is_refused() -> None:
    with pytest.raises(LatentExplorerError, match="at least one image"):
        figures.error_histogram([], [1.0])


def test_training_curves_add_up() -> None:
    figure = figures.training_curves(METRICS)
    curves = {trace.name: list(trace.y) for trace in figure.data}
    assert curves == {"ELBO": [-189.0, -167.5], "distortion": [180.0, 160.0], "rate": [9.0, 7.5]}
    assert all(list(trace.x) == [100, 200] for trace in figure.data)
    assert figure.layout.xaxis3.title.text == "step"


def test_a_run_that_has_logged_nothing_yet_has_empty_curves() -> None:
    assert [len(trace.y) for trace in figures.training_curves([]).data] == [0, 0, 0]


def test_the_plane_has_the_same_colours() -> None:
    """`tests/test_plane_colours.py` tests that these can be told apart, and seen."""
    script = (Path(__file__).resolve().parents[1] / "assets" / "plane" / "colours.js").read_text("utf-8")
    assert _colours_of(script, "DIGITS_LIGHT") == LIGHT.digits
    assert _colours_of(script, "DIGITS_DARK") == DARK.digits
    none = re.search(r"none: dark \? \[([\d, ]+)\] : \[([\d, ]+)\]", script)
    assert none, "colours.js does not define the colour of points without a label"
    greys = [f"#{bytes(map(int, numbers.split(','))).hex()}" for numbers in none.groups()]
    assert greys == [DARK.unknown, LIGHT.unknown]


def _colours_of(script: str, name: str) -> tuple[str, ...]:
    found = re.search(rf"const {name} = \[([^\]]*)\];", script)
    assert found, f"colours.js does not define {name}"
    return tuple(re.findall(r"#[0-9a-f]{6}", found[1]))


def test_the_accent_is_the_apps() -> None:
    config = tomllib.loads((Path(__file__).resolve().parents[1] / ".streamlit" / "config.toml").read_text("utf-8"))
    assert config["theme"]["light"]["primaryColor"] == LIGHT.accent
    assert config["theme"]["dark"]["primaryColor"] == DARK.accent


def test_a_theme_has_its_palette_and_classes_beyond_ten_repeat_it() -> None:
    assert (for_theme(dark=True), for_theme(dark=False)) == (DARK, LIGHT)
    assert DARK.of_class(12) == DARK.digits[2]
    assert DARK.of_class(-1) == DARK.unknown
