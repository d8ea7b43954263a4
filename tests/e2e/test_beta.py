"""The beta page as a person uses it: the dial by pointer and keys, pixels against torch, address and gallery."""

from __future__ import annotations

import io
from typing import Protocol
from urllib.parse import urlparse

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from pages.common.beta_view import row_indices
from pages.common.plane_axis import beta_at, frame_at
from tests.e2e.conftest import NARROW, OpenPage
from tests.e2e.explorer import box_of, decoded, drag, grey, said, where
from tests.e2e.page import notices, ready, settled, visit
from tests.trainers import until
from vae_core.data import load_images, to_pixels
from vae_core.export import to_grey
from vae_core.models import Autoencoder
from vae_core.registry import load_model, read_card

NOT_FOUND = "console: Failed to load resource: the server responded with a status of 404 (Not Found)"
BETAS: list[float] = read_card("vae-any-beta").extra["betas"]


@pytest.fixture(scope="module")
def model() -> Autoencoder:
    """The model that the page shows."""
    return load_model("vae-any-beta")


class Enter(Protocol):
    """Open the page with these query parameters, and wait for the plane."""

    def __call__(self, page: Page, **query: str) -> Locator: ...


@pytest.fixture
def enter(complaints: list[str]) -> Enter:
    """Open the page. Below the root Streamlit's frontend first asks whether the app itself is served from there."""

    def enter_one(page: Page, **query: str) -> Locator:
        missing: list[str] = []
        page.on("response", lambda response: missing.extend([response.url] if response.status == 404 else []))
        visit(page, "/beta", **query)
        plane = ready(page)
        for url in missing:
            assert urlparse(url).path.startswith("/beta/_stcore/"), url
            complaints.remove(NOT_FOUND)
        return plane

    return enter_one


def frame_of(plane: Locator) -> float:
    """Where on its axis the plane says it is."""
    return float(plane.get_attribute("data-frame") or "nan")


def sharp(page: Page, plane: Locator) -> float:
    """Wait until the row has caught up with the dial; return the beta that is shown."""
    expect(page.locator("section.row[data-frame]:not([data-frame=''])")).to_be_attached()
    return beta_at(BETAS, frame_of(plane))


def beta_told(page: Page, plane: Locator) -> float:
    """Wait until the address says where the dial stands, as it does once the dial rests; return the beta."""

    def agrees() -> bool:
        return float(said(page, "beta") or "nan") == pytest.approx(beta_at(BETAS, frame_of(plane)), rel=1e-4)

    until(agrees)
    settled(page)
    return float(said(page, "beta"))


def reconstructions(page: Page) -> NDArray[np.int64]:
    """The grey levels (N, 28, 28) of the reconstructions in the row."""
    levels = page.get_by_test_id("row-reconstruction").evaluate_all(
        "all => all.map((canvas) => Array.from(canvas.getContext('2d').getImageData(0, 0, 28, 28).data)"
        ".filter((_, i) => i % 4 === 0))"
    )
    return np.array(levels).reshape(-1, 28, 28)


def is_torchs(page: Page, plane: Locator, model: Autoencoder) -> None:
    """Compare what is decoded on the page at the beta that it shows with what torch decodes there."""
    fixed = model.at(sharp(page, plane))
    assert np.abs(grey(page, "decoded") - decoded(fixed, *where(plane))).max() <= 2
    images, labels = load_images()
    x = to_pixels(images[row_indices(labels, 0)])
    expected = to_grey(fixed.decode(fixed.encode(x)[0])).numpy().astype(np.int64)
    assert np.abs(reconstructions(page) - expected).max() <= 2


def test_the_dial_by_keys_moves_the_plane_and_the_pixels_are_torchs(
    page: Page, enter: Enter, model: Autoencoder
) -> None:
    plane = enter(page, z="0.6,-0.4")
    start = frame_of(plane)
    assert start == pytest.approx(frame_at(BETAS, 1.0), abs=1e-3)
    is_torchs(page, plane, model)
    dial = page.get_by_test_id("dial")
    dial.focus()
    for _ in range(12):
        dial.press("ArrowRight")
    assert beta_told(page, plane) > 1
    assert frame_of(plane) > start + 3
    is_torchs(page, plane, model)


def test_dragging_the_dial_is_told_when_it_is_let_go_and_opens_elsewhere(
    page: Page, open_page: OpenPage, enter: Enter, model: Autoencoder
) -> None:
    plane = enter(page)
    dial = page.get_by_test_id("dial")
    dial.scroll_into_view_if_needed()
    box = box_of(dial)
    y = box["y"] + box["height"] / 2
    at = (frame_of(plane) / (len(BETAS) - 1)) * box["width"]
    drag(page, (box["x"] + at, y), (box["x"] + 0.6 * box["width"], y), (box["x"] + 0.85 * box["width"], y))
    beta = beta_told(page, plane)
    assert beta > 5
    is_torchs(page, plane, model)

    other = open_page()
    again = enter(other, beta=said(page, "beta"))
    assert beta_at(BETAS, frame_of(again)) == pytest.approx(beta, rel=1e-3)
    is_torchs(other, again, model)


def test_a_beta_out_of_range_gives_a_notice_and_the_dial_at_1(page: Page, enter: Enter) -> None:
    plane = enter(page, beta="-3")
    expect(notices(page)).to_contain_text("0.01 to 200")
    expect(page.get_by_test_id("stSidebar")).to_have_count(0)
    assert beta_at(BETAS, frame_of(plane)) == pytest.approx(1.0, rel=1e-3)


def test_the_gallery_is_saved_as_a_picture(page: Page, enter: Enter) -> None:
    enter(page, panel="gallery", beta="4")
    settled(page)
    with page.expect_download() as saving:
        page.get_by_role("button", name="Save as PNG").click()
    with Image.open(io.BytesIO(saving.value.path().read_bytes())) as picture:
        columns, rows = 10, 12
        assert picture.size == (4 * (29 * columns - 1), 4 * (29 * rows - 1))


def test_it_fits_a_phone(open_page: OpenPage, enter: Enter) -> None:
    page = open_page(viewport=NARROW)
    enter(page)
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    assert said(page, "beta") == ""
