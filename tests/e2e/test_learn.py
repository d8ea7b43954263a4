"""The learn page as a person uses it: a section chosen, something turned, and the way to a real model and back."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.e2e.page import ready, settled, visit


def test_a_section_is_chosen_and_turned_and_leads_to_a_real_model_and_back(page: Page) -> None:
    visit(page)
    page.get_by_role("link", name="Learn", exact=True).click()
    contents = page.get_by_role("radiogroup", name="Contents")
    contents.get_by_text("From energy to probability").click()
    expect(page).to_have_url(re.compile(r"/learn\?section=energy$"))
    chart = page.locator(".js-plotly-plot").first
    expect(chart).to_be_visible()
    reading = page.get_by_test_id("stMetric").filter(has_text="log Z")
    before = reading.inner_text()
    page.get_by_role("slider").first.press("ArrowRight")
    expect(reading).not_to_have_text(before)
    # What is turned draws its section anew, and not the page: the reader stays where they are.
    settled(page)
    expect(contents.get_by_role("radio", checked=True)).to_have_count(1)
    page.get_by_role("link", name="The prior and the decoder of a real VAE").click()
    ready(page)
    expect(page).to_have_url(re.compile(r"overlays="))
    page.go_back()
    expect(page.get_by_role("heading", name="From energy to probability")).to_be_visible()
