"""The address describes what is on screen, and opening it restores the view."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlparse

from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import OpenPage
from tests.e2e.page import notices, ready, visit


def _said(page: Page, name: str) -> str:
    return parse_qs(urlparse(page.url).query).get(name, [""])[0]


def _click(page: Page, plane: Locator, x: float, y: float) -> str:
    """Click the plane at a part of its width and height; return the z that the address says then."""
    before = _said(page, "z")
    box = plane.bounding_box()
    assert box
    plane.click(position={"x": box["width"] * x, "y": box["height"] * y})
    page.wait_for_function(
        "before => new URLSearchParams(location.search).get('z') !== before", arg=before or None, polling=50
    )
    ready(page)
    return _said(page, "z")


def _numbers(text: str | None) -> list[float]:
    return [float(number) for number in (text or "").split(",")]


def _stands_at(plane: Locator, z: str) -> None:
    x, y = _numbers(z)
    places = f"^{x:.4f}\\d*,{y:.4f}\\d*$".replace("-0.0000", "-?0.0000")
    expect(plane).to_have_attribute("data-z", re.compile(places))


def test_a_click_on_the_plane_is_in_the_address_and_opens_elsewhere(page: Page, open_page: OpenPage) -> None:
    visit(page)
    z = _click(page, ready(page), 0.4, 0.6)
    assert len(_numbers(z)) == 2

    other = open_page()
    other.goto(page.url)
    shown = _numbers(ready(other).get_attribute("data-z"))
    assert max(abs(a - b) for a, b in zip(shown, _numbers(z), strict=True)) < 1e-4


def test_a_chosen_model_is_in_the_address_and_opens_elsewhere(page: Page, open_page: OpenPage) -> None:
    visit(page)
    ready(page)
    page.get_by_role("combobox", name="Model").click()
    page.get_by_role("option", name="ae", exact=True).click()
    expect(page).to_have_url(re.compile(r"[?&]model=ae(&|$)"))
    expect(ready(page)).to_have_attribute("data-model", "ae")

    other = open_page()
    other.goto(page.url)
    expect(ready(other)).to_have_attribute("data-model", "ae")


def test_going_back_and_forward_moves_the_cursor(page: Page) -> None:
    visit(page, z="0.25,-1.5")
    plane = ready(page)
    first = _click(page, plane, 0.3, 0.5)
    second = _click(page, plane, 0.7, 0.5)
    page.mouse.move(0, 0)

    page.go_back()
    _stands_at(ready(page), first)
    assert _said(page, "z") == first
    page.go_forward()
    _stands_at(ready(page), second)
    assert _said(page, "z") == second


def test_an_unknown_model_gives_a_notice_and_shows_another(page: Page) -> None:
    visit(page, model="gan", z="inf,nan")
    notice = notices(page)
    expect(notice).to_contain_text("gan")
    expect(notice).to_contain_text("inf,nan")
    expect(ready(page)).to_have_attribute("data-model", "vae")
