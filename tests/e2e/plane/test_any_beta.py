"""The any-beta model in JavaScript against torch: gates, the axis, and decoders of two models in one atlas."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from playwright.sync_api import Page
from torch import Tensor

from pages.common.plane_axis import beta_at, frame_at
from tests.e2e.plane.harness import (
    BETAS,
    make_any_beta,
    make_beta_atlas,
    make_images,
    make_model,
    make_pair,
    numbers,
    text,
)

MODEL = make_any_beta()
PLACES = (0.0, 1.0, 3.37, 5.5, len(BETAS) - 1.0)


@pytest.fixture
def images(generator: torch.Generator) -> Tensor:
    """Five grey images (5, 28, 28)."""
    return make_images(5, generator)


@pytest.mark.parametrize("frame", PLACES)
def test_gated_pixels_are_torchs_at_any_beta(js: Page, frame: float, generator: torch.Generator) -> None:
    z = torch.randn(6, 2, generator=generator)
    expected = MODEL.at(beta_at(BETAS, frame)).decode(z).flatten(1)
    single, batch = js.evaluate(
        """([text, frame, zs]) => {
          const atlas = new plane.Atlas(pack(text));
          const decoding = new plane.Decoding();
          const single = zs.map((z) => Array.from(decoding.picture(atlas, null, frame, z, "mean").bytes));
          return [single, Array.from(plane.meanPictures(atlas, frame, Float32Array.from(zs.flat()), zs.length))];
        }""",
        [text(make_beta_atlas(MODEL)), frame, z.tolist()],
    )
    assert np.abs(numbers(single) - (255 * expected).round().numpy()).max() <= 2
    np.testing.assert_allclose(numbers(batch).reshape(6, -1), expected, atol=2e-4)


@pytest.mark.parametrize("frame", PLACES)
def test_the_gated_encoder_is_torchs_at_any_beta(js: Page, frame: float, images: Tensor) -> None:
    x = images.float().div(255).unsqueeze(1)
    mu, logvar = MODEL.at(beta_at(BETAS, frame)).encode(x)
    assert logvar is not None
    single, batch = js.evaluate(
        """([text, frame, images]) => {
          const atlas = new plane.Atlas(pack(text));
          const flat = Float32Array.from(images.flat());
          const single = images.map((image) => atlas.encode(Float32Array.from(image), frame));
          return [single, Array.from(atlas.encodeBatch(flat, images.length, frame))];
        }""",
        [text(make_beta_atlas(MODEL)), frame, x.flatten(1).tolist()],
    )
    np.testing.assert_allclose(numbers([one["mean"] for one in single]), mu, atol=5e-4)
    np.testing.assert_allclose(numbers([one["logvar"] for one in single]), logvar, atol=5e-4)
    np.testing.assert_allclose(numbers(batch).reshape(-1, 2), mu, atol=5e-4)


def test_a_network_that_serves_two_planes_stands_at_the_beta_it_was_asked_for_last(js: Page) -> None:
    z = torch.tensor([[0.4, -0.7]])
    low, high, low_again = js.evaluate(
        """([text, last]) => {
          const atlas = new plane.Atlas(pack(text));
          const z = Float32Array.of(0.4, -0.7);
          return [0, last, 0].map((frame) => Array.from(plane.meanPictures(atlas, frame, z, 1)));
        }""",
        [text(make_beta_atlas(MODEL)), len(BETAS) - 1],
    )
    assert low == low_again
    assert np.abs(numbers(low) - numbers(high)).max() > 0.05
    np.testing.assert_allclose(numbers(high), MODEL.at(BETAS[-1]).decode(z).flatten(), atol=2e-4)


def test_gates_without_an_axis_of_betas_stand_at_beta_1(js: Page) -> None:
    pack = make_beta_atlas(MODEL, axis_name="step", axis=tuple(range(len(BETAS))))
    found = js.evaluate(
        "(text) => Array.from(plane.meanPictures(new plane.Atlas(pack(text)), 2, Float32Array.of(1, 1), 1))", text(pack)
    )
    np.testing.assert_allclose(numbers(found), MODEL.at(1.0).decode(torch.ones(1, 2)).flatten(), atol=2e-4)


def test_each_decoder_of_a_pair_speaks_of_pixels_in_its_own_way(js: Page) -> None:
    first = make_model(kind="ae", likelihood="gaussian", variance=0.04)
    second = make_model(seed=3, likelihood="gaussian-learned")
    z = torch.tensor([[0.3, -0.2]])
    found = js.evaluate(
        """(text) => {
          const atlas = new plane.Atlas(pack(text));
          const decoding = new plane.Decoding();
          const shown = (frame, mode) => Array.from(decoding.picture(atlas, null, frame, [0.3, -0.2], mode).bytes);
          return [0, 1].map((frame) => ["mean", "std"].map((mode) => shown(frame, mode)));
        }""",
        text(make_pair(first, second)),
    )
    for model, (mean, std) in zip((first, second), found, strict=True):
        params = model.decode_params(z)
        assert np.abs(numbers(mean) - (255 * model.likelihood.mean(params)).round().flatten().numpy()).max() <= 1
        assert np.abs(numbers(std) - (255 * model.likelihood.std(params)).round().flatten().numpy()).max() <= 1


def test_places_on_the_axis_are_those_of_python(js: Page) -> None:
    frames = [0.0, 0.25, 1.0, 4.75, 7.999, 8.0]
    betas = [beta_at(BETAS, frame) for frame in frames]
    assert betas[1] == pytest.approx(math.exp(0.75 * math.log(BETAS[0]) + 0.25 * math.log(BETAS[1])))
    found = js.evaluate(
        """([axis, frames, betas]) => {
          const made = new plane.Axis("beta", axis);
          return [frames.map((frame) => made.valueAt(frame)), betas.map((beta) => made.frameAt(beta))];
        }""",
        [list(BETAS), frames, betas],
    )
    np.testing.assert_allclose(found[0], betas)
    np.testing.assert_allclose(found[1], frames, atol=1e-9)
    np.testing.assert_allclose([frame_at(BETAS, beta) for beta in betas], frames, atol=1e-9)


def test_what_lies_beyond_the_axis_is_held_to_its_ends(js: Page) -> None:
    found = js.evaluate(
        """(axis) => {
          const made = new plane.Axis("beta", axis);
          return [made.valueAt(-3), made.valueAt(99), made.frameAt(1e-9), made.frameAt(1e9), made.frameAt(NaN)];
        }""",
        list(BETAS),
    )
    assert found == [BETAS[0], BETAS[-1], 0, len(BETAS) - 1, 0]
    assert [beta_at(BETAS, -3), beta_at(BETAS, 99)] == [BETAS[0], BETAS[-1]]
    assert [frame_at(BETAS, 1e-9), frame_at(BETAS, 1e9)] == [0, len(BETAS) - 1]


def test_ticks_of_betas_are_powers_of_ten(js: Page) -> None:
    assert js.evaluate("(axis) => new plane.Axis('beta', axis).ticks()", list(BETAS)) == [0.01, 0.1, 1, 10, 100]


@pytest.mark.parametrize(
    ("activities", "collapse"),
    [
        ([[1, 1, 0.5, 0.2], [1, 1, 0.001, 0.0]], 10),
        ([[1, 1, 1, 1], [1, 1, 1, 1]], None),
        ([[1, 1, 0, 0], [1, 0, 1, 0]], 1),
        ([[0, 0, 0, 0], [0, 0, 0, 0]], 0.1),
        ([[1, 1, 1, 1]], None),
    ],
)
def test_collapse_begins_where_two_dimensions_are_no_longer_active(
    js: Page, activities: list[list[float]], collapse: float | None
) -> None:
    found = js.evaluate(
        "([curves]) => plane.collapseOf(new plane.Axis('beta', [0.1, 1, 10, 100]), curves, 0.01)", [activities]
    )
    assert found == collapse


def test_lines_of_equal_elbo_run_where_distortion_and_rate_add_up_to_it(js: Page) -> None:
    lines = js.evaluate("plane.diagonals({ x: [0, 11], y: [120, 210] }, 8)")
    assert len(lines) >= 3
    for line in lines:
        for rate, distortion in (line["from"], line["to"]):
            assert rate + distortion == pytest.approx(-line["elbo"])
            assert 0 <= rate <= 11
            assert 120 <= distortion <= 210
