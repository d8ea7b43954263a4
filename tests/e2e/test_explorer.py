"""The explorer as a person uses it: pointer, gallery, film and address, in a real browser."""

from __future__ import annotations

import io
import re
from urllib.parse import urlencode

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence
from playwright.sync_api import Page, expect

from tests.e2e.conftest import NARROW, OpenPage
from tests.e2e.explorer import box_of, bring, decoded, drag, grey, place, said, until_said, where
from tests.e2e.page import ready, settled, visit
from vae_core.atlas import encode_images
from vae_core.data import load_images
from vae_core.interpolation import path
from vae_core.models import Autoencoder
from vae_core.registry import load_model

FRAME = 20  # milliseconds of the page's own clock


@pytest.fixture(scope="module")
def vae() -> Autoencoder:
    """The model that the explorer opens with."""
    return load_model("vae")


@pytest.fixture(scope="module")
def codes(vae: Autoencoder) -> torch.Tensor:
    """Where it places the test images."""
    return encode_images(vae, load_images()[0])[0]


@pytest.fixture
def sent(page: Page) -> list[str | bytes]:
    """What the page has sent to its server so far, oldest first."""
    frames: list[str | bytes] = []

    def keep(frame: str | bytes) -> None:
        frames.append(frame)

    page.on("websocket", lambda socket: socket.on("framesent", keep))
    return frames


def saved(page: Page, button: str) -> tuple[str, Image.Image]:
    """Press a button that saves a picture; return the file's name and the picture."""
    settled(page)
    with page.expect_download() as saving:
        page.get_by_role("button", name=button).click()
    return saving.value.suggested_filename, Image.open(io.BytesIO(saving.value.path().read_bytes()))


def test_all_that_follows_the_pointer_fits_a_window(page: Page) -> None:
    visit(page)
    plane = ready(page)
    for part in (plane, *(page.locator(name) for name in (".inspector", ".path", ".st-key-compact-panels"))):
        box = box_of(part)
        assert box["y"] + box["height"] <= 900
        assert 0 <= box["x"] <= box["x"] + box["width"] <= 1440
    assert page.get_by_test_id("stMain").evaluate("node => node.scrollTop") == 0


def test_hovering_decodes_as_torch_does_and_sends_nothing(
    page: Page, sent: list[str | bytes], vae: Autoencoder
) -> None:
    page.clock.install()
    visit(page)
    plane = ready(page)
    expect(page.get_by_test_id("nearest-original")).to_have_attribute("data-stale", "false")
    # From here on time passes only in steps: however slow the machine is, the pointer never rests.
    page.clock.pause_at(page.evaluate("Date.now() + 60_000"))
    settled(page)
    before = len(sent)
    for step in range(1, 25):
        angle = 2.4 * step
        page.mouse.move(*place(plane, 0.5 + 0.018 * step * np.cos(angle), 0.5 + 0.018 * step * np.sin(angle)))
        page.clock.run_for(FRAME)
        assert np.abs(grey(page, "decoded") - decoded(vae, *where(plane))).max() <= 2
    assert len(sent) == before
    assert said(page, "z") == ""


def test_a_click_pins_and_brings_the_nearest_digit_without_moving_anything(
    page: Page, vae: Autoencoder, codes: torch.Tensor
) -> None:
    visit(page)
    plane = ready(page)
    before = box_of(plane), box_of(page.get_by_test_id("decoded"))
    page.mouse.click(*place(plane, 0.42, 0.61))
    until_said(page, "pins")
    z = where(plane)
    index = int((codes.double() - torch.tensor(z, dtype=torch.float64)).square().sum(-1).argmin())
    original = page.get_by_test_id("nearest-original")
    expect(original).to_have_attribute("data-index", str(index))
    expect(original).to_have_attribute("data-stale", "false")
    assert np.array_equal(grey(page, "nearest-original"), load_images()[0][index].numpy())
    copy = grey(page, "nearest-reconstruction")
    assert np.abs(copy - decoded(vae, *codes[index].tolist())).max() <= 2
    assert (box_of(plane), box_of(page.get_by_test_id("decoded"))) == before


def test_a_drag_pans_and_pins_nothing(page: Page) -> None:
    visit(page)
    plane = ready(page)
    page.mouse.move(*place(plane, 0.5, 0.5))
    x, _y = where(plane)
    drag(page, place(plane, 0.5, 0.5), place(plane, 0.7, 0.5))
    page.mouse.move(*place(plane, 0.5, 0.5))
    until_said(page, "z")
    assert where(plane)[0] < x - 0.5
    assert said(page, "pins") == ""


def test_a_box_opens_the_gallery_of_what_is_in_it(page: Page, codes: torch.Tensor) -> None:
    visit(page)
    plane = ready(page)
    page.get_by_role("button", name="Box").click()
    drag(page, place(plane, 0.4, 0.4), place(plane, 0.5, 0.5))
    corners = np.array([corner.split(",") for corner in until_said(page, "selection").split("~")], dtype=float)
    low, high = (torch.tensor(side) for side in (corners.min(0), corners.max(0)))
    # The address is a little coarser than the selection.
    counts = [int(((codes > low - d) & (codes < high + d)).all(-1).sum()) for d in (-1e-4, 1e-4)]
    gallery = page.get_by_text("Showing 1 to 24 of")
    expect(gallery).to_be_visible()
    count = int(re.sub(r"\D", "", (gallery.inner_text()).split(" of ")[1]))
    assert counts[0] <= count <= counts[1]
    expect(page.get_by_role("radio", name=f"Selection ({count:,})")).to_be_checked()
    expect(page.locator(".status")).to_have_text(f"{count:,} selected")
    expect(page.get_by_role("img", name="Images above their reconstructions")).to_be_visible()
    assert said(page, "pins") == ""


def test_the_gallery_is_paged_sorted_and_saved(page: Page) -> None:
    visit(page, panel="selection", selection="-0.5,-0.5~0.5,-0.5~0.5,0.5~-0.5,0.5")
    ready(page)
    error = page.get_by_text("Originals above")
    expect(error).to_be_visible()
    given = error.inner_text()
    settled(page)
    bring(page.get_by_role("combobox", name="Order")).click()
    page.get_by_role("option", name="Worst").click()
    expect(error).not_to_have_text(given)
    settled(page)
    page.get_by_role("button", name="Next page").click()
    expect(page.get_by_text("Showing 25 to 48 of")).to_be_visible()
    name, picture = saved(page, "Save as PNG")
    assert name == "vae-selection.png"
    assert picture.width == 4 * (12 * 30 - 2)
    assert said(page, "order") == "worst"


def test_a_path_is_saved_as_it_is_shown(page: Page, sent: list[str | bytes], vae: Autoencoder) -> None:
    pins = ((-1.5, 0.7), (1.0, 0.25), (0.5, -1.5))
    page.goto("/?path=spherical&pins=" + "~".join(f"{x:g},{y:g}" for x, y in pins))
    ready(page)
    strip = np.asarray(saved(page, "Path as PNG")[1])
    frames = page.locator(".film-frame")
    expect(frames).to_have_count((strip.shape[1] + 4) // (4 * 29))
    expected = vae.decode(path(torch.tensor(pins), frames.count(), "spherical")).mul(255).round().squeeze(1).numpy()
    for number, image in enumerate(expected):
        assert np.abs(strip[::4, 4 * 29 * number : 4 * (29 * number + 28) : 4] - image).max() <= 1
    before = len(sent)
    name, film = saved(page, "Path as GIF")
    assert name == "vae-path.gif"
    assert sum(1 for _frame in ImageSequence.Iterator(film)) == 80
    # What is saved is made by the server on its own: the page is not run again.
    assert not any(b"rerun_script" in frame for frame in sent[before:] if isinstance(frame, bytes))


def test_without_a_path_there_is_nothing_to_save(page: Page) -> None:
    visit(page, pins="0,0")
    ready(page)
    expect(page.get_by_text("One pin.")).to_be_visible()
    for kind in ("GIF", "PNG"):
        expect(page.get_by_role("button", name=f"Path as {kind}")).to_be_disabled()


def test_an_address_restores_all_that_was_on_screen(page: Page) -> None:
    view = {
        "model": "vae-gaussian",
        "z": "0.25,-1.5",
        "pins": "0,0~1,1",
        "colour": "kl",
        "overlays": "prior,holes",
        "hidden": "3,8",
        "mode": "std",
        "path": "spherical",
        "selection": "-1,-1~1,-1~1,1~-1,1",
        "panel": "card",
    }
    page.goto(f"/?{urlencode(view)}")
    plane = ready(page)
    expect(plane).to_have_attribute("data-model", "vae-gaussian")
    assert where(plane) == (0.25, -1.5)
    expect(page.get_by_label("Colour")).to_have_value("kl")
    expect(page.get_by_label("How the path runs")).to_have_value("spherical")
    expect(page.get_by_role("button", name="Deviation")).to_have_attribute("aria-pressed", "true")
    for digit in range(10):
        chip = page.locator(".chip", has_text=str(digit))
        expect(chip).to_have_attribute("aria-pressed", "false" if digit in (3, 8) else "true")
    expect(page.locator(".count")).to_have_text("2")
    expect(page.locator(".film-frame")).to_have_count(16)
    expect(page.locator(".status")).to_contain_text("selected")
    expect(page.get_by_role("radio", name="This model's card")).to_be_checked()
    assert {name: said(page, name) for name in view} == view


def test_an_autoencoder_has_no_kl_to_colour_by(page: Page) -> None:
    visit(page, model="ae")
    ready(page)
    options = page.get_by_label("Colour").locator("option")
    expect(options).to_have_text(["Digit", "Reconstruction error"])
    page.get_by_label("Colour").select_option("reconstruction")
    until_said(page, "colour", "reconstruction")
    expect(page.locator(".value-scale")).to_contain_text("nats")


def test_another_model_comes_without_moving_the_plane(page: Page) -> None:
    visit(page)
    plane = ready(page)
    before, node = box_of(plane), plane.element_handle()
    page.get_by_role("combobox", name="Model").click()
    page.get_by_role("option", name="vae-classic", exact=True).click()
    moved = page.evaluate_handle(
        """node => {
          const seen = new Set();
          const look = () => { seen.add(JSON.stringify(node.getBoundingClientRect())); requestAnimationFrame(look); };
          look();
          return seen;
        }""",
        node,
    )
    expect(plane).to_have_attribute("data-model", "vae-classic")
    settled(page)
    assert len(moved.evaluate("seen => [...seen]")) == 1, moved.evaluate("seen => [...seen]")
    assert box_of(plane) == before
    assert node is not None
    assert node.evaluate("node => node.isConnected")


def _colourful(picture: bytes, box: tuple[int, int, int, int]) -> int:
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB").crop(box)).astype(int)
    return int((pixels.max(-1) - pixels.min(-1) > 80).sum())


def test_the_points_stay_when_the_page_is_scrolled(page: Page) -> None:
    visit(page, panel="card")
    plane = ready(page)
    page.get_by_test_id("stMain").evaluate("node => node.scrollTo(0, 300)")
    page.wait_for_function("() => document.querySelector('[data-testid=stMain]').scrollTop > 100")
    box = box_of(plane)
    part = (int(box["x"]), 80, int(box["x"] + box["width"]), int(box["y"] + box["height"]))
    assert _colourful(page.screenshot(), part) > 1000


@pytest.mark.parametrize("panel", ["draw", "selection", "card"])
def test_no_panel_makes_a_phone_scroll_sideways(open_page: OpenPage, panel: str) -> None:
    page = open_page(viewport=NARROW, touch=True)
    visit(page, panel=panel, selection="-0.5,-0.5~0.5,-0.5~0.5,0.5~-0.5,0.5", pins="0,0~1,1")
    ready(page)
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    assert page.get_by_test_id("stMain").evaluate("node => node.scrollWidth <= node.clientWidth")
