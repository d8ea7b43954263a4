"""The path through the pins, and the pad to draw a digit on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from playwright.sync_api import expect

from tests.e2e.plane.harness import Bench, make_atlas, make_model, pack_id

MODEL = make_model()
ATLAS = make_atlas(MODEL)
ATLAS_ID = pack_id(ATLAS)
CURSOR = "document.getElementById('view').shadowRoot.querySelector('.stage').dataset.z.split(',').map(Number)"


def test_the_film_runs_from_the_first_pin_to_the_last(bench: Bench) -> None:
    pins = [[1.0, 0.0], [0.0, 1.5], [-1.0, -1.0]]
    bench.open(ATLAS, pins=pins)
    frames = bench.page.locator(".film-frame")
    expect(frames.first).to_be_visible()
    count = frames.count()
    for index, pin in [(0, pins[0]), ((count - 1) // 2, pins[1]), (count - 1, pins[2])]:
        expect(frames.nth(index)).to_have_attribute("data-pin", "true")
        frames.nth(index).click()
        bench.frame()
        assert bench.z() == pytest.approx(pin, abs=1e-6)
    bench.page.get_by_label("How the path runs").select_option("spherical")
    frames.nth(count // 4).click()
    bench.frame()
    assert np.hypot(*bench.z()) == pytest.approx(1 + 0.5 * (count // 4) / ((count - 1) / 2), abs=1e-4)


def test_every_frame_of_the_film_is_decoded(bench: Bench) -> None:
    bench.open(ATLAS, pins=[[1.0, 0.0], [-1.0, 0.5]])
    frames = bench.page.locator(".film-frame canvas")
    count = frames.count()
    z = torch.stack([torch.linspace(1, -1, count), torch.linspace(0, 0.5, count)], -1)
    bench.page.wait_for_function(
        """() => {
          const film = document.getElementById("view").shadowRoot.querySelectorAll(".film-frame canvas");
          return [...film].every((canvas) => canvas.getContext("2d").getImageData(0, 0, 1, 1).data[3] === 255);
        }"""
    )
    expected = (255 * MODEL.decode(z)).round().reshape(count, 28, 28).numpy()
    for index in range(count):
        assert np.abs(bench.grey_of(frames.nth(index)) - expected[index]).max() <= 2


def test_playing_moves_the_cursor_along_the_path_and_tells_only_where_it_stops(bench: Bench) -> None:
    bench.open(ATLAS, pins=[[-1, 0.5], [1, 0.5]], z=[-1, 0.5])
    bench.page.get_by_role("button", name="Play").click()
    bench.page.wait_for_function(f"() => {CURSOR}[0] > -0.9")
    assert bench.told() == []
    bench.page.get_by_role("button", name="Pause").click()
    told = bench.wait_for_told("state.z")
    assert told["z"][1] == pytest.approx(0.5)
    assert -1 < told["z"][0] <= 1


def test_the_path_is_shortened_cleared_and_brought_back_by_buttons(bench: Bench) -> None:
    bench.open(ATLAS, rest=False, pins=[[1, 0], [0, 1], [-1, 0]])
    bench.page.get_by_role("button", name="Remove the last pin").click()
    assert len(bench.wait_for_told("state.pins.length === 2")["pins"]) == 2
    bench.page.get_by_role("button", name="Remove all pins").click()
    bench.wait_for_told("state.pins.length === 0")
    bench.page.get_by_role("button", name="Undo", exact=True).click()
    assert len(bench.wait_for_told("told.length === 3")["pins"]) == 2


def test_a_drawn_digit_is_made_like_mnist_and_encoded(bench: Bench) -> None:
    bench.open(ATLAS)
    bench.page.get_by_text("Draw a digit").click()
    bench.draw((0.1, 0.1), (0.4, 0.1), (0.15, 0.5))
    drawn = bench.wait_for_told("state.drawn")["drawn"]
    image = bench.grey("pad-input").astype(float)
    assert image.flatten().tolist() == drawn
    rows, columns = np.nonzero(image > 20)
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == pytest.approx(20, abs=1)
    weights = image / image.sum()
    assert (weights.sum(1) @ np.arange(28), weights.sum(0) @ np.arange(28)) == pytest.approx((13.5, 13.5), abs=0.1)
    mean, _ = MODEL.encode(torch.tensor(image / 255, dtype=torch.float32).reshape(1, 1, 28, 28))
    expected = (255 * MODEL.decode(mean)).reshape(28, 28).numpy()
    assert np.abs(bench.grey("pad-output") - expected).max() <= 2
    shown = bench.page.locator(".pad .number").first.inner_text().replace("−", "-").split()
    assert [float(value) for value in shown] == pytest.approx(mean[0].tolist(), abs=0.005)


def test_strokes_can_be_taken_back_and_cleared(bench: Bench) -> None:
    bench.open(ATLAS, rest=False)
    bench.page.get_by_text("Draw a digit").click()
    bench.draw((0.3, 0.2), (0.3, 0.8))
    one = bench.wait_for_told("state.drawn")["drawn"]
    bench.draw((0.7, 0.2), (0.7, 0.8))
    assert bench.wait_for_told("told.length === 2")["drawn"] != one
    bench.page.get_by_role("button", name="Undo the last stroke").click()
    assert bench.wait_for_told("told.length === 3")["drawn"] == one
    bench.page.get_by_role("button", name="Clear the pad").click()
    assert bench.wait_for_told("told.length === 4")["drawn"] is None
    assert not bench.grey("pad-input").any()


def test_an_uploaded_picture_is_encoded(bench: Bench) -> None:
    picture = (torch.rand(784, generator=torch.Generator().manual_seed(3)) * 255).int().tolist()
    bench.open(ATLAS, picture=picture)
    assert bench.grey("pad-input").flatten().tolist() == picture
    mean, _ = MODEL.encode(torch.tensor(picture, dtype=torch.float32).reshape(1, 1, 28, 28) / 255)
    assert np.abs(bench.grey("pad-output") - (255 * MODEL.decode(mean)).reshape(28, 28).numpy()).max() <= 2
