"""What the browser tests do with a page: open it, wait for it, and read what the plane says of itself."""

from __future__ import annotations

from urllib.parse import urlencode

from playwright.sync_api import Locator, Page, expect

SETTLED = "[data-testid=stApp][data-test-script-state=notRunning]"
PATIENCE = 60_000.0  # milliseconds; two cores draw, train and serve at the same time


def settled(page: Page) -> None:
    """Wait until the server has nothing more to say."""
    expect(page.locator(SETTLED)).to_be_attached()


def ready(page: Page) -> Locator:
    """Wait until the server has nothing more to say and the plane is drawn; return the plane."""
    settled(page)
    plane = page.locator("[data-testid=latent-plane][data-ready=true]")
    expect(plane).to_be_visible()
    return plane


def visit(page: Page, path: str = "/", **query: str) -> None:
    """Open a page of the app with these query parameters, and wait until the server is done."""
    page.goto(f"{path}?{urlencode(query)}" if query else path)
    settled(page)


def notices(page: Page) -> Locator:
    """Return what the page says about its address."""
    return page.locator(".st-key-notices [data-testid=stAlert]")
