"""A server that sends late what it has to say: what a person does meanwhile finds its place on the page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.e2e.explorer import bring, drag, place, until_said
from tests.e2e.page import ready, settled, visit
from tests.e2e.server import App, running_app
from tests.e2e.test_own_digit import png, scan, upload_picture
from tests.trainers import until


class Line:
    """A line from server to browser that can be held: what the server says then waits."""

    def __init__(self) -> None:
        self.waiting: list[str | bytes] = []
        self.held = False

    def take(self, browser: WebSocketRoute) -> None:
        """Stand between a browser and its server."""

        def pass_on(message: str | bytes) -> None:
            if self.held:
                self.waiting.append(message)
            else:
                browser.send(message)

        self.browser = browser
        browser.connect_to_server().on_message(pass_on)

    def hold(self) -> None:
        """Let what the server says wait."""
        self.held = True

    def wait_for_runs(self, page: Page, count: int) -> None:
        """Wait until the server has finished so many runs whose messages wait."""

        def finished() -> bool:
            page.wait_for_timeout(50)
            kinds = [ForwardMsg.FromString(bytes(m)).WhichOneof("type") for m in self.waiting if isinstance(m, bytes)]
            return kinds.count("script_finished") >= count

        until(finished)

    def release(self) -> None:
        """Let the browser hear all that waits, and the rest as it comes."""
        self.held = False
        for message in self.waiting:
            self.browser.send(message)
        self.waiting.clear()


@pytest.fixture(scope="module")
def late(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The app on a server so busy that several runs end before the browser hears of the first."""
    with running_app(tmp_path_factory.mktemp("late") / "log.txt", flush=0.5) as app:
        yield app


def test_strokes_faster_than_the_server_s_answers_keep_the_page_whole(late: App, page: Page) -> None:
    page.goto(f"{late.url}/?panel=draw")
    pad = page.get_by_test_id("pad")
    expect(pad).to_be_visible()
    bring(pad)
    for down in (0.2, 0.35, 0.5, 0.65):
        drag(page, place(pad, 0.3, down), place(pad, 0.7, down))
    upload_picture(page, png("two.png", scan(1)))
    expect(page.get_by_test_id("stMetric")).to_have_count(3)
    settled(page)
    expect(page.locator(".pad-facts")).to_be_visible()


def test_a_picture_uploaded_before_the_page_s_first_run_has_ended_is_measured(late: App, page: Page) -> None:
    page.goto(f"{late.url}/?panel=draw", wait_until="commit")
    upload_picture(page, png("two.png", scan(1)))
    expect(page.get_by_test_id("stMetric")).to_have_count(3)
    page.get_by_role("button", name="Exact log p(x)").click()
    expect(page.get_by_test_id("stMetric")).to_have_count(4)


def test_what_was_chosen_before_an_earlier_choice_was_answered_is_shown(page: Page) -> None:
    line = Line()
    page.route_web_socket("**/_stcore/stream", line.take)
    visit(page)
    plane = ready(page)
    # What the browser has not needed for some runs it may have forgotten by the time it is told to show it again.
    for count, across in enumerate((0.3, 0.4, 0.5, 0.6)):
        page.mouse.click(*place(plane, across, 0.5))
        until_said(page, "pins", f"^[^~]+(~[^~]+){{{count}}}$")
    line.hold()
    for count, model in enumerate(("vae-classic", "vae")):
        page.get_by_role("combobox", name="Model").click()
        page.get_by_role("option", name=model, exact=True).click()
        line.wait_for_runs(page, count + 1)
    line.release()
    settled(page)
    expect(plane).to_have_attribute("data-model", "vae")
    page.mouse.click(*place(plane, 0.7, 0.5))
    until_said(page, "pins", "^[^~]+(~[^~]+){4}$")
