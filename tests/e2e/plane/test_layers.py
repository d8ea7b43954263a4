"""What lies over the plane's points: rasters and regions against closed forms, and what is drawn of them."""

from __future__ import annotations

import base64
import math
from contextlib import closing
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, expect

from pages.common.plane_layers import Course, Ellipse, Ellipses, Field, Layer, Line, Marks
from tests.e2e.plane.harness import Bench, make_atlas, make_model, new_context, numbers, open_bench, pack_id

ATLAS = make_atlas(make_model())
ATLAS_ID = pack_id(ATLAS)
BOX = (-2.0, -2.0, 2.0, 2.0)
ROUND = [[0.09, 0.0], [0.0, 0.09]]
DRAWN = """
() => {
  const canvas = document.getElementById("view").shadowRoot.querySelector("canvas.layers");
  if (!canvas) return null;
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return btoa(Array.from({ length: data.length / 4 }, (_, k) => String.fromCharCode(data[4 * k + 3])).join(""));
}
"""


def bump(sigma: float, size: int = 41) -> NDArray[np.float64]:
    """The log-density of a round Gaussian about the origin, up to a constant, on a raster over BOX."""
    x, y = np.meshgrid(*[np.linspace(-2, 2, size)] * 2)
    return np.asarray(-(x**2 + y**2) / (2 * sigma**2))


def cover(bench: Bench) -> NDArray[np.float64] | None:
    """How much of each pixel of the plane the layers cover; None where there is no canvas for them."""
    bench.frame()
    return cover_now(bench)


def cover_now(bench: Bench) -> NDArray[np.float64] | None:
    """The same, without waiting for anything to be drawn."""
    drawn = bench.page.evaluate(DRAWN)
    if drawn is None:
        return None
    alphas = np.frombuffer(base64.b64decode(drawn), np.uint8).astype(np.float64)
    return alphas.reshape(math.isqrt(len(alphas)), -1)


def data(*layers: Layer) -> list[dict[str, Any]]:
    """The layers as the plane gets them."""
    return [layer.data() for layer in layers]


def test_a_raster_made_finer_goes_through_its_nodes_and_keeps_parabolas(js: Page) -> None:
    x, y = np.meshgrid(np.arange(5.0), np.arange(4.0))
    values = 1 + x - 2 * y + 0.5 * x**2 - x * y + 0.25 * y**2
    found = js.evaluate(
        """(values) => {
          const { values: fine, width, height } = plane.refine(Float32Array.from(values), 5, 4, 3);
          return [width, height, Array.from(fine)];
        }""",
        values.ravel().tolist(),
    )
    assert found[:2] == [13, 10]
    x, y = np.meshgrid(np.arange(13) / 3, np.arange(10) / 3)
    expected = 1 + x - 2 * y + 0.5 * x**2 - x * y + 0.25 * y**2
    np.testing.assert_allclose(numbers(found[2]).reshape(10, 13), expected, atol=1e-5)


def test_the_regions_of_a_gaussian_are_its_discs(js: Page) -> None:
    size, sigma, shares = 201, 0.5, [0.5, 0.9, 0.99]
    found = js.evaluate(
        """([values, size, shares]) => {
          const raster = { values: Float32Array.from(values), width: size, height: size };
          const levels = plane.regionLevels(raster.values, shares);
          return [levels, levels.map((level) => plane.isolines(raster, level).map((line) => Array.from(line)))];
        }""",
        [bump(sigma, size).ravel().tolist(), size, shares],
    )
    np.testing.assert_allclose(found[0], np.log1p(-np.array(shares)), atol=0.02)
    for share, lines in zip(shares, found[1], strict=True):
        assert len(lines) == 1
        x, y = (numbers(lines[0]).reshape(-1, 2) * 4 / (size - 1) - 2).T
        radius = sigma * np.sqrt(-2 * np.log1p(-share))
        np.testing.assert_allclose(np.hypot(x, y), radius, rtol=0.01)
        area = 0.5 * abs(x @ np.roll(y, -1) - y @ np.roll(x, -1))
        assert area == pytest.approx(np.pi * radius**2, rel=0.01)


def test_what_runs_out_of_a_raster_is_closed_along_its_edge(js: Page) -> None:
    lines = js.evaluate(
        """() => {
          const values = Float32Array.from({ length: 12 }, (_, k) => (k % 4 < 2 ? 1 : 0));
          return plane.isolines({ values, width: 4, height: 3 }, 0.5).map((line) => Array.from(line));
        }"""
    )
    assert len(lines) == 1
    x, y = numbers(lines[0]).reshape(-1, 2).T
    assert (x.min(), x.max(), y.min(), y.max()) == (0, 1.5, 0, 2)


def test_an_ellipse_has_the_covariances_axes(js: Page, generator: torch.Generator) -> None:
    factors = torch.randn(20, 2, 2, generator=generator, dtype=torch.float64)
    covariances = (factors @ factors.mT).numpy()
    found = numbers(js.evaluate("(all) => all.map(plane.ellipseOf)", covariances.tolist()))
    for covariance, (long, short, angle) in zip(covariances, found, strict=True):
        axes = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        np.testing.assert_allclose(axes @ np.diag([long**2, short**2]) @ axes.T, covariance, atol=1e-9)


@pytest.mark.parametrize("renderer", ["auto", "canvas2d"])
def test_a_field_covers_its_regions_and_goes_again_without_a_trace(bench: Bench, renderer: str) -> None:
    options: dict[str, Any] = {"renderer": renderer, "parts": ["toolbar"]}
    bench.open(ATLAS, **options)
    assert cover(bench) is None
    before = bench.stage.bounding_box()
    bench.show(ATLAS_ID, layers=data(Field("the posterior", bump(0.4), BOX)), **options)
    drawn = cover(bench)
    assert drawn is not None
    scale = len(drawn) / _side(bench)
    y, x = np.mgrid[: len(drawn), : len(drawn)] + 0.5
    radius = np.hypot(x - len(drawn) / 2, y - len(drawn) / 2) / scale
    outermost = 0.4 * np.sqrt(-2 * np.log(0.01))
    assert (drawn[radius < 0.97 * outermost] > 0).all()
    # Around it nothing but a glow of some pixels.
    assert not drawn[radius > outermost + 15 / scale].any()
    assert drawn[(radius > 1.1 * outermost) & (radius < outermost + 15 / scale)].max() < 130
    middle, edge = drawn[radius < 0.2].mean(), drawn[(radius > 0.95) & (radius < 1.1)].mean()
    assert middle > 2 * edge
    expect(bench.page.locator(".layer-key li")).to_contain_text("the posterior")
    assert bench.stage.bounding_box() == before
    bench.show(ATLAS_ID, layers=[], **options)
    assert cover(bench) is None
    expect(bench.page.locator(".layer-key")).to_be_hidden()


def test_the_view_goes_to_the_regions_and_back(browser: Browser) -> None:
    with closing(new_context(browser, reduced_motion="reduce")) as context:
        bench = open_bench(context)
        bench.open(ATLAS, parts=["toolbar"])
        button = bench.page.get_by_role("button", name="Zoom to the posterior")
        expect(button).to_be_hidden()
        whole = Field("magnification", np.abs(bump(0.5)), BOX, "magnitude")
        bench.show(ATLAS_ID, layers=data(whole), parts=["toolbar"])
        expect(button).to_be_hidden()
        small = Field("the posterior", bump(0.4), (0.5, -0.9, 0.9, -0.6))
        bench.show(ATLAS_ID, layers=data(whole, small), parts=["toolbar"])
        button.click()
        corners = []
        for u, v in ((0.1, 0.9), (0.9, 0.1)):
            bench.hover(u, v)
            corners.append(bench.z())
        # 0.4 wide, and an eighth of that more on each side.
        np.testing.assert_allclose(corners, [[0.5, -0.95], [0.9, -0.55]], atol=0.01)
        bench.stage.press("0")
        home = _side(bench)
        assert home > 4
        bench.stage.press("F")
        assert _side(bench, around=(0.7, -0.75)) == pytest.approx(0.5, abs=0.01)


def test_a_view_on_its_way_arrives_and_a_hand_stops_it(js: Page) -> None:
    found = js.evaluate(
        """() => {
          const journeys = [];
          for (const stops of [false, true]) {
            const view = new plane.View();
            view.setHome({ x: -3, y: -3, side: 6 });
            view.lookAt([1, 1, 1.2, 1.1]);
            const sides = [];
            while (view.approach()) {
              sides.push(view.side);
              if (stops && sides.length === 3) view.panBy(1, 0);
            }
            journeys.push({ sides, centre: view.centre, home: view.home.side });
          }
          return journeys;
        }"""
    )
    arrived, stopped = found
    assert arrived["sides"] == sorted(arrived["sides"], reverse=True)
    assert arrived["sides"][-1] == pytest.approx(0.25)
    np.testing.assert_allclose(arrived["centre"], [1.1, 1.05])
    assert len(stopped["sides"]) == 3
    assert arrived["home"] == stopped["home"] == 6


def _side(bench: Bench, around: tuple[float, float] = (0.0, 0.0)) -> float:
    """How many units the plane shows from edge to edge; its middle is at ``around``."""
    bench.hover(0.25, 0.5)
    left = bench.z()
    bench.hover(0.75, 0.5)
    right = bench.z()
    assert (left[0] + right[0]) / 2 == pytest.approx(around[0], abs=0.1)
    return 2 * (right[0] - left[0])


def test_every_kind_of_layer_is_drawn_where_it_lies_and_named_in_the_key(bench: Bench) -> None:
    layers: list[Layer] = [
        Field("magnification", np.abs(bump(0.5)), BOX, "magnitude"),
        Ellipse("q", (1.0, 1.0), ROUND, "warm", dashed=True),
        Ellipses("small", [[-1.0, 1.0], [-1.0, 1.5]], [ROUND, ROUND]),
        Marks("modes", [[1.0, -1.0]], ["57 %"], "plain"),
        Line("geodesic", [[-1.5, -1.5], [-0.5, -1.0]], "cool"),
    ]
    bench.open(ATLAS, parts=[])
    for layer in layers:
        bench.show(ATLAS_ID, layers=data(layer), parts=[])
        drawn = cover(bench)
        assert drawn is not None
        assert (drawn > 0).any(), layer.name
    bench.show(ATLAS_ID, layers=data(*layers), parts=[])
    names = bench.page.locator(".layer-key li > span:nth-child(2)")
    assert names.all_inner_texts() == [layer.name for layer in layers]
    expect(bench.page.locator(".layer-key li").first).to_contain_text("–")


def test_a_name_is_never_html(bench: Bench) -> None:
    bench.open(ATLAS, layers=data(Line("<b>x</b>", [[0.0, 0.0], [1.0, 1.0]])))
    assert bench.page.locator(".layer-key").inner_text() == "<b>x</b>"


def test_a_course_plays_to_its_end_and_again_at_its_button(browser: Browser) -> None:
    course = Course("refined", [[-1.5, 0.0], [1.5, 0.0]], [ROUND, ROUND])
    context = new_context(browser)
    bench = open_bench(context)
    bench.open(ATLAS, parts=[])
    bench.hold_time()
    bench.show(ATLAS_ID, layers=data(course), parts=[])
    bench.pass_time(1300)
    halfway = cover_now(bench)
    bench.pass_time(3000)
    end = cover_now(bench)
    assert halfway is not None
    assert end is not None
    right = slice(3 * len(end) // 5, None)
    assert not halfway[:, right].any()
    assert end[:, right].any()
    bench.page.get_by_role("button", name="Play its course").click()
    bench.pass_time(100)
    started = cover_now(bench)
    assert started is not None
    assert not started[:, right].any()
    assert all(not state["pins"] for state in bench.told())
    assert bench.complaints == []
    context.close()


def test_without_motion_a_course_stands_at_its_end(browser: Browser) -> None:
    context = new_context(browser, reduced_motion="reduce")
    bench = open_bench(context)
    bench.open(ATLAS, layers=data(Course("refined", [[-1.5, 0.0], [1.5, 0.0]], [ROUND, ROUND])), parts=[])
    drawn = cover(bench)
    assert drawn is not None
    assert drawn[:, 3 * len(drawn) // 5 :].any()
    context.close()
