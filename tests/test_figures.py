"""Charts: what they show is what was measured, with units, in the shared colours."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vae_core import figures, palette
from vae_core.errors import LatentExplorerError

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
    counts, probabilities = (EXAMPLES[name]().data[0] for name in ("counts", "probabilities"))
    assert list(counts.marker.color) == list(probabilities.marker.color) == list(palette.DIGITS)
    assert figures.counts_per_class([-1]).data[0].marker.color[-1] == palette.UNKNOWN


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


def _srgb_to_linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def _luminance(colour: str) -> float:
    red, green, blue = (_srgb_to_linear(int(colour[i : i + 2], 16) / 255) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _as_seen_without_green(colour: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Deuteranopia in linear RGB, Viénot, Brettel & Mollon 1999."""
    linear = np.array([_srgb_to_linear(int(colour[i : i + 2], 16) / 255) for i in (1, 3, 5)])
    confusion = np.array([[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]])
    seen: np.ndarray[tuple[int], np.dtype[np.float64]] = np.clip(confusion @ linear, 0, 1) ** (1 / 2.2)
    return seen


def test_ten_colours_stay_apart_without_green_and_show_on_light_and_dark() -> None:
    assert len(set(palette.DIGITS)) == 10
    seen = [_as_seen_without_green(colour) for colour in palette.DIGITS]
    closest = min(np.linalg.norm(a - b) for i, a in enumerate(seen) for b in seen[:i])
    assert closest > 0.08
    for colour in (*palette.DIGITS, palette.UNKNOWN):
        luminance = _luminance(colour)
        assert (1.05 / (luminance + 0.05)) > 1.4, f"{colour} is lost on white"
        assert (luminance + 0.05) / 0.055 > 1.4, f"{colour} is lost on black"


def test_the_plane_has_the_same_colours() -> None:
    script = (Path(__file__).resolve().parents[1] / "assets" / "plane" / "colours.js").read_text("utf-8")
    for name in ("DIGITS_LIGHT", "DIGITS_DARK"):
        assert _colours_of(script, name) == palette.DIGITS


def _colours_of(script: str, name: str) -> tuple[str, ...]:
    found = re.search(rf"const {name} = (\[[^\]]*\]|\w+);", script)
    assert found, f"colours.js does not define {name}"
    colours = tuple(re.findall(r"#[0-9a-f]{6}", found[1]))
    return colours or _colours_of(script, found[1])


def test_classes_beyond_ten_repeat_the_palette_and_none_is_grey() -> None:
    assert palette.of_class(12) == palette.DIGITS[2]
    assert palette.of_class(-1) == palette.UNKNOWN
