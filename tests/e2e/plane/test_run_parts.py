"""What stands beside a run's plane: its curves, its trajectory among others, and samples at the dial's place."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import FloatRect, Locator, Page, expect

from tests.e2e.plane.harness import (
    SERIES,
    Bench,
    make_any_beta,
    make_atlas,
    make_beta_atlas,
    make_course,
    make_model,
    make_series,
    make_tail,
    pack_id,
)
from vae_core.atlas import pack_keyframe

FIRST, SECOND = make_model(), make_model(seed=3)
FRAMES = 41
BASE = make_series({0: FIRST, 20: SECOND}, FRAMES)
STEPS, CURVES = make_course(FRAMES)[1:]
EVENTS = [{"step": 250, "text": "β 4"}, {"step": 1000, "text": "learning rate 0.0005"}]
OTHER = {"name": "other", "steps": [0, 1000, 2000], "rates": [1, 3, 5], "distortions": [220, 190, 165], "parent": None}
FORK = {
    "name": "fork",
    "steps": [1000, 1500, 2000],
    "rates": [9.0, 3.0, 4.0],
    "distortions": [999.0, 180.0, 170.0],
    "parent": {"name": "run", "step": 1000},
}


def _box(bench: Bench) -> FloatRect:
    """Where the curves are on the screen, once they are in sight."""
    drawing = bench.page.get_by_test_id("curves")
    drawing.scroll_into_view_if_needed()
    box = drawing.bounding_box()
    assert box is not None
    return box


def _button(bench: Bench, name: str) -> Locator:
    return bench.page.get_by_role("group", name="Show and hide curves").get_by_role("button", name=name, exact=True)


def _reading(bench: Bench, panel: str) -> str:
    return bench.page.locator(f".curves-panel[data-name={panel}] .curves-reading").text_content() or ""


def _minus(text: str) -> str:
    return text.replace("-", "−")


@pytest.mark.parametrize("frame", [0, 7.5, 40])
def test_the_curves_say_what_they_are_at_the_dials_place(bench: Bench, frame: float) -> None:
    bench.open(BASE, frame=frame)
    at = {name: float(np.interp(frame, range(FRAMES), curve)) for name, curve in CURVES.items()}
    assert _reading(bench, "distortion") == f"{at['distortion']:.2f} test, {at['train_distortion']:.2f} training"
    assert _reading(bench, "rate") == f"{at['rate']:.2f} test, {at['train_rate']:.2f} training"
    elbo, train = -at["distortion"] - at["rate"], -at["train_distortion"] - at["train_rate"]
    assert _reading(bench, "elbo") == _minus(f"{elbo:.2f} test, {train:.2f} training")
    said = bench.page.get_by_test_id("dial-reading").inner_text()
    assert said == _minus(f"ELBO {elbo:.2f} · D {at['distortion']:.2f} · R {at['rate']:.2f} nats · β {at['beta']:.3g}")


def test_the_line_on_the_curves_is_drawn_along_as_the_dial_is(bench: Bench) -> None:
    bench.open(BASE, frame=0, live=True, rest=False)
    box = _box(bench)
    bench.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    bench.page.mouse.down()
    bench.page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    bench.frame()
    frame = float(bench.stage.get_attribute("data-frame") or "nan")
    left, right = 46, box["width"] - 10
    assert frame == pytest.approx(40 * (box["width"] / 4 - left) / (right - left), abs=0.1)
    dial = bench.page.get_by_role("slider", name="Training step")
    assert float(dial.input_value()) == pytest.approx(frame)
    moved = bench.page.get_by_test_id("curves-now").get_attribute("transform") or ""
    assert float(moved[len("translate(") :].split()[0]) == pytest.approx(box["width"] / 4, abs=1)
    assert bench.told() == []
    bench.page.mouse.up()
    told = bench.wait_for_told("state.frame > 0")
    assert (told["frame"], told["following"]) == (frame, False)


def test_what_is_out_of_sight_follows_once_the_dial_rests_or_it_comes_into_sight(bench: Bench) -> None:
    bench.page.evaluate(
        """async () => {
          window.followed = [];
          const make = (name, top) => {
            const node = document.createElement("div");
            node.style.cssText = `position: absolute; top: ${top}px; height: 20px; width: 20px`;
            document.body.append(node);
            return { node, follow: () => followed.push(name), plane: { stage: { redraw() {} } } };
          };
          window.far = make("far", 5000);
          window.sight = new plane.Sight([make("near", 10), null, far]);
        }"""
    )
    bench.page.wait_for_function("() => sight.unseen.size === 1")
    assert bench.page.evaluate("(sight.follow(true), followed.splice(0))") == ["near"]
    assert bench.page.evaluate("(sight.follow(false), followed.splice(0))") == ["near", "far"]
    bench.page.evaluate("far.node.scrollIntoView()")
    bench.page.wait_for_function("() => followed.includes('far')")


def test_a_click_on_a_name_hides_its_curve_and_another_shows_it(bench: Bench) -> None:
    bench.open(BASE)
    panels = bench.page.locator(".curves-panel")
    assert panels.evaluate_all("(all) => all.map((panel) => panel.dataset.name)") == ["elbo", "distortion", "rate"]
    before = _box(bench)
    _button(bench, "Rate R").click()
    expect(_button(bench, "Rate R")).to_have_attribute("aria-pressed", "false")
    _button(bench, "β").click()
    assert panels.evaluate_all("(all) => all.map((panel) => panel.dataset.name)") == ["elbo", "distortion", "beta"]
    assert _reading(bench, "beta") == "1"
    _button(bench, "Training").click()
    expect(bench.page.locator(".curves-line[data-set=train]")).to_have_count(0)
    assert _reading(bench, "distortion") == f"{CURVES['distortion'][0]:.2f}"
    after = _box(bench)
    assert (after["width"], after["height"]) == (before["width"], before["height"])


def test_what_was_changed_is_marked_at_its_step(bench: Bench) -> None:
    later = {"step": 9999, "text": "not yet"}
    bench.open(BASE, events=[*EVENTS, later, {"step": "soon"}, None])
    marks = bench.page.locator(".curves-event")
    assert marks.locator("text").all_text_contents() == ["β 4", "learning rate 0.0005"]
    box = _box(bench)
    for mark, step in zip(marks.all(), (250, 1000), strict=True):
        d = mark.locator("path").first.get_attribute("d") or ""
        wide = box["width"] - 56
        assert float(d[1:].split()[0]) == pytest.approx(46 + wide * step / 2000, abs=0.5)


def test_words_of_changes_that_crowd_wait_to_be_pointed_at(bench: Bench) -> None:
    bench.open(BASE, events=[{"step": 500, "text": "learning rate 0.001"}, {"step": 510, "text": "β 2"}])
    words = bench.page.locator(".curves-event text")
    expect(words.nth(0)).to_be_visible()
    expect(words.nth(1)).to_be_hidden()
    box = _box(bench)
    bench.page.mouse.move(box["x"] + 46 + (box["width"] - 56) * 0.255, box["y"] + 120)
    expect(words.nth(1)).to_be_visible()


def test_curves_and_trajectory_grow_with_the_atlas(bench: Bench) -> None:
    bench.open(BASE, frame=40)
    line = bench.page.locator(".curves-panel[data-name=rate] [data-set=test]")
    curve = bench.page.locator(".chart-curve")
    before = [(found.get_attribute("d") or "").count("L") for found in (line, curve)]
    bench.carry(make_tail(38, 46), "tail")
    after = [(found.get_attribute("d") or "").count("L") for found in (line, curve)]
    assert [b - a for a, b in zip(before, after, strict=True)] == [5, 5]


def test_a_beginning_far_away_does_not_make_the_rest_small(js: Page) -> None:
    found = js.evaluate(
        """() => {
          const fall = Array.from({ length: 50 }, (_, k) => 130 + 400 * 0.4 ** k);
          const level = Array.from({ length: 50 }, (_, k) => 130 + 0.1 * k);
          return [plane.spanOf([fall]), plane.spanOf([level]), plane.spanOf([])];
        }"""
    )
    assert found[0][1] < 140
    assert found[1][0] < 130
    assert found[1][1] > 134.9
    assert found[2] == [0, 1]


def test_an_atlas_without_training_has_no_curves_and_no_samples(bench: Bench) -> None:
    for pack in (make_atlas(FIRST), make_beta_atlas(make_any_beta())):
        bench.open(pack)
        expect(bench.page.locator(".curves")).to_be_hidden()
        expect(bench.page.locator(".samples")).to_be_hidden()
        bench.page.evaluate("unmount()")


def test_an_autoencoders_run_has_distortion_alone(bench: Bench) -> None:
    bench.open(make_series({0: make_model(kind="ae")}, 8), frame=4)
    shown = bench.page.locator(".curves-panel").evaluate_all("(all) => all.map((panel) => panel.dataset.name)")
    assert shown == ["distortion"]
    expect(_button(bench, "Rate R")).to_be_hidden()
    expect(bench.page.get_by_test_id("dial-reading")).to_have_text(f"D {CURVES['distortion'][4]:.2f} nats")
    for part in (".rates", ".samples"):
        expect(bench.page.locator(part)).to_be_hidden()


# ---- the trajectory among others


def _chart_place(bench: Bench, rate: float, distortion: float) -> tuple[float, float]:
    found = bench.page.evaluate(
        """([rate, distortion, own]) => {
          const d = document.getElementById("view").shadowRoot.querySelector(".chart-curve").getAttribute("d");
          const corners = d.slice(1).split("L").map((pair) => pair.split(" ").map(Number));
          const [a, b] = [corners[0], corners.at(-1)];
          const along = (k, low, high, value) => a[k] + ((b[k] - a[k]) * (value - low)) / (high - low);
          return [along(0, own[0], own[1], rate), along(1, own[2], own[3], distortion)];
        }""",
        [rate, distortion, [CURVES["rate"][0], CURVES["rate"][-1], CURVES["distortion"][0], CURVES["distortion"][-1]]],
    )
    return float(found[0]), float(found[1])


def _corners(line: Locator) -> list[list[float]]:
    return [[float(v) for v in pair.split()] for pair in (line.get_attribute("d") or "M")[1:].split("L")]


def test_the_trajectory_so_far_ends_at_the_dials_dot(bench: Bench) -> None:
    bench.open(BASE, frame=10.5)
    past = _corners(bench.page.locator(".chart-past"))
    assert len(past) == 12
    dot = bench.page.get_by_test_id("chart-dot")
    at = [float(dot.get_attribute(name) or "nan") for name in ("cx", "cy")]
    assert past[-1] == pytest.approx(at, abs=0.02)
    assert at == pytest.approx(_chart_place(bench, CURVES["rate"][10] + 0.03, CURVES["distortion"][10] - 0.3), abs=0.2)


def test_a_fork_leaves_its_parents_trajectory_at_that_step(bench: Bench) -> None:
    bench.open(BASE, trajectories=[OTHER, FORK])
    expect(bench.page.locator(".chart-run")).to_have_count(2)
    fork = bench.page.locator(".chart-run[data-run=fork]")
    corners = _corners(fork.locator("path").first)
    stem = _chart_place(bench, CURVES["rate"][20], CURVES["distortion"][20])
    assert len(corners) == 3
    assert corners[0] == pytest.approx(stem, abs=0.1)
    assert corners[1] == pytest.approx(_chart_place(bench, 3.0, 180.0), abs=0.1)
    mark = fork.locator("circle")
    assert float(mark.get_attribute("cx") or "nan") == pytest.approx(stem[0], abs=0.1)


def test_the_run_itself_may_be_the_fork(bench: Bench) -> None:
    own = {"name": "run", "steps": [], "rates": [], "distortions": [], "parent": {"name": "other", "step": 500}}
    bench.open(BASE, trajectories=[OTHER, own], frame=0)
    expect(bench.page.locator(".chart-run")).to_have_count(1)
    curve = _corners(bench.page.locator(".chart-curve"))
    assert len(curve) == FRAMES + 1


def test_the_runs_are_named_and_pointing_at_a_name_shows_its_line(bench: Bench) -> None:
    bench.open(BASE, trajectories=[OTHER, FORK])
    names = bench.page.get_by_role("list", name="Other runs on the chart").get_by_role("listitem")
    assert names.all_inner_texts() == ["other", "fork"]
    assert bench.page.locator(".chart-run title").all_text_contents() == ["other", "fork"]
    colours = bench.page.locator(".chart-run").evaluate_all(
        "(all) => all.map((run) => getComputedStyle(run.querySelector('path:not(.chart-reach)')).stroke)"
    )
    assert len(set(colours)) == 2
    names.nth(1).hover()
    expect(bench.page.locator(".chart-pointed")).to_have_attribute("data-run", "fork")


def test_trajectories_that_are_none_are_passed_over(bench: Bench) -> None:
    broken: list[Any] = [None, {"name": "x"}, {**OTHER, "rates": [1]}, {**OTHER, "steps": ["a", "b", "c"]}, 7]
    orphan = {**FORK, "name": "orphan", "parent": {"name": "nobody", "step": 3}}
    bench.open(BASE, trajectories=[*broken, orphan])
    expect(bench.page.locator(".chart-run")).to_have_count(1)
    expect(bench.page.locator(".chart-run circle")).to_have_count(0)
    bench.show(pack_id(BASE), trajectories="runs")
    expect(bench.page.locator(".chart-run")).to_have_count(0)


def test_a_run_names_its_objective_by_the_beta_of_that_step(bench: Bench) -> None:
    bench.open(BASE, frame=20)
    wanted = CURVES["distortion"][20] + 4 * CURVES["rate"][20]
    assert float(bench.page.get_by_test_id("rates_objective").inner_text()) == pytest.approx(wanted, abs=0.006)


# ---- samples


def _samples(bench: Bench) -> Any:
    expect(bench.page.locator(".samples")).not_to_have_attribute("data-place", "")
    canvases = bench.page.get_by_test_id("sample")
    return np.stack([Bench.grey_of(canvas).astype(float) for canvas in canvases.all()])


def test_samples_are_decoded_from_the_same_draws_at_every_frame(bench: Bench) -> None:
    bench.open(BASE, frame=0, rest=False)
    z = torch.tensor(bench.page.evaluate("Array.from(plane.drawsOf(12))")).reshape(12, 2)
    for key, model in (("Home", FIRST), ("End", SECOND)):
        bench.page.get_by_role("slider", name="Training step").press(key)
        place = {"Home": "0", "End": "20"}[key]
        expect(bench.page.locator(".samples")).to_have_attribute("data-place", place)
        expected = (255 * model.decode(z)).round().reshape(12, 28, 28).numpy()
        assert np.abs(_samples(bench) - expected).max() <= 2


def test_the_draws_are_of_the_standard_normal_distribution(js: Page) -> None:
    z = np.array(js.evaluate("Array.from(plane.drawsOf(4000))"))
    assert abs(z.mean()) < 0.05
    assert abs(z.std() - 1) < 0.05


def test_samples_are_those_of_a_new_decoder_as_soon_as_it_is_there(bench: Bench) -> None:
    bench.open(BASE, live=True, rest=False)
    third = make_model(seed=8)
    bench.carry(pack_keyframe(SERIES, 41, third), "keyframe")
    expect(bench.page.locator(".samples")).to_have_attribute("data-place", "41")
    z = torch.tensor(bench.page.evaluate("Array.from(plane.drawsOf(12))")).reshape(12, 2)
    assert np.abs(_samples(bench) - (255 * third.decode(z)).round().reshape(12, 28, 28).numpy()).max() <= 2


def test_a_click_on_a_sample_goes_there(bench: Bench) -> None:
    bench.open(BASE, rest=False)
    bench.page.get_by_test_id("sample").nth(2).click()
    x, y = bench.page.evaluate("Array.from(plane.drawsOf(12)).slice(4, 6)")
    assert bench.wait_for_told("state.z")["z"] == pytest.approx([x, y], abs=1e-5)
    bench.frame()
    assert bench.z() == pytest.approx((x, y), abs=1e-5)


@pytest.mark.parametrize(
    ("step", "said"), [(0, "0"), (500, "500"), (1000, "1k"), (1500, "1.5k"), (20000, "20k"), (1250000, "1250k")]
)
def test_steps_are_short_on_the_scale(js: Page, step: int, said: str) -> None:
    assert js.evaluate("(step) => plane.stepText(step)", step) == said


def test_ticks_of_the_dial_are_steps_and_none_covers_another(bench: Bench) -> None:
    positions, _steps, curves = make_course(12)
    crowded = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1000, 2000]
    bench.open(make_series({0: FIRST}, 12, positions=positions, axis=crowded, curves=curves))
    boxes = bench.page.locator(".dial-tick").evaluate_all(
        "(all) => all.map((tick) => { const { left, right } = tick.getBoundingClientRect(); return [left, right]; })"
    )
    assert len(boxes) > 1
    assert all(one[1] < other[0] for one, other in pairwise(boxes))
