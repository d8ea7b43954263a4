"""The component's life on a page: waiting, waking, being called again, losing its graphics, going."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import expect

from tests.e2e.plane.harness import Bench, make_atlas, make_model, pack_id

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


def test_a_plane_waits_for_its_atlas_and_wakes_when_it_comes(bench: Bench) -> None:
    bench.show(ATLAS_ID)
    expect(bench.page.get_by_text("Loading the map…")).to_be_visible()
    expect(bench.stage).to_have_attribute("data-ready", "false")
    bench.hover(0.5, 0.5)
    bench.stage.press("Enter")
    bench.carry(ATLAS)
    bench.ready()
    expect(bench.page.get_by_text("Loading the map…")).to_be_hidden()
    assert bench.told() == []


@pytest.mark.parametrize("cut", [3, 40, len(ATLAS) - 100])
def test_a_broken_atlas_is_said_to_be_broken(bench: Bench, cut: int) -> None:
    bench.show(ATLAS_ID)
    bench.carry(ATLAS[:cut])
    expect(bench.page.get_by_text("This map cannot be read")).to_be_visible()
    bench.carry(ATLAS)
    bench.ready()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (rb"\"likelihood\": \"bernoulli\"", rb"\"likelihood\": \"bernoully\""),
        (rb"\"activation\": \"silu\"", rb"\"activation\": \"selu\""),
        (rb"decoder.1.weight", rb"decoder.9.weight"),
        (rb"[32,24]", rb"[24,32]"),
        (rb"\"version\": 1", rb"\"version\": 9"),
        (rb'"positions"', rb'"rositions"'),
    ],
)
def test_a_tampered_atlas_is_refused_when_it_comes(bench: Bench, old: bytes, new: bytes) -> None:
    assert old in ATLAS
    bench.show(ATLAS_ID)
    bench.carry(ATLAS.replace(old, new, 1))
    expect(bench.page.get_by_text("This map cannot be read")).to_be_visible()


def test_a_second_call_repeats_no_listener_and_keeps_what_was_done(bench: Bench) -> None:
    bench.open(ATLAS, rest=False)
    bench.hold_time()
    for _ in range(3):
        bench.show(ATLAS_ID)
    bench.page.mouse.move(*bench.place(0.6, 0.6))
    bench.page.mouse.wheel(0, -400)
    bench.hover(0.3, 0.4)
    z = bench.z()
    bench.click(0.3, 0.4)
    assert len(bench.wait_for_told("state.pins.length")["pins"]) == 1
    bench.show(ATLAS_ID, mode="mean")
    bench.hover(0.3, 0.4)
    assert bench.z() == z
    assert len(bench.page.locator(".latent-plane").all()) == 1
    assert len(bench.told()) == 1


def test_a_late_echo_of_an_old_state_does_not_undo_what_came_after(bench: Bench) -> None:
    bench.open(ATLAS, rest=False, pins=[])
    bench.click(0.3, 0.4)
    first = bench.wait_for_told("state.pins.length === 1")["pins"]
    bench.click(0.6, 0.4)
    second = bench.wait_for_told("state.pins.length === 2")["pins"]
    bench.show(ATLAS_ID, pins=first)
    bench.stage.press("Backspace")
    assert bench.wait_for_told("told.length === 3")["pins"] == second[:1]


def test_a_new_revision_sets_what_the_page_says(bench: Bench) -> None:
    bench.open(ATLAS, rest=False, pins=[[1, 0]], z=[0, 0], revision=0)
    bench.click(0.3, 0.4)
    bench.wait_for_told("state.pins.length === 2")
    bench.show(ATLAS_ID, pins=[[1, 0]], z=[0.5, 0.5], revision=1)
    bench.page.mouse.move(2, 2)
    bench.frame()
    assert bench.z() == (0.5, 0.5)
    bench.stage.press("Enter")
    assert bench.wait_for_told("told.length >= 2 && state.z[0] === 0.5")["pins"] == [[1, 0], [0.5, 0.5]]


NONSENSE: list[dict[str, Any]] = [
    {"z": "here"},
    {"z": [None, 1]},
    {"pins": [[1]], "hidden": "all", "overlays": ["secret"], "mode": 7, "frame": -3, "color": None},
    {"selection": [[0, 0]], "picture": [1, 2, 3], "strings": {}, "parts": []},
]


@pytest.mark.parametrize("options", NONSENSE, ids=json.dumps)
def test_options_without_sense_are_passed_over(bench: Bench, options: dict[str, Any]) -> None:
    bench.open(ATLAS, **options)
    bench.hover(0.4, 0.4)
    expect(bench.stage).to_have_attribute("data-points", "500")


def test_an_unmounted_plane_leaves_nothing_behind(bench: Bench) -> None:
    bench.open(ATLAS)
    bench.click(0.3, 0.4)
    bench.page.evaluate("unmount()")
    expect(bench.page.locator(".latent-plane")).to_have_count(0)
    bench.show(ATLAS_ID)
    bench.ready()


def test_losing_the_graphics_goes_on_in_two_dimensions(bench: Bench) -> None:
    bench.open(ATLAS)
    expect(bench.stage).to_have_attribute("data-renderer", "webgl2")
    bench.page.evaluate(
        """() => {
          const canvas = document.getElementById("view").shadowRoot.querySelectorAll("canvas.layer")[1];
          canvas.getContext("webgl2").getExtension("WEBGL_lose_context").loseContext();
        }"""
    )
    expect(bench.stage).to_have_attribute("data-renderer", "canvas2d")
    bench.frame()
    assert bench.page.evaluate(LAYERS)[1] > 0
    bench.hover(0.4, 0.3)
    expected = (255 * MODEL.decode(torch.tensor([bench.z()]))).round().reshape(28, 28).numpy()
    assert np.abs(bench.grey() - expected).max() <= 2


def test_both_renderers_paint_the_same_points(bench: Bench) -> None:
    painted = []
    for renderer in ["auto", "canvas2d"]:
        bench.open(ATLAS, renderer=renderer)
        bench.frame()
        # Drawn and read in one task: WebGL does not keep its picture afterwards.
        picture = bench.page.evaluate(
            """() => {
              const canvas = document.getElementById("view").shadowRoot.querySelectorAll("canvas.layer")[1];
              const flat = document.createElement("canvas");
              flat.width = flat.height = 64;
              return new Promise((done) => {
                dispatchEvent(new Event("resize"));
                requestAnimationFrame(() => {
                  const context = flat.getContext("2d");
                  context.drawImage(canvas, 0, 0, 64, 64);
                  done(Array.from(context.getImageData(0, 0, 64, 64).data));
                });
              });
            }"""
        )
        painted.append(np.array(picture, dtype=float).reshape(64, 64, 4))
    assert painted[0].sum() > 0
    alpha = [picture[..., 3] for picture in painted]
    assert np.corrcoef(alpha[0].ravel(), alpha[1].ravel())[0, 1] > 0.97


def test_frames_between_two_are_drawn_and_the_decoder_is_that_of_the_one_before(bench: Bench) -> None:
    other = make_model(seed=5)
    codes = torch.randn(2, 300, 2, generator=torch.Generator().manual_seed(2))
    pack = make_atlas(
        MODEL,
        positions=codes,
        labels=torch.zeros(300, dtype=torch.int64),
        values={},
        axis=(0.1, 1.0),
        axis_name="beta",
        decoders={0: MODEL, 1: other},
    )
    bench.open(pack, frame=0.5, z=[0.3, 0.2])
    expect(bench.stage).to_have_attribute("data-frame", "0.5")
    z = torch.tensor([[0.3, 0.2]])
    assert np.abs(bench.grey() - (255 * MODEL.decode(z)).reshape(28, 28).numpy()).max() <= 2
    bench.show(pack_id(pack), frame=1, z=[0.3, 0.2])
    bench.frame()
    assert np.abs(bench.grey() - (255 * other.decode(z)).reshape(28, 28).numpy()).max() <= 2
