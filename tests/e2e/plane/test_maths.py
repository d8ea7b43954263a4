"""The plane's numbers and geometry in JavaScript against numpy, scipy and vae_core."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Page
from scipy import stats

from tests.e2e.plane.harness import numbers
from vae_core.interpolation import METHODS


def test_the_inverse_normal_is_scipys_to_the_last_digits(js: Page) -> None:
    p = np.concatenate([np.geomspace(1e-300, 0.5, 400), 1 - np.geomspace(1e-15, 0.5, 200)])
    found = numbers(js.evaluate("(ps) => ps.map(plane.inverseNormal)", p.tolist()))
    np.testing.assert_allclose(found, stats.norm.ppf(p), rtol=1e-13, atol=1e-13)
    assert js.evaluate("[plane.inverseNormal(0), plane.inverseNormal(1)].map(String)") == ["-Infinity", "Infinity"]


def test_random_numbers_are_normal_and_can_be_drawn_again(js: Page) -> None:
    first, again = js.evaluate(
        """[5, 5].map((seed) => {
          const random = new plane.Random(seed);
          return Array.from({ length: 4000 }, () => random.normal());
        })"""
    )
    assert first == again
    assert stats.kstest(first, "norm").pvalue > 0.01


@pytest.mark.parametrize("method", sorted(METHODS))
@pytest.mark.parametrize(
    "ends", [((1, 0), (0, 2)), ((1, 1), (-1, -1)), ((2, 1), (-1.5, 0.5)), ((0, 0), (1, 1)), ((1, -0.1), (1, 0.1))]
)
def test_paths_run_as_those_that_are_exported(js: Page, method: str, ends: tuple[Any, Any]) -> None:
    a, b = (torch.tensor(end, dtype=torch.float64) for end in ends)
    t = torch.linspace(0, 1, 9, dtype=torch.float64)
    found = js.evaluate(
        "([method, a, b, ts]) => ts.map((t) => plane.between(method, a, b, t))",
        [method, a.tolist(), b.tolist(), t.tolist()],
    )
    np.testing.assert_allclose(numbers(found), METHODS[method](a, b, t), atol=1e-9)


def test_a_path_passes_through_its_pins(js: Page) -> None:
    pins = [[0.0, 1.0], [2.0, -1.0], [0.5, 0.5]]
    found = js.evaluate("(pins) => [0, 1, 2, 1.5].map((t) => plane.alongPath('linear', pins, t))", pins)
    assert found == [*pins, [1.25, -0.25]]


def test_a_point_is_in_a_star_where_the_even_odd_rule_says_so(js: Page, generator: torch.Generator) -> None:
    angles = np.arange(5) * 4 * np.pi / 5  # a pentagram crosses itself
    star = np.stack([np.cos(angles), np.sin(angles)], -1)
    tries = (torch.rand(500, 2, generator=generator) * 2.4 - 1.2).numpy()
    found = js.evaluate(
        "([star, tries]) => tries.map(([x, y]) => plane.inPolygon(star, x, y))", [star.tolist(), tries.tolist()]
    )
    a, b = star, np.roll(star, -1, axis=0)
    crossings = np.zeros(len(tries), dtype=int)
    for (ax, ay), (bx, by) in zip(a, b, strict=True):
        with np.errstate(divide="ignore", invalid="ignore"):
            at = ax + (tries[:, 1] - ay) * (bx - ax) / (by - ay)
        crossings += ((ay > tries[:, 1]) != (by > tries[:, 1])) & (tries[:, 0] < at)
    assert found == (crossings % 2 == 1).tolist()
    assert 0 < sum(found) < 500


def test_an_ellipse_of_one_sigma_has_the_deviations_as_half_axes(js: Page) -> None:
    found = js.evaluate("plane.halfAxes([Math.log(4), Math.log(0.25)], 2)")
    np.testing.assert_allclose(found, [4, 1])


def test_ticks_are_even_round_numbers_within_the_range(js: Page) -> None:
    for low, high in [(-3.3, 3.3), (0.01, 0.013), (-250, 900)]:
        found = js.evaluate("([low, high]) => plane.ticks(low, high, 8)", [low, high])
        values = numbers(found["values"])
        assert 2 <= len(values) <= 9
        assert low <= values[0] <= values[-1] <= high
        np.testing.assert_allclose(np.diff(values), found["step"], rtol=1e-9)
    assert js.evaluate("[plane.tickLabel(-0.5, 0.5), plane.tickLabel(2, 1), plane.tickLabel(-1e-17, 0.2)]") == [
        "−0.5",
        "2",
        "0",
    ]


def test_zooming_keeps_the_point_under_the_pointer(js: Page) -> None:
    before, after, zoom = js.evaluate(
        """() => {
          const view = new plane.View();
          view.size = 600;
          view.setHome({ x: -4, y: -4, side: 8 });
          const before = view.toWorld(450, 130);
          view.zoomAt(450, 130, 3);
          return [before, view.toWorld(450, 130), view.zoom];
        }"""
    )
    assert after == pytest.approx(before)
    assert zoom == pytest.approx(3)


def test_nobody_gets_lost_by_panning_or_zooming(js: Page) -> None:
    sides, centre = js.evaluate(
        """() => {
          const view = new plane.View();
          view.size = 600;
          view.setHome({ x: -4, y: -4, side: 8 });
          const sides = [1e9, 1e-9].map((factor) => { view.zoomAt(300, 300, factor); return view.side; });
          view.panBy(1e9, 1e9);
          return [sides, view.centre];
        }"""
    )
    assert 0 < sides[0] < sides[1] < 100
    assert all(abs(value) <= 16 for value in centre)


def test_the_first_view_has_the_codes_and_three_sigma_in_it_but_not_every_stray(js: Page) -> None:
    extent = js.evaluate(
        """() => {
          const points = new Float32Array(8000).map((_, i) => Math.sin(i));
          points[0] = 500;
          return [true, false].map((prior) => plane.View.extentOf(points, prior));
        }"""
    )
    with_prior, without = extent
    assert with_prior["x"] <= -3
    assert with_prior["x"] + with_prior["side"] >= 3
    assert with_prior["side"] < 8
    assert without["side"] == pytest.approx(2.2, abs=0.05)
