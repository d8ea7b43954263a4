"""The plane by keyboard alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.e2e.plane.harness import (
    Bench,
    make_atlas,
    make_model,
    pack_id,
)
from vae_core.models import Autoencoder

MODEL = make_model()
ATLAS = make_atlas(MODEL)
ATLAS_ID = pack_id(ATLAS)


def _decoded(model: Autoencoder, z: tuple[float, float]) -> Any:
    return (255 * model.decode(torch.tensor([z]))).round().reshape(28, 28).numpy()


def test_arrows_move_the_cursor_and_shift_makes_the_step_fine(bench: Bench) -> None:
    bench.open(ATLAS, z=[0, 0])
    bench.stage.press("ArrowRight")
    bench.frame()
    coarse = bench.z()
    assert coarse[0] > 0
    assert coarse[1] == 0
    bench.stage.press("Shift+ArrowUp")
    bench.frame()
    assert bench.z() == pytest.approx((coarse[0], coarse[0] / 10), rel=1e-4)
    assert np.abs(bench.grey().astype(float) - _decoded(MODEL, bench.z())).max() <= 2


def test_enter_pins_backspace_takes_back_and_escape_clears(bench: Bench) -> None:
    bench.open(ATLAS, rest=False, z=[0.5, -0.5])
    bench.stage.press("Enter")
    assert bench.wait_for_told("state.pins.length === 1")["pins"] == [[0.5, -0.5]]
    bench.stage.press("ArrowLeft")
    bench.stage.press("Enter")
    bench.wait_for_told("state.pins.length === 2")
    bench.stage.press("Backspace")
    bench.wait_for_told("told.length === 3 && state.pins.length === 1")
    bench.stage.press("Escape")
    assert bench.wait_for_told("told.length === 4 && !state.pins.length")["pins"] == []


def test_plus_and_minus_zoom_about_the_cursor_and_0_shows_everything(bench: Bench) -> None:
    bench.open(ATLAS)

    def reach_after(*keys: str) -> float:
        bench.hover(0.5, 0.5)
        for key in keys:
            bench.stage.press(key)
        bench.hover(0.1, 0.1)
        return abs(bench.z()[0])

    home, near, far, home_again = reach_after(), reach_after("+", "+"), reach_after("-", "-", "-"), reach_after("0")
    assert near < home < far
    assert home_again == home


def test_a_cursor_that_leaves_the_screen_takes_the_view_along(bench: Bench) -> None:
    bench.open(ATLAS, z=[0, 0])
    for _ in range(40):
        bench.stage.press("ArrowRight")
    bench.frame()
    x, y = bench.z()
    bench.hover(0.99, 0.5)
    assert bench.z()[0] > x
    assert y == 0


def test_the_plane_shows_that_it_has_the_keyboard(bench: Bench) -> None:
    bench.open(ATLAS)
    bench.page.get_by_label("Overlays").or_(bench.page.locator("summary.menu-button")).focus()
    for _ in range(15):
        bench.page.keyboard.press("Tab")
        if bench.stage.evaluate("(node) => node.getRootNode().activeElement === node"):
            break
    outline = bench.stage.evaluate("(node) => getComputedStyle(node).outlineStyle")
    assert outline == "solid"
