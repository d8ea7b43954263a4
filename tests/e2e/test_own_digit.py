"""A person's own digit and own images on the explorer: drawn, uploaded, encoded, and never taken for HTML."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import FilePayload, Locator, Page, expect

from tests.e2e.explorer import bring, decoded, draw_a_seven, grey, said, until_said, where
from tests.e2e.page import ready, settled, visit
from vae_core.data import load_images, picture_to_image, to_pixels
from vae_core.models import Autoencoder
from vae_core.registry import load_model

HOSTILE = "<img src=x onerror=alert(1)>.png"


@pytest.fixture(scope="module")
def vae() -> Autoencoder:
    """The model that the explorer opens with."""
    return load_model("vae")


def mean_code(model: Autoencoder, levels: np.typing.NDArray[np.int64]) -> list[float]:
    """Where a model places an image of grey levels (28, 28)."""
    codes: list[float] = model.encode(to_pixels(torch.from_numpy(levels.astype(np.uint8))[None]))[0][0].tolist()
    return codes


def numbers(locator: Locator) -> list[float]:
    """The numbers that a part of the page shows."""
    return [float(text.replace("−", "-")) for text in re.findall(r"[−\d.]+", locator.inner_text())]


def scan(index: int) -> bytes:
    """A digit of the test set as a scan: large, dark on white paper."""
    image = 255 - load_images()[0][index].repeat_interleave(8, 0).repeat_interleave(8, 1)
    buffer = io.BytesIO()
    Image.fromarray(image.numpy()).save(buffer, format="PNG")
    return buffer.getvalue()


def png(name: str, content: bytes) -> FilePayload:
    return FilePayload(name=name, mimeType="image/png", buffer=content)


def open_pad(page: Page) -> Locator:
    """Open the explorer with its pad; return the plane."""
    visit(page, panel="draw")
    plane = ready(page)
    expect(page.get_by_test_id("pad")).to_be_visible()
    return plane


def upload_picture(page: Page, file: FilePayload) -> None:
    page.get_by_label("Or a picture of a digit").locator("input[type=file]").set_input_files(file)


def test_a_drawn_digit_is_encoded_at_once_and_measured(page: Page, vae: Autoencoder) -> None:
    plane = open_pad(page)
    before = where(plane)
    draw_a_seven(page)
    seen = grey(page, "pad-input")
    assert seen.max() == 255
    code = mean_code(vae, seen)
    assert numbers(page.locator(".pad-facts dd").first) == pytest.approx(code, abs=2e-3)
    assert np.abs(grey(page, "pad-output") - decoded(vae, *code)).max() <= 2
    expect(page.get_by_test_id("stMetric")).to_have_count(3)
    page.get_by_role("button", name="Exact log p(x)").click()
    expect(page.get_by_test_id("stMetric")).to_have_count(4)
    expect(page.get_by_test_id("stMetric").nth(3)).to_contain_text("nats")
    reconstruction, divergence, bound, exact = (
        numbers(metric.get_by_test_id("stMetricValue"))[0] for metric in page.get_by_test_id("stMetric").all()
    )
    assert bound == pytest.approx(-reconstruction - divergence, abs=0.011)
    assert exact > bound
    # The pad leaves the plane's cursor, its pins and so the address alone.
    assert where(plane) == before
    assert page.url.endswith("?panel=draw")


def test_what_is_drawn_outlives_its_panel_until_it_is_cleared(page: Page) -> None:
    open_pad(page)
    draw_a_seven(page)
    drawn = grey(page, "pad-input")
    expect(page.get_by_test_id("stMetric")).to_have_count(3)
    for panel in ("This model's card", "Draw a digit"):
        page.get_by_role("radio", name=panel).click()
        until_said(page, "panel", "card" if "card" in panel else "draw")
    expect(page.get_by_test_id("pad")).to_be_visible()
    assert np.array_equal(grey(page, "pad-input"), drawn)
    bring(page.get_by_role("button", name="Clear the pad")).click()
    expect(page.get_by_test_id("stMetric")).to_have_count(0)
    assert not grey(page, "pad-input").any()


def test_an_uploaded_picture_is_what_the_model_sees(page: Page, vae: Autoencoder) -> None:
    open_pad(page)
    picture = scan(1)
    upload_picture(page, png("two.png", picture))
    expect(page.get_by_test_id("stMetric")).to_have_count(3)
    expected = picture_to_image(picture).numpy()
    assert np.array_equal(grey(page, "pad-input"), expected)
    assert np.abs(grey(page, "pad-output") - decoded(vae, *mean_code(vae, expected.astype(np.int64)))).max() <= 2
    # No stroke is left over from it to be taken back.
    expect(page.get_by_role("button", name="Undo the last stroke")).to_be_disabled()
    settled(page)
    draw_a_seven(page)
    assert not np.array_equal(grey(page, "pad-input"), expected)


def test_a_file_that_is_no_picture_is_refused_in_words(page: Page) -> None:
    open_pad(page)
    upload_picture(page, png(HOSTILE, b"<svg onload=alert(1)>"))
    expect(page.get_by_text("This picture cannot be used.")).to_be_visible()
    expect(page.get_by_text("is not a picture this app can read")).to_be_visible()
    assert page.locator("img[src=x]").count() == 0
    expect(page.get_by_test_id("stMetric")).to_have_count(0)


def test_own_images_are_encoded_and_shown(page: Page, tmp_path: Path) -> None:
    images, labels = (part[:60].numpy() for part in load_images())
    np.savez(tmp_path / "mine.npz", images=images, labels=labels)
    visit(page)
    plane = ready(page)
    expect(plane).to_have_attribute("data-points", "10000")
    page.get_by_role("button", name="10,000 of MNIST").click()
    page.get_by_label("Your own images").locator("input[type=file]").set_input_files(tmp_path / "mine.npz")
    expect(plane).to_have_attribute("data-points", "60")
    expect(page.get_by_role("button", name="60 of your own")).to_be_visible()
    assert until_said(page, "data") == "own"
    # What is still on screen belongs to the new images.
    index = int(page.get_by_test_id("nearest-original").get_attribute("data-index") or -1)
    assert 0 <= index < 60
    assert np.array_equal(grey(page, "nearest-original"), images[index])
    assert said(page, "selection") == ""


def test_a_hostile_name_is_shown_and_not_interpreted(page: Page) -> None:
    visit(page)
    plane = ready(page)
    page.get_by_role("button", name="10,000 of MNIST").click()
    page.get_by_label("Your own images").locator("input[type=file]").set_input_files(png(HOSTILE, b"GIF89a"))
    problem = page.locator(".st-key-problems")
    expect(problem).to_contain_text("Your own images cannot be shown")
    expect(problem).to_contain_text("<img src=x onerror=alert(1)>.png")
    assert page.locator("img[src=x]").count() == 0
    settled(page)
    expect(plane).to_have_attribute("data-points", "10000")
