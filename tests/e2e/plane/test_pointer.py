"""Clicks, drags, wheel and fingers on the plane: pins, panning, zooming, selections, and what the page is told."""

from __future__ import annotations

import json

import pytest
import torch
from playwright.sync_api import Browser, expect

from pages.common.plane_state import PlaneState, parse
from tests.e2e.plane.harness import (
    Bench,
    make_atlas,
    make_codes,
    make_model,
    new_context,
    open_bench,
    pack_id,
)

MODEL = make_model()
ATLAS = make_atlas(MODEL)
ATLAS_ID = pack_id(ATLAS)


def test_a_click_pins_the_point_and_tells_it_once(bench: Bench) -> None:
    bench.open(ATLAS)
    bench.click(0.3, 0.4)
    told = bench.wait_for_told("state.pins.length === 1")
    assert told["pins"] == [pytest.approx(bench.z(), abs=1e-6)]
    assert told["z"] == told["pins"][0]
    assert parse(json.loads(json.dumps(told)), PlaneState()).pins == (tuple(told["pins"][0]),)


def test_a_click_on_a_pin_removes_it_and_undo_brings_it_back(bench: Bench) -> None:
    bench.open(ATLAS, rest=False, pins=[[1, 1]])
    bench.click(0.3, 0.4)
    bench.wait_for_told("state.pins.length === 2")
    bench.click(0.3, 0.4)
    bench.wait_for_told("state.pins.length === 1")
    bench.page.keyboard.press("Control+z")
    assert len(bench.wait_for_told("told.length === 3")["pins"]) == 2


def test_dragging_a_pin_moves_it(bench: Bench) -> None:
    bench.open(ATLAS, rest=False)
    bench.click(0.3, 0.4)
    bench.wait_for_told("state.pins.length === 1")
    bench.drag((0.3, 0.4), (0.5, 0.5), (0.6, 0.3))
    told = bench.wait_for_told("told.length === 2")
    assert told["pins"] == [pytest.approx(bench.z(), abs=1e-6)]
    bench.hover(0.6, 0.3)
    assert told["pins"] == [pytest.approx(bench.z(), abs=1e-6)]


def test_a_drag_pans_and_the_point_stays_under_the_pointer(bench: Bench) -> None:
    bench.open(ATLAS)
    bench.hover(0.5, 0.5)
    z = bench.z()
    bench.drag((0.5, 0.5), (0.6, 0.4), (0.7, 0.3))
    bench.hover(0.7, 0.3)
    assert bench.z() == pytest.approx(z, abs=0.02)
    bench.hover(0.5, 0.5)
    assert bench.z() != pytest.approx(z, abs=0.5)
    assert all(not message["pins"] for message in bench.told())


def test_the_wheel_zooms_about_the_pointer_and_a_double_click_shows_everything_again(bench: Bench) -> None:
    bench.open(ATLAS)
    bench.hover(0.1, 0.1)
    corner = bench.z()
    bench.hover(0.7, 0.3)
    z = bench.z()
    bench.page.mouse.wheel(0, -500)
    bench.hover(0.7, 0.3)
    assert bench.z() == pytest.approx(z, abs=0.01)
    bench.hover(0.1, 0.1)
    assert bench.z() != pytest.approx(corner, abs=0.3)
    bench.page.mouse.dblclick(*bench.place(0.1, 0.1))
    bench.hover(0.1, 0.1)
    assert bench.z() == pytest.approx(corner, abs=0.02)
    assert bench.wait_for_told("!state.pins.length")["pins"] == []


def test_a_box_selects_what_is_in_it(bench: Bench) -> None:
    bench.open(ATLAS)
    bench.page.get_by_role("button", name="Box").click()
    bench.drag((0.5, 0.02), (0.7, 0.5), (0.98, 0.98))
    told = bench.wait_for_told("state.selection")
    codes, labels = make_codes(500, torch.Generator().manual_seed(1))
    selection = parse(told, PlaneState()).selection
    assert selection is not None
    mask = selection.mask(codes.numpy(), labels.numpy())
    assert 0 < mask.sum() < 500
    assert selection.count == mask.sum()
    xs = [x for x, _ in selection.polygon]
    assert mask.tolist() == ((codes[:, 0] > min(xs)) & (codes[:, 0] < max(xs))).tolist()
    expect(bench.stage).to_contain_text(f"{mask.sum()} selected")


def test_shift_and_drag_selects_without_changing_the_tool(bench: Bench) -> None:
    bench.open(ATLAS)
    bench.page.keyboard.down("Shift")
    bench.drag((0.1, 0.1), (0.4, 0.4), (0.9, 0.9))
    bench.page.keyboard.up("Shift")
    bench.wait_for_told("state.selection")
    expect(bench.page.get_by_role("button", name="Pan")).to_have_attribute("aria-pressed", "true")


def test_a_lasso_selects_and_hidden_digits_are_not_selected(bench: Bench) -> None:
    bench.open(ATLAS, rest=False, hidden=[0])
    bench.page.get_by_role("button", name="Lasso").click()
    bench.drag((0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98))
    assert bench.wait_for_told("state.selection")["selection"]["count"] == 450
    bench.stage.press("Escape")
    assert bench.wait_for_told("state.selection === null")["selection"] is None
    bench.stage.press("Control+z")
    assert bench.wait_for_told("told.length === 3")["selection"]["count"] == 450


def test_one_finger_moves_the_cursor_and_two_pinch(browser: Browser) -> None:
    context = new_context(browser, has_touch=True, viewport={"width": 390, "height": 844})
    bench = open_bench(context)
    bench.open(ATLAS)
    session = context.new_cdp_session(bench.page)

    def touch(kind: str, *places: tuple[float, float]) -> None:
        points = [dict(zip("xy", bench.place(*place), strict=True), id=i) for i, place in enumerate(places)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        bench.frame()

    touch("touchStart", (0.5, 0.5))
    touch("touchMove", (0.6, 0.4))
    touch("touchMove", (0.3, 0.3))
    z = bench.z()
    touch("touchEnd")
    assert bench.wait_for_told("state.z")["z"] == pytest.approx(z, abs=1e-6)
    assert bench.told()[-1]["pins"] == []
    touch("touchStart", (0.4, 0.5), (0.6, 0.5))
    touch("touchMove", (0.2, 0.5), (0.8, 0.5))
    touch("touchEnd")
    bench.page.touchscreen.tap(*bench.place(0.1, 0.1))
    close = bench.wait_for_told("state.pins.length === 1")["pins"][0]
    bench.stage.press("0")
    bench.page.touchscreen.tap(*bench.place(0.1, 0.1))
    far = bench.wait_for_told("state.pins.length === 2")["pins"][1]
    assert abs(close[0]) < 0.6 * abs(far[0])
    assert bench.complaints == []
    context.close()
