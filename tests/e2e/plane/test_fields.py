"""The plane's density, contours, holes and nearest points in JavaScript against numpy and scipy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Page
from scipy import ndimage, stats
from torch import Tensor

from tests.e2e.plane.harness import numbers


def _density(js: Page, points: Tensor, bandwidth: float, size: int = 96) -> tuple[Any, Any]:
    found = js.evaluate(
        """([points, bandwidth, size]) => {
          window.extent = { x: -4, y: -4, side: 8 };
          window.field = plane.density(Float32Array.from(points.flat()), null, extent, size, bandwidth);
          return [Array.from(field.values), points.map(([x, y]) => field.at(x, y))];
        }""",
        [points.tolist(), bandwidth, size],
    )
    return numbers(found[0]).reshape(size, size), numbers(found[1])


def test_the_density_is_a_gaussian_kernel_estimate(js: Page, points: Tensor) -> None:
    bandwidth = 0.3
    found, at_points = _density(js, points, bandwidth)
    data = points.double().numpy()
    centres = -4 + (np.arange(96) + 0.5) * 8 / 96

    def exact(x: Any, y: Any) -> Any:
        square = (x[..., None] - data[:, 0]) ** 2 + (y[..., None] - data[:, 1]) ** 2
        return np.exp(-square / (2 * bandwidth**2)).mean(-1) / (2 * np.pi * bandwidth**2)

    expected = exact(*np.meshgrid(centres, centres))
    assert np.abs(found - expected).max() < 0.03 * expected.max()
    np.testing.assert_allclose(at_points, exact(data[:, 0], data[:, 1]), atol=0.03 * expected.max())
    assert found.sum() * (8 / 96) ** 2 == pytest.approx(1, abs=1e-3)


def test_the_density_leaves_hidden_points_out(js: Page, points: Tensor) -> None:
    _density(js, points[::2], 0.3)
    apart = js.evaluate(
        """(points) => {
          const keep = Uint8Array.from(points, (_, i) => (i % 2 === 0 ? 1 : 0));
          const kept = plane.density(Float32Array.from(points.flat()), keep, extent, 96, 0.3);
          return Math.max(...kept.values.map((value, k) => Math.abs(value - field.values[k])));
        }""",
        points.tolist(),
    )
    assert apart < 1e-6


def test_the_bandwidth_is_half_of_scotts(js: Page, points: Tensor) -> None:
    found = js.evaluate("(points) => plane.bandwidthOf(Float32Array.from(points.flat()), 0)", points.tolist())
    spread = points.double().std(0, correction=0).prod().sqrt()
    assert found == pytest.approx(0.5 * float(spread) * 200 ** (-1 / 6), rel=1e-5)


def test_the_level_below_which_a_share_of_points_lies_is_their_quantile(js: Page, points: Tensor) -> None:
    _, at_points = _density(js, points, 0.3)
    level = js.evaluate(
        "(points) => plane.levelBelow(plane.rankedDensities(field, Float32Array.from(points.flat())), 0.25)",
        points.tolist(),
    )
    assert (at_points < level).mean() == pytest.approx(0.25, abs=0.01)


def test_a_contour_of_a_cone_is_a_circle(js: Page) -> None:
    lines = js.evaluate(
        """() => {
          const field = new plane.Field({ x: -2, y: -2, side: 4 }, 64);
          field.values.forEach((_, k) => {
            field.values[k] = 2 - Math.hypot(...field.centre(k % 64, Math.floor(k / 64)));
          });
          return Array.from(plane.contour(field, 1));
        }"""
    )
    ends = numbers(lines).reshape(-1, 2, 2)
    np.testing.assert_allclose(np.hypot(ends[..., 0], ends[..., 1]), 1, atol=0.005)
    assert np.linalg.norm(ends[:, 0] - ends[:, 1], axis=-1).sum() == pytest.approx(2 * np.pi, rel=0.01)
    # Closed: every end is the start of another piece.
    unique, counts = np.unique(ends.reshape(-1, 2).round(6), axis=0, return_counts=True)
    assert len(unique) == len(ends)
    assert (counts == 2).all()


def test_holes_are_where_the_prior_has_ten_times_the_codes_mass(js: Page, points: Tensor) -> None:
    found, _ = _density(js, points, 0.3)
    mask = numbers(js.evaluate("Array.from(plane.holes(field))")).reshape(96, 96)
    centres = -4 + (np.arange(96) + 0.5) * 8 / 96
    x, y = np.meshgrid(centres, centres)
    prior = stats.multivariate_normal([0, 0]).pdf(np.stack([x, y], -1))
    np.testing.assert_array_equal(mask, (x**2 + y**2 < 9) & (found < 0.1 * prior))
    assert ndimage.label(mask)[1] >= 1


def test_class_names_stand_where_most_of_their_codes_are(js: Page, points: Tensor) -> None:
    labels = [3, 7] * 100
    hearts = js.evaluate(
        """([points, labels]) => {
          const extent = { x: -4, y: -4, side: 8 };
          return plane.classHearts(Float32Array.from(points.flat()), Uint8Array.from(labels), extent);
        }""",
        [points.tolist(), labels],
    )
    places = {heart["kind"]: heart["z"] for heart in hearts}
    assert set(places) == {3, 7}
    assert math.dist(places[3], (1, -1)) < 0.5
    assert math.dist(places[7], (-1, 0.5)) < 0.5


@pytest.mark.parametrize("kept", [1, 3])
def test_the_nearest_point_is_the_nearest(js: Page, points: Tensor, kept: int, generator: torch.Generator) -> None:
    tries = torch.rand(300, 2, generator=generator) * 12 - 6
    found = js.evaluate(
        """([points, tries, kept]) => {
          const index = new plane.Neighbours(Float32Array.from(points.flat()));
          const keep = Uint8Array.from(points, (_, i) => (i % kept === 0 ? 1 : 0));
          return tries.map(([x, y]) => index.nearest(x, y, keep));
        }""",
        [points.tolist(), tries.tolist(), kept],
    )
    distances = torch.cdist(tries.double(), points[::kept].double())
    np.testing.assert_allclose(numbers([one["distance"] for one in found]), distances.amin(1), atol=1e-5)
    assert [one["index"] for one in found] == (distances.argmin(1) * kept).tolist()


def test_where_all_is_hidden_nothing_is_nearest(js: Page) -> None:
    assert js.evaluate("new plane.Neighbours(Float32Array.of(0, 0, 1, 1)).nearest(0, 0, new Uint8Array(2))") is None
