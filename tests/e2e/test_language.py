"""The language is switched in the browser, and the view stays as it is."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.e2e.conftest import OpenPage
from tests.e2e.page import ready, settled, visit

VIEW = {"model": "vae-classic", "z": "0.25,-1.5", "pins": "0,0~1,1"}


def _said(page: Page) -> str:
    """What the address says of the language."""
    found = re.search(r"[?&]lang=(\w+)", page.url)
    return found.group(1) if found else ""


def test_switching_the_language_changes_every_word_and_nothing_else(page: Page) -> None:
    visit(page, **VIEW)
    plane = ready(page)
    place, size = plane.get_attribute("data-z"), plane.bounding_box()
    page.get_by_role("button", name="中文", exact=True).click()
    expect(page).to_have_url(re.compile(r"[?&]lang=zh(&|$)"))
    expect(page.get_by_role("combobox", name="颜色")).to_be_visible()
    plane = ready(page)
    expect(page.get_by_test_id("stTopNavLink").first).to_have_text("探索")
    expect(page).to_have_title("探索 · Latent Explorer")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(plane).to_have_attribute("data-model", "vae-classic")
    expect(plane).to_have_attribute("data-z", place or "")
    assert plane.bounding_box() == size
    assert all(f"{name}=" in page.url for name in VIEW)

    # A choice that was made in one language is still made in the other.
    expect(page.get_by_role("combobox", name="模型")).to_have_value("vae-classic")
    page.get_by_role("button", name="English", exact=True).click()
    expect(page.get_by_role("combobox", name="Colour")).to_be_visible()
    settled(page)
    assert _said(page) == "en"
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_a_page_opens_in_the_language_of_the_browser_and_the_address_wins(open_page: OpenPage) -> None:
    page = open_page(locale="zh-Hans-CN")
    visit(page)
    expect(page).to_have_title("探索 · Latent Explorer")
    assert _said(page) == ""
    visit(page, lang="en")
    expect(page).to_have_title("Explorer · Latent Explorer")
