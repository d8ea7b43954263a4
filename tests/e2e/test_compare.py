"""The comparison as a person uses it: one pointer for two planes, in a real browser."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import NARROW, OpenPage
from tests.e2e.explorer import box_of, decoded, place, said, until_said, where
from tests.e2e.page import settled, visit
from vae_core.registry import load_model

NOT_FOUND = "console: Failed to load resource: the server responded with a status of 404 (Not Found)"
MODELS = ("ae", "vae")
Enter = Callable[..., tuple[Locator, Locator]]


@pytest.fixture
def enter(complaints: list[str]) -> Enter:
    """Open the comparison and wait for both planes.

    Streamlit's page looks for its server under the page's own path first, and takes the 404 for an answer.
    """

    def enter_one(page: Page, **query: str) -> tuple[Locator, Locator]:
        visit(page, "/compare", **query)
        planes = page.locator("[data-testid=latent-plane][data-ready=true]")
        expect(planes.nth(1)).to_be_visible()
        settled(page)
        complaints[:] = [each for each in complaints if each != NOT_FOUND]
        return planes.nth(0), planes.nth(1)

    return enter_one


def grey(page: Page, side: int) -> NDArray[np.int64]:
    """The grey levels (28, 28) of the decoded image on one side."""
    canvas = page.get_by_test_id("decoded").nth(side)
    levels = canvas.evaluate("canvas => Array.from(canvas.getContext('2d').getImageData(0, 0, 28, 28).data)")
    return np.array(levels).reshape(28, 28, 4)[..., 0]


@pytest.mark.parametrize("leader", [0, 1])
def test_one_pointer_moves_both_planes_as_torch_decodes_and_sends_nothing(
    page: Page, enter: Enter, leader: int
) -> None:
    sent: list[str | bytes] = []

    def keep(frame: str | bytes) -> None:
        sent.append(frame)

    page.on("websocket", lambda socket: socket.on("framesent", keep))
    planes = enter(page)
    before = len(sent)
    for u, v in ((0.45, 0.5), (0.52, 0.47), (0.6, 0.42)):
        page.mouse.move(*place(planes[leader], u, v))
        z = planes[leader].get_attribute("data-z") or ""
        expect(planes[1 - leader]).to_have_attribute("data-z", planes[leader].get_attribute("data-z") or z)
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert where(planes[0]) == where(planes[1])
        for side, name in enumerate(MODELS):
            assert np.abs(grey(page, side) - decoded(load_model(name), *where(planes[side]))).max() <= 2
    assert len(sent) == before


def test_a_pointer_of_its_own_leaves_the_other_plane_alone(page: Page, enter: Enter) -> None:
    first, second = enter(page, link="none")
    rests = second.get_attribute("data-z")
    page.mouse.move(*place(first, 0.4, 0.4))
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert first.get_attribute("data-z") != rests
    assert second.get_attribute("data-z") == rests


def test_what_is_chosen_is_in_the_address_and_opens_again(page: Page, enter: Enter) -> None:
    enter(page)
    page.get_by_text("Same digit", exact=True).click()
    until_said(page, "link", "image")
    page.get_by_text("Samples", exact=True).click()
    until_said(page, "part", "samples")
    page.get_by_role("button", name="Draw again").click()
    until_said(page, "draw", "1")
    enter(page, link=said(page, "link"), part=said(page, "part"), draw=said(page, "draw"))
    expect(page.get_by_role("button", name="Draw again")).to_be_visible()
    assert (said(page, "link"), said(page, "part"), said(page, "draw")) == ("image", "samples", "1")


def test_the_morph_runs_from_one_model_to_the_other(page: Page, enter: Enter) -> None:
    enter(page, part="morph", morph="0.5")
    planes = page.locator("[data-testid=latent-plane][data-ready=true]")
    expect(planes).to_have_count(3)
    expect(planes.nth(2)).to_have_attribute("data-frame", "0.5")
    dial = page.get_by_role("slider")
    expect(dial).to_be_visible()
    dial.focus()
    dial.press("End")
    expect(planes.nth(2)).to_have_attribute("data-frame", "1")
    until_said(page, "morph", "^1$")


def test_the_measures_are_read_on_a_phone_without_scrolling_sideways(open_page: OpenPage, enter: Enter) -> None:
    page = open_page(viewport=NARROW)
    enter(page, part="measures")
    table = page.locator(".st-key-measures table")
    expect(table).to_be_visible()
    assert table.evaluate("table => table.scrollWidth") <= NARROW["width"]
    assert page.get_by_test_id("stMain").evaluate("main => main.scrollWidth - main.clientWidth") <= 0


def test_on_a_phone_the_planes_stand_under_one_another_and_nothing_is_cut(open_page: OpenPage, enter: Enter) -> None:
    page = open_page(viewport=NARROW)
    first, second = map(box_of, enter(page))
    assert second["y"] > first["y"] + first["height"]
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
