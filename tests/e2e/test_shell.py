"""The app in a browser, apart from what any one page is about."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.e2e.conftest import NARROW, OpenPage
from tests.e2e.page import notices, visit


def test_the_explorer_opens_without_an_error(page: Page) -> None:
    visit(page)
    expect(page).to_have_title(re.compile("Explorer"))
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_a_page_fits_a_phone_without_scrolling_sideways(open_page: OpenPage) -> None:
    page = open_page(viewport=NARROW)
    visit(page)
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")


def test_an_unknown_query_parameter_gives_a_notice_that_can_be_dismissed(page: Page) -> None:
    visit(page, colours="red")
    notice = notices(page)
    expect(notice).to_contain_text("colours")
    page.get_by_role("button", name="Dismiss").click()
    expect(notice).to_have_count(0)
    expect(page).to_have_url(re.compile(r"/$"))


def test_what_a_person_typed_is_shown_and_not_interpreted(page: Page) -> None:
    hostile = "<img src=x onerror=alert(1)>`<b>**$x$"
    visit(page, z=hostile)
    notice = notices(page)
    expect(notice).to_contain_text("<img src=x onerror=alert(1)>")
    expect(notice.locator("img, b, strong, .katex")).to_have_count(0)


def test_the_theme_can_be_chosen_in_the_menu(page: Page) -> None:
    visit(page)
    paper = page.get_by_test_id("stApp")
    expect(paper).to_have_css("background-color", "rgb(255, 255, 255)")
    page.get_by_test_id("stMainMenu").get_by_role("button").click()
    page.get_by_role("menuitemradio", name="Dark").click()
    expect(paper).to_have_css("background-color", "rgb(16, 19, 23)")


def test_the_theme_is_the_one_of_the_system_until_then(open_page: OpenPage) -> None:
    page = open_page(color_scheme="dark")
    visit(page)
    expect(page.get_by_test_id("stApp")).to_have_css("background-color", "rgb(16, 19, 23)")
