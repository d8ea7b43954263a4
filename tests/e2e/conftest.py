"""One app and one browser for all browser tests, and for each test a fresh page that tolerates no error."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Literal, Protocol

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, ViewportSize, expect, sync_playwright

from tests.e2e.browser import find_browser, flags
from tests.e2e.page import PATIENCE
from tests.e2e.server import App, running_app

HERE = "tests/e2e/"
WIDE = ViewportSize(width=1440, height=900)
NARROW = ViewportSize(width=390, height=844)
NO_WEBGL = """
for (const kind of [HTMLCanvasElement, OffscreenCanvas]) {
  const getContext = kind.prototype.getContext;
  kind.prototype.getContext = function (name, ...rest) {
    return name.startsWith("webgl") ? null : getContext.call(this, name, ...rest);
  };
}
"""


class OpenPage(Protocol):
    """Open a page in a profile of its own."""

    def __call__(
        self,
        *,
        viewport: ViewportSize = ...,
        color_scheme: Literal["light", "dark"] = ...,
        locale: str = ...,
        touch: bool = ...,
        graphics: bool = ...,
    ) -> Page: ...


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.startswith(HERE):
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The real app. All that its log may hold at the end is that it started."""
    with running_app(tmp_path_factory.mktemp("app") / "log.txt") as app:
        yield app
        assert app.process.poll() is None, f"the app died during the tests:\n{app.said()}"
    assert "Traceback" not in app.said(), app.said()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium or Chrome. Where `make test` or a CI runs, not to have one is a failure."""
    program = find_browser()
    if program is None:
        complaint = "there is no Chromium or Chrome; `make browser` gets one"
        if os.environ.get("CI") or os.environ.get("LATENT_EXPLORER_REQUIRE_BROWSER"):
            pytest.fail(complaint)
        pytest.skip(complaint)
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=flags())
        yield browser
        browser.close()


@pytest.fixture
def complaints() -> list[str]:
    """What a page complained of. A test that provokes an error takes it out again, or fails."""
    return []


@pytest.fixture
def open_page(app: App, browser: Browser, complaints: list[str]) -> Iterator[OpenPage]:
    """Open further pages; `graphics=False` takes WebGL away.

    The test fails where one of them has an uncaught error or writes an error to its console.
    """
    contexts: list[BrowserContext] = []

    def open_one(
        *,
        viewport: ViewportSize = WIDE,
        color_scheme: Literal["light", "dark"] = "light",
        locale: str = "en-GB",
        touch: bool = False,
        graphics: bool = True,
    ) -> Page:
        context = browser.new_context(
            base_url=app.url, viewport=viewport, color_scheme=color_scheme, locale=locale, has_touch=touch
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        if not graphics:
            context.add_init_script(NO_WEBGL)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(f"uncaught: {error}"))
        page.on("console", lambda message: complaints.extend(_errors(message)))
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    """A fresh page, 1440 x 900, in English and in the light theme."""
    return open_page()


def _errors(message: ConsoleMessage) -> list[str]:
    return [f"console: {message.text}"] if message.type == "error" else []
