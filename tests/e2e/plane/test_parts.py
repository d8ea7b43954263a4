"""Legend, colours and overlays around the plane."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from playwright.sync_api import expect

from tests.e2e.plane.harness import Bench, make_atlas, make_model, make_recogniser, pack_id, text

MODEL = make_model()
ATLAS = make_atlas(MODEL)
ATLAS_ID = pack_id(ATLAS)
LAYERS = """
() => [...document.getElementById("view").shadowRoot.querySelectorAll("canvas.layer")].map((canvas) => {
    const flat = document.createElement("canvas");
    flat.width = canvas.width;
    flat.height = canvas.height;
    const context = flat.getContext("2d");
    context.drawImage(canvas, 0, 0);
    return context.getImageData(0, 0, flat.width, flat.height).data.reduce((sum, value) => sum + value, 0);
  })
"""


def _under(bench: Bench) -> int:
    """How much is painted on the canvas beneath the points."""
    bench.frame()
    return int(bench.page.evaluate(LAYERS)[0])


def test_a_chip_hides_its_digit_and_shows_it_again(bench: Bench) -> None:
    bench.open(ATLAS)
    expect(bench.stage).to_have_attribute("data-points", "500")
    chip = bench.page.get_by_role("button", name="7", exact=True)
    chip.click()
    expect(bench.stage).to_have_attribute("data-points", "450")
    expect(chip).to_have_attribute("aria-pressed", "false")
    assert bench.wait_for_told("state.hidden.length")["hidden"] == [7]
    chip.click()
    expect(bench.stage).to_have_attribute("data-points", "500")


@pytest.mark.parametrize("how", ["double click", "Alt click"])
def test_a_digit_can_be_shown_alone_and_all_of_them_again(bench: Bench, how: str) -> None:
    bench.open(ATLAS)
    chip = bench.page.get_by_role("button", name="3", exact=True)
    if how == "double click":
        chip.dblclick()
    else:
        chip.click(modifiers=["Alt"])
    expect(bench.stage).to_have_attribute("data-points", "50")
    bench.page.get_by_role("button", name="Show all").click()
    expect(bench.stage).to_have_attribute("data-points", "500")


def test_points_without_a_label_have_a_chip_of_their_own(bench: Bench) -> None:
    bench.open(make_atlas(MODEL, labels=torch.where(torch.arange(500) < 40, -1, 5)))
    bench.page.get_by_role("button", name="none").click()
    expect(bench.stage).to_have_attribute("data-points", "460")


def test_colouring_by_a_value_shows_its_scale_and_unit(bench: Bench) -> None:
    bench.open(ATLAS)
    scale = bench.page.locator(".value-scale")
    expect(scale).to_be_hidden()
    bench.page.get_by_label("Colour").select_option("kl")
    expect(scale).to_contain_text("nats")
    assert bench.wait_for_told("state.color === 'kl'")["color"] == "kl"


@pytest.mark.parametrize("overlay", ["Density of the codes", "Holes", "Decoded digits", "Recognised regions"])
def test_an_overlay_is_painted_and_taken_away_again(bench: Bench, overlay: str) -> None:
    bench.open(ATLAS, make_recogniser()[1])
    assert _under(bench) == 0
    bench.page.locator("summary.menu-button").click()
    bench.page.get_by_label(overlay).check()
    bench.page.wait_for_function(f"() => ({LAYERS})()[0] > 0")
    bench.page.get_by_label(overlay).uncheck()
    assert _under(bench) == 0


def test_tiles_show_what_their_middle_decodes_to(bench: Bench) -> None:
    bench.open(ATLAS)
    tile = bench.page.evaluate(
        """(text) => {
          const atlas = new plane.Atlas(pack(text));
          const tiles = new plane.Tiles();
          tiles.plan([{ range: { level: -1, left: -2, low: 1, columns: 3, rows: 2 }, named: false }]);
          while (!tiles.done) tiles.work(atlas, null, 0, 1);
          return Array.from(tiles.find(-1, -1, 2, () => true).tile.bytes);
        }""",
        text(ATLAS),
    )
    expected = (255 * MODEL.decode(torch.tensor([[-0.25, 1.25]]))).round().flatten().numpy()
    assert np.abs(np.array(tile) - expected).max() <= 1


def test_an_autoencoder_has_no_prior_and_no_holes(bench: Bench) -> None:
    bench.open(make_atlas(make_model(kind="ae")))
    bench.page.locator("summary.menu-button").click()
    for name, possible in [("Prior", False), ("Holes", False), ("Density", True), ("Decoded", True)]:
        expect(bench.page.get_by_role("checkbox", name=re.compile(f"^{name}"))).to_be_enabled(enabled=possible)
