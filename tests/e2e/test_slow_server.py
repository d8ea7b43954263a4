"""A server that sends late what it has to say: what a person does meanwhile finds its place on the page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.explorer import bring, drag, place
from tests.e2e.page import PATIENCE, settled
from tests.e2e.server import App, running_app
from tests.e2e.test_own_digit import png, scan, upload_picture


@pytest.fixture(scope="module")
def late(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The app on a server so busy that several runs end before the browser hears of the first."""
    with running_app(tmp_path_factory.mktemp("late") / "log.txt", flush=0.5) as app:
        yield app


def test_strokes_faster_than_the_server_s_answers_keep_the_page_whole(late: App, page: Page) -> None:
    page.goto(f"{late.url}/?panel=draw")
    pad = page.get_by_test_id("pad")
    expect(pad).to_be_visible(timeout=PATIENCE)
    bring(pad)
    for down in (0.2, 0.35, 0.5, 0.65):
        drag(page, place(pad, 0.3, down), place(pad, 0.7, down))
    upload_picture(page, png("two.png", scan(1)))
    expect(page.get_by_test_id("stMetric")).to_have_count(3, timeout=PATIENCE)
    settled(page)
    expect(page.locator(".pad-facts")).to_be_visible()


def test_a_picture_uploaded_before_the_page_s_first_run_has_ended_is_measured(late: App, page: Page) -> None:
    page.goto(f"{late.url}/?panel=draw", wait_until="commit")
    upload_picture(page, png("two.png", scan(1)))
    expect(page.get_by_test_id("stMetric")).to_have_count(3, timeout=PATIENCE)
    page.get_by_role("button", name="Exact log p(x)").click()
    expect(page.get_by_test_id("stMetric")).to_have_count(4, timeout=PATIENCE)
