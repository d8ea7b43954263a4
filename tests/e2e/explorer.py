"""What the browser tests do on the explorer: point, drag, draw, and read pixels and address."""

from __future__ import annotations

from urllib.parse import parse_qs, urlparse

import numpy as np
import torch
from numpy.typing import NDArray
from playwright.sync_api import FloatRect, Locator, Page

from tests.e2e.page import settled
from vae_core.export import to_grey
from vae_core.models import Autoencoder


def grey(page: Page, test_id: str) -> NDArray[np.int64]:
    """The grey levels (28, 28) of a canvas of 28 x 28 pixels."""
    levels = page.get_by_test_id(test_id).evaluate(
        "canvas => Array.from(canvas.getContext('2d').getImageData(0, 0, 28, 28).data).filter((_, i) => i % 4 === 0)"
    )
    return np.array(levels).reshape(28, 28)


def decoded(model: Autoencoder, *z: float) -> NDArray[np.int64]:
    """What torch decodes at z, as grey levels (28, 28)."""
    return to_grey(model.decode(torch.tensor([z])))[0].numpy().astype(np.int64)


def where(plane: Locator) -> tuple[float, float]:
    """Where the plane says its cursor is."""
    x, y = (plane.get_attribute("data-z") or "").split(",")
    return float(x), float(y)


def box_of(plane: Locator) -> FloatRect:
    """The place of an element on the screen."""
    box = plane.bounding_box()
    assert box is not None
    return box


def place(plane: Locator, across: float, down: float) -> tuple[float, float]:
    """The page coordinates of a part of the plane's width and height."""
    box = box_of(plane)
    return box["x"] + across * box["width"], box["y"] + down * box["height"]


def drag(page: Page, *places: tuple[float, float]) -> None:
    """Press at the first place, move through the others and let go at the last."""
    page.mouse.move(*places[0])
    page.mouse.down()
    for each in places[1:]:
        page.mouse.move(*each, steps=4)
    page.mouse.up()


def bring(part: Locator) -> Locator:
    """Scroll a part into view and let the page hear of it: a menu that opens before it does is closed again."""
    part.scroll_into_view_if_needed()
    part.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return part


def draw_a_seven(page: Page) -> None:
    """Draw a seven on the pad with the mouse."""
    pad = bring(page.get_by_test_id("pad"))
    drag(page, *(place(pad, *point) for point in ((0.3, 0.25), (0.7, 0.25), (0.45, 0.85))))


def said(page: Page, name: str) -> str:
    """What the address says of a parameter."""
    return parse_qs(urlparse(page.url).query).get(name, [""])[0]


def until_said(page: Page, name: str, pattern: str = ".") -> str:
    """Wait until the address says something of a parameter that fits a pattern; return it."""
    page.wait_for_function(
        "([name, pattern]) => RegExp(pattern).test(new URLSearchParams(location.search).get(name) ?? '')",
        arg=[name, pattern],
        polling=50,
    )
    settled(page)
    return said(page, name)
