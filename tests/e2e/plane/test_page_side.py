"""What a page adds to the plane: the nearest image it sends, and the pad in a place of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import expect

from pages.common.plane_words import words
from tests.e2e.plane.harness import Bench, make_atlas, make_codes, make_model, pack_id
from vae_core.export import to_grey

MODEL = make_model()
ATLAS = make_atlas(MODEL)
ATLAS_ID = pack_id(ATLAS)
CODES, _LABELS = make_codes(500, torch.Generator().manual_seed(1))
GREYS = [number % 256 for number in range(784)]
STAMP = [255 if 10 <= number % 28 < 18 and 200 <= number < 600 else 0 for number in range(784)]


def nearest_to(x: float, y: float) -> int:
    """The number of the code that is nearest."""
    return int((CODES.double() - torch.tensor([x, y], dtype=torch.float64)).square().sum(-1).argmin())


def mount(bench: Bench, host: str, **data: Any) -> None:
    """Mount the component with exactly this data."""
    bench.page.evaluate("([id, data]) => mount(id, data)", [host, data])


def open_with_pad(bench: Bench, **pad: Any) -> None:
    """Show a plane that has a name and no pad, and elsewhere its pad."""
    bench.carry(ATLAS)
    mount(bench, "pad", role="pad", plane="here", **pad)  # as a page may: before the plane is there
    mount(bench, "view", role="plane", name="here", atlas=ATLAS_ID, strings=words(), parts=["inspector"], rest=False)
    bench.ready()


def test_the_image_a_page_sends_stands_beside_what_its_code_decodes_to(bench: Bench) -> None:
    index = nearest_to(1.5, 0.5)
    bench.open(ATLAS, z=[1.5, 0.5], nearest={"index": index, "original": GREYS})
    expect(bench.page.get_by_test_id("nearest-original")).to_have_attribute("data-stale", "false")
    assert bench.grey("nearest-original").flatten().tolist() == GREYS
    expected = to_grey(MODEL.decode(CODES[index][None])).numpy().astype(int)
    assert np.abs(bench.grey("nearest-reconstruction") - expected).max() <= 2


def test_it_fades_where_another_is_nearer_and_nothing_moves(bench: Bench) -> None:
    index = nearest_to(1.5, 0.5)
    bench.open(ATLAS, z=[1.5, 0.5], nearest={"index": index, "original": GREYS})
    original, copy = (bench.page.get_by_test_id(f"nearest-{name}") for name in ("original", "reconstruction"))
    before = original.bounding_box()
    bench.hover(0.2, 0.7)
    other = nearest_to(*bench.z())
    assert other != index
    expect(original).to_have_attribute("data-stale", "true")
    expect(copy).to_have_attribute("data-index", str(other))
    expected = to_grey(MODEL.decode(CODES[other][None])).numpy().astype(int)
    assert np.abs(bench.grey("nearest-reconstruction") - expected).max() <= 2
    assert original.bounding_box() == before


@pytest.mark.parametrize("nonsense", [None, {"index": 1}, {"index": "1", "original": GREYS}, {"original": [256] * 784}])
def test_without_an_image_from_the_page_there_is_no_place_for_one(bench: Bench, nonsense: object) -> None:
    bench.open(ATLAS, nearest=nonsense)
    expect(bench.page.get_by_test_id("nearest-original")).to_be_hidden()


def test_a_pad_elsewhere_belongs_to_its_plane(bench: Bench) -> None:
    open_with_pad(bench)
    pad = bench.page.locator("#pad").get_by_test_id("pad")
    expect(pad).to_be_visible()
    assert bench.page.locator("#view").get_by_test_id("pad").count() == 0
    box = pad.bounding_box()
    assert box is not None
    bench.page.mouse.move(box["x"] + 60, box["y"] + 40)
    bench.page.mouse.down()
    bench.page.mouse.move(box["x"] + 160, box["y"] + 180, steps=5)
    bench.page.mouse.up()
    drawn = bench.wait_for_told("state.drawn")["drawn"]
    assert bench.grey("pad-input").flatten().tolist() == drawn


def test_what_is_on_the_pad_outlives_its_place(bench: Bench) -> None:
    open_with_pad(bench, picture=STAMP)
    assert bench.wait_for_told("state.drawn")["drawn"] == STAMP
    bench.page.evaluate("mount('pad', { role: 'pad', plane: 'here' }); unmount()")
    assert bench.page.get_by_test_id("pad").count() == 0
    mount(bench, "pad", role="pad", plane="here")
    assert bench.grey("pad-input").flatten().tolist() == STAMP
    bench.page.get_by_role("button", name="Clear the pad").click()
    bench.wait_for_told("state.drawn === null")
    assert not bench.grey("pad-input").any()


def test_a_pad_of_no_plane_stays_empty(bench: Bench) -> None:
    mount(bench, "pad", role="pad", plane="nowhere")
    assert bench.page.get_by_test_id("pad").count() == 0


def test_classes_beyond_the_tenth_go_together(bench: Bench) -> None:
    labels = torch.arange(500) % 13
    classes = tuple("abcdefghijklm")
    pack = make_atlas(MODEL, labels=labels, classes=classes)
    bench.open(pack, hidden=[10])
    others = bench.page.get_by_role("button", name="others")
    expect(others).to_have_attribute("aria-pressed", "false")
    expect(bench.stage).to_have_attribute("data-points", str(int((labels < 10).sum())))
    shown = (CODES - torch.tensor(bench.z())).square().sum(-1)
    shown[labels >= 10] = torch.inf
    expect(bench.page.locator(".nearest-digit")).to_have_text(classes[int(labels[shown.argmin()])])


def test_a_selection_that_comes_with_another_map_is_kept(bench: Bench) -> None:
    corners = [[-3, -3], [3, -3], [3, 3], [-3, 3]]
    bench.open(ATLAS)
    other = make_atlas(MODEL, 100)
    bench.show(pack_id(other), selection=corners)
    bench.carry(other)
    expect(bench.page.locator(".status")).to_have_text("100 selected")
    bench.show(ATLAS_ID, selection=None)
    bench.carry(ATLAS)
    expect(bench.page.locator(".status")).to_have_text("")
