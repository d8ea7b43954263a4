"""The dial over the atlas's axis: everything follows it in the browser, and the page is told once, at the end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Locator, expect

from pages.common.plane_axis import beta_at
from tests.e2e.plane.harness import (
    BETAS,
    Bench,
    make_any_beta,
    make_atlas,
    make_beta_atlas,
    make_images,
    make_model,
    make_pair,
    make_recogniser,
    new_context,
    open_bench,
    pack_id,
)

MODEL = make_any_beta()
ATLAS = make_beta_atlas(MODEL)
LAST = len(BETAS) - 1
PAIR = make_pair(make_model(kind="ae"), make_model(seed=3))
IMAGES = make_images(12, torch.Generator().manual_seed(9))
ROW = [{"pixels": image.flatten().tolist(), "label": str(k % 10)} for k, image in enumerate(IMAGES)]


def _dial(bench: Bench) -> Locator:
    return bench.page.get_by_role("slider")


def _frame(bench: Bench) -> float:
    return float(bench.stage.get_attribute("data-frame") or "nan")


def _grab(bench: Bench, *shares: float) -> None:
    """Press the dial at the first share of its length and move along the others, without letting go."""
    box = _dial(bench).bounding_box()
    assert box is not None
    for k, share in enumerate(shares):
        bench.page.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        if k == 0:
            bench.page.mouse.down()
        bench.frame()


def _expected(frame: float, z: tuple[float, float]) -> Any:
    fixed = MODEL.at(beta_at(BETAS, frame))
    return (255 * fixed.decode(torch.tensor([z]))).round().reshape(28, 28).numpy()


def test_dragging_the_dial_moves_points_and_picture_and_tells_nobody_before_it_is_let_go(bench: Bench) -> None:
    bench.open(ATLAS, z=[0.4, -0.3], frame=0, rest=False)
    assert np.abs(bench.grey().astype(float) - _expected(0, (0.4, -0.3))).max() <= 2
    seen = []
    for share in (0.3, 0.55, 0.81):
        _grab(bench, share)
        seen.append(_frame(bench))
        assert np.abs(bench.grey().astype(float) - _expected(seen[-1], (0.4, -0.3))).max() <= 2
    assert seen == sorted(set(seen))
    assert seen[-1] % 1 > 0
    assert bench.told() == []
    bench.page.mouse.up()
    assert bench.wait_for_told("state.frame > 0")["frame"] == seen[-1]
    assert len(bench.told()) == 1


def test_a_page_that_hands_the_frame_back_does_not_turn_the_dial(bench: Bench) -> None:
    bench.open(ATLAS, frame=0, rest=False)
    _grab(bench, 0.2, 0.5)
    bench.page.mouse.up()
    told = bench.wait_for_told("state.frame > 0")["frame"]
    _dial(bench).press("End")
    bench.show(pack_id(ATLAS), frame=told, rest=False)
    bench.frame()
    assert _frame(bench) == LAST


def test_the_dial_goes_where_the_page_says_at_first(bench: Bench) -> None:
    bench.open(ATLAS, frame=3.5)
    expect(_dial(bench)).to_have_js_property("value", "3.5")
    expect(bench.page.get_by_test_id("dial-value")).to_have_text("0.762")
    bench.show(pack_id(ATLAS), frame=400)
    expect(bench.stage).to_have_attribute("data-frame", str(LAST))
    expect(bench.page.get_by_test_id("dial-value")).to_have_text("200")


def test_keys_turn_the_dial_and_the_page_is_told_once_they_rest(bench: Bench) -> None:
    bench.open(ATLAS, frame=2)
    dial = _dial(bench)
    dial.press("ArrowRight")
    assert float(dial.input_value()) == pytest.approx(2 + LAST / 100)
    dial.press("Shift+ArrowLeft")
    assert float(dial.input_value()) == pytest.approx(2 + 0.9 * LAST / 100)
    told = bench.wait_for_told("state.frame > 2 && state.frame < 2.08")
    assert told["frame"] == pytest.approx(2 + 0.9 * LAST / 100)
    dial.press("Home")
    expect(bench.stage).to_have_attribute("data-frame", "0")
    assert bench.wait_for_told("state.frame === 0")["frame"] == 0
    dial.press("End")
    dial.press("ArrowUp")
    expect(bench.stage).to_have_attribute("data-frame", str(LAST))
    expect(dial).to_have_attribute("aria-valuetext", "beta 200")


def test_the_dial_has_a_name_and_a_tick_at_each_power_of_ten(bench: Bench) -> None:
    bench.open(ATLAS)
    expect(_dial(bench)).to_have_accessible_name("β")
    ticks = bench.page.locator(".dial-tick")
    assert ticks.all_inner_texts() == ["0.01", "0.1", "1", "10", "100"]
    thumb = bench.page.evaluate(
        """() => {
          const root = document.getElementById("view").shadowRoot;
          const { left, width } = root.querySelector(".dial-slider").getBoundingClientRect();
          const middle = (node) => { const box = node.getBoundingClientRect(); return box.left + box.width / 2; };
          return [left, width, [...root.querySelectorAll(".dial-tick")].map(middle)];
        }"""
    )
    left, width, middles = thumb
    shares = np.log(np.array([0.01, 0.1, 1, 10, 100]) / BETAS[0]) / np.log(BETAS[-1] / BETAS[0])
    np.testing.assert_allclose(middles, left + 9 + (width - 18) * shares, atol=1.5)


def test_where_collapse_begins_is_marked(bench: Bench) -> None:
    bench.open(ATLAS)
    mark = bench.page.locator(".dial-collapse")
    expect(mark).to_have_attribute(
        "title", f"From β = {BETAS[LAST - 1]:.1f} on, fewer than two latent dimensions are active"
    )
    bench.show(pack_id(ATLAS), collapse=20)
    expect(mark).to_have_attribute("title", "From β = 20.0 on, fewer than two latent dimensions are active")


def test_a_plain_model_has_no_dial(bench: Bench) -> None:
    bench.open(make_atlas(make_model()))
    expect(_dial(bench)).to_have_count(0)


def test_the_dial_over_a_pair_names_both_and_moves_points_from_one_to_the_other(bench: Bench) -> None:
    bench.open(PAIR, ends=["autoencoder", "VAE"])
    assert bench.page.locator(".dial-tick").all_inner_texts() == ["autoencoder", "VAE"]
    _dial(bench).press("End")
    expect(bench.stage).to_have_attribute("data-frame", "1")
    expect(_dial(bench)).to_have_attribute("aria-valuetext", "100 percent of the way from autoencoder to VAE")
    bench.show(pack_id(PAIR), ends="nonsense")
    assert bench.page.locator(".dial-tick").all_inner_texts() == ["first", "second"]


def test_play_sweeps_until_it_is_stopped_and_tells_the_page_then(bench: Bench) -> None:
    bench.open(ATLAS, frame=0, rest=False)
    bench.page.get_by_role("button", name="Play the dial").click()
    bench.page.wait_for_function(
        "() => Number(document.getElementById('view').shadowRoot.querySelector('.stage').dataset.frame) > 0.2"
    )
    assert bench.told() == []
    bench.page.get_by_role("button", name="Stop the dial").click()
    told = bench.wait_for_told("state.frame > 0.2")
    bench.frame()
    assert _frame(bench) == told["frame"]
    expect(bench.page.get_by_role("button", name="Play the dial")).to_be_visible()


def test_taking_hold_of_the_dial_ends_its_play(bench: Bench) -> None:
    bench.open(ATLAS, frame=0, rest=False)
    bench.page.get_by_role("button", name="Play the dial").click()
    _dial(bench).press("End")
    expect(bench.page.get_by_role("button", name="Play the dial")).to_be_visible()
    bench.frame()
    assert _frame(bench) == LAST


def test_who_asked_for_less_motion_sees_a_few_places_of_the_sweep(browser: Any) -> None:
    context = new_context(browser, reduced_motion="reduce")
    bench = open_bench(context)
    bench.open(ATLAS, frame=0, rest=False)
    bench.page.get_by_role("button", name="Play the dial").click()
    bench.page.wait_for_function(
        "() => Number(document.getElementById('view').shadowRoot.querySelector('.stage').dataset.frame) > 0"
    )
    place = _frame(bench) / (LAST / 12)
    assert place == pytest.approx(round(place))
    assert bench.complaints == []
    context.close()


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_the_row_shows_the_reconstructions_of_the_betas_model(bench: Bench, share: float) -> None:
    bench.open(ATLAS, row=ROW, frame=1, rest=False)
    _grab(bench, 0.5, share)
    frame = _frame(bench)
    expect(bench.page.locator(".row")).to_have_attribute("data-frame", str(frame if frame % 1 else int(frame)))
    fixed = MODEL.at(beta_at(BETAS, frame))
    expected = fixed.decode(fixed.encode(IMAGES.float().div(255).unsqueeze(1))[0])
    for place in (0, 5, 11):
        assert np.array_equal(_greys(bench, "row-original", place), IMAGES[place].numpy())
        copy = _greys(bench, "row-reconstruction", place)
        assert np.abs(copy - (255 * expected[place]).round().reshape(28, 28).numpy()).max() <= 2
    assert bench.told() == []
    bench.page.mouse.up()


def _greys(bench: Bench, name: str, place: int) -> Any:
    values = bench.page.locator(f"[data-testid={name}][data-place='{place}']").evaluate(
        """(canvas) => {
          const { data } = canvas.getContext("2d").getImageData(0, 0, 28, 28);
          return Array.from({ length: 784 }, (_, i) => data[4 * i]);
        }"""
    )
    return np.array(values, dtype=float).reshape(28, 28)


def test_without_an_encoder_a_digits_code_is_that_of_its_point(bench: Bench) -> None:
    first, second = make_model(kind="ae"), make_model(seed=3)
    bench.open(make_pair(first, second), row=[{**ROW[0], "index": 4}], frame=1)
    expect(bench.page.locator(".row")).to_have_attribute("data-frame", "1")
    images = make_images(200, torch.Generator().manual_seed(7))
    expected = second.decode(second.encode(images[4:5].float().div(255).unsqueeze(1))[0])
    copy = _greys(bench, "row-reconstruction", 0)
    assert np.abs(copy - (255 * expected).round().reshape(28, 28).numpy()).max() <= 2


def test_a_row_of_nonsense_shows_what_makes_sense(bench: Bench) -> None:
    bench.open(
        ATLAS, row=[{"pixels": [1, 2]}, None, 7, {"pixels": [300] * 784}, ROW[0]], marks="x", link=4, collapse="y"
    )
    expect(bench.page.get_by_test_id("row-original")).to_have_count(1)
    bench.show(pack_id(ATLAS), row="digits")
    expect(bench.page.locator(".row")).to_be_hidden()


def test_tiles_follow_the_dial_and_are_those_of_the_last_place(bench: Bench) -> None:
    bench.open(ATLAS, make_recogniser()[1], overlays=["tiles", "regions"], frame=0, rest=False)
    under = """() => {
      const canvas = document.getElementById("view").shadowRoot.querySelector("canvas.layer");
      return canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.reduce((a, v) => a + v, 0);
    }"""
    bench.page.wait_for_function(f"() => ({under})() > 0")
    before = bench.page.evaluate(under)
    _grab(bench, 0.3, 0.6, 0.9)
    bench.page.wait_for_function(f"(before) => ({under})() !== before", arg=before)
    bench.page.mouse.up()
    bench.wait_for_told("state.frame > 0")


def test_stale_tiles_are_decoded_anew_at_the_new_frame(bench: Bench) -> None:
    bench.open(ATLAS)
    found = bench.page.evaluate(
        """([id, last]) => {
          const atlas = plane.packOf(id);
          const tiles = new plane.Tiles();
          const wants = [{ range: { level: 0, left: 0, low: 0, columns: 1, rows: 1 }, named: false }];
          const tile = () => Array.from(tiles.find(0, 0, 0, () => true).tile.bytes);
          const work = (frame) => { while (!tiles.done) tiles.work(atlas, null, frame, 1); };
          tiles.plan(wants, 0);
          work(0);
          const before = tile();
          tiles.plan(wants, last);
          const kept = tile();
          work(last);
          return [before, kept, tile()];
        }""",
        [pack_id(ATLAS), LAST],
    )
    assert found[0] == found[1]
    for frame, shown in ((0, found[0]), (LAST, found[2])):
        assert np.abs(np.array(shown) - _expected(frame, (0.5, 0.5)).ravel()).max() <= 2


def test_names_of_digits_travel_with_their_points(bench: Bench) -> None:
    bench.open(ATLAS)
    found = bench.page.evaluate(
        """([id]) => {
          const atlas = plane.packOf(id);
          const z = [atlas.positions[0], atlas.positions[1]];
          const company = new plane.Companions(atlas, [{ kind: 0, z }], 0);
          return [company.at(0)[0].z, z, company.at(6)[0].z];
        }""",
        [pack_id(ATLAS)],
    )
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)
    assert np.abs(np.subtract(found[2], found[0])).max() > 1e-3


@pytest.mark.parametrize("frame", [0.0, 2.5, 7.0])
def test_readouts_are_read_off_the_curves(bench: Bench, frame: float) -> None:
    bench.open(ATLAS, frame=frame, marks=[{"name": "vae", "beta": 4, "rate": 5, "distortion": 150}, {"name": "bad"}])
    distortion, rate, beta = 130 + 9.5 * frame, 10.5 * (1 - frame / LAST), beta_at(BETAS, frame)
    wanted = {
        "rates_distortion": distortion,
        "rates_rate": rate,
        "rates_elbo": -(distortion + rate),
        "rates_objective": distortion + beta * rate,
    }
    for name, value in wanted.items():
        said = bench.page.get_by_test_id(name).inner_text().replace("−", "-")
        assert float(said) == pytest.approx(value, abs=0.006)
    expect(bench.page.get_by_test_id("rates_active")).to_have_text("z₁, z₂" if frame < 7 else "z₁")
    expect(bench.page.locator(".chart-mark")).to_have_count(1)


def test_the_dot_on_the_chart_runs_along_the_curve(bench: Bench) -> None:
    bench.open(ATLAS, frame=0, rest=False)
    dot = bench.page.get_by_test_id("chart-dot")
    curve = bench.page.locator(".chart-curve").get_attribute("d") or ""
    corners = [tuple(map(float, pair.split())) for pair in curve[1:].split("L")]
    for key, place in (("Home", 0), ("End", LAST)):
        _dial(bench).press(key)
        bench.frame()
        at = (float(dot.get_attribute("cx") or "nan"), float(dot.get_attribute("cy") or "nan"))
        assert at == pytest.approx(corners[place], abs=0.02)


def test_without_curves_there_are_no_rates(bench: Bench) -> None:
    bench.open(make_beta_atlas(MODEL, curves={}))
    expect(bench.page.locator(".rates")).to_be_hidden()
    expect(bench.page.locator(".dial-collapse")).to_have_count(0)
