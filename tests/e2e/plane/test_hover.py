"""Hovering: the picture and what is said of it follow the pointer, and nobody else is asked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Page, expect

from tests.e2e.plane.harness import (
    Bench,
    make_atlas,
    make_codes,
    make_model,
    make_recogniser,
    pack_id,
    text,
)
from vae_core.config import LIKELIHOODS
from vae_core.models import Autoencoder

MODEL = make_model()
ATLAS = make_atlas(MODEL)
ATLAS_ID = pack_id(ATLAS)


def _decoded(model: Autoencoder, z: tuple[float, float]) -> Any:
    return (255 * model.decode(torch.tensor([z]))).round().reshape(28, 28).numpy()


@pytest.mark.parametrize("renderer", ["auto", "canvas2d"])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_the_picture_under_the_pointer_is_torchs(bench: Bench, likelihood: str, renderer: str) -> None:
    model = make_model(likelihood=likelihood)
    bench.open(make_atlas(model), renderer=renderer)
    expect(bench.stage).to_have_attribute("data-renderer", "webgl2" if renderer == "auto" else "canvas2d")
    seen = []
    for u, v in [(0.2, 0.3), (0.71, 0.35), (0.5, 0.9)]:
        bench.hover(u, v)
        seen.append(bench.grey())
        assert np.abs(seen[-1].astype(float) - _decoded(model, bench.z())).max() <= 2
    assert not np.array_equal(seen[0], seen[1])


def test_nothing_is_told_while_the_pointer_moves_and_once_when_it_rests(bench: Bench) -> None:
    bench.open(ATLAS)
    bench.hold_time()
    for step in range(20):
        bench.hover(0.2 + 0.02 * step, 0.5)
        assert bench.told() == []
    bench.pass_time(5000)
    told = bench.wait_for_told("state.z")
    assert told["z"] == pytest.approx(bench.z(), abs=1e-6)
    assert len(bench.told()) == 1


def test_a_plane_that_shall_not_report_rest_stays_silent(bench: Bench) -> None:
    bench.open(ATLAS, rest=False)
    bench.hold_time()
    bench.hover(0.4, 0.4)
    bench.pass_time(5000)
    assert bench.told() == []
    bench.click(0.4, 0.4)
    assert len(bench.told()) == 1


def test_when_the_pointer_leaves_the_picture_goes_back_to_where_it_last_rested(bench: Bench) -> None:
    bench.open(ATLAS)
    bench.hover(0.3, 0.4)
    settled = bench.wait_for_told("state.z")["z"]
    bench.hold_time()
    bench.hover(0.9, 0.4)
    bench.page.mouse.move(5, 5)
    bench.frame()
    assert bench.z() == pytest.approx(settled, abs=1e-6)


def test_every_decode_and_redraw_is_measured_and_the_measures_do_not_pile_up(bench: Bench) -> None:
    bench.open(ATLAS, rest=False)
    count = "(name) => performance.getEntriesByName(`latent-plane:${name}`, 'measure').length"
    before = bench.page.evaluate(count, "decode")
    bench.hover(0.3, 0.4)
    assert bench.page.evaluate(count, "decode") == before + 1
    assert bench.page.evaluate(count, "draw") >= 1


def test_the_measures_of_a_long_session_do_not_pile_up(js: Page) -> None:
    kept, last = js.evaluate(
        """(text) => {
          const decoding = new plane.Decoding();
          const atlas = new plane.Atlas(pack(text));
          for (let i = 0; i < 2300; i++) decoding.picture(atlas, null, 0, [i / 1000, 0], "mean");
          const entries = performance.getEntriesByName("latent-plane:decode", "measure");
          return [entries.length, Math.max(...entries.map((entry) => entry.startTime)) <= performance.now()];
        }""",
        text(ATLAS),
    )
    assert 1000 <= kept < 2000
    assert last


def test_the_side_says_what_the_spot_is(bench: Bench) -> None:
    network, recogniser = make_recogniser()
    bench.open(ATLAS, recogniser)
    bench.hover(0.35, 0.3)
    z = torch.tensor([bench.z()])
    shares = network(MODEL.decode(z)).softmax(-1)[0]
    codes, labels = make_codes(500, torch.Generator().manual_seed(1))
    nearest = torch.cdist(z, codes)[0].min(0)
    facts = bench.page.locator(".inspector")
    expect(facts.locator(".looks-digit")).to_have_text(str(int(shares.argmax())))
    assert float(facts.locator(".looks-share").inner_text()) == pytest.approx(float(shares.max()), abs=0.006)
    expect(facts.locator(".nearest-digit")).to_have_text(str(int(labels[nearest.indices])))
    assert float(facts.locator(".fact .quiet").inner_text()[3:]) == pytest.approx(float(nearest.values), abs=2e-3)
    for value in bench.z():
        expect(facts).to_contain_text(f"{value:.4f}".replace("-", "−"))


def test_the_middle_of_a_cluster_is_on_the_support_and_the_ring_s_middle_is_not(bench: Bench) -> None:
    bench.open(ATLAS)
    for z, words in [([2, 0], "on the data's support"), ([0, 0], "off the data's support"), ([-2, 0], "on the data's")]:
        bench.show(ATLAS_ID, z=z)
        bench.frame()
        expect(bench.page.locator(".support")).to_contain_text(words)


def test_the_spoken_line_says_where_the_cursor_is_and_what_it_looks_like(bench: Bench) -> None:
    bench.open(ATLAS, make_recogniser()[1])
    bench.hover(0.35, 0.3)
    x, y = bench.z()
    spoken = bench.page.get_by_test_id("spoken")
    expect(spoken).to_have_attribute("aria-live", "polite")
    expect(spoken).to_contain_text(f"z {x:.2f}, {y:.2f}. Looks like")
    expect(spoken).to_contain_text("support.")


def test_deviation_and_sample_are_shown_instead_of_the_mean(bench: Bench) -> None:
    bench.open(ATLAS)
    bench.hover(0.4, 0.3)
    z = bench.z()
    bench.page.get_by_role("button", name="Deviation").click()
    bench.hover(0.4, 0.3)
    mean = MODEL.decode(torch.tensor([z])).reshape(28, 28)
    assert np.abs(bench.grey() - (255 * (mean * (1 - mean)).sqrt()).round().numpy()).max() <= 2
    bench.page.get_by_role("button", name="Sample", exact=True).click()
    bench.hover(0.4, 0.3)
    first = bench.grey()
    assert set(np.unique(first)) == {0, 255}
    assert np.abs(first / 255 - mean.numpy()).mean() < 0.5
    bench.page.get_by_role("button", name="Draw another sample").click()
    bench.hover(0.4, 0.3)
    assert not np.array_equal(bench.grey(), first)
    assert bench.wait_for_told("state.mode === 'sample'")["mode"] == "sample"
