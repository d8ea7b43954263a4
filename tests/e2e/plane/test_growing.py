"""A growing atlas: tails and keyframes join its base in whatever order they come, and the dial follows or stays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page, expect

from tests.e2e.plane.harness import (
    SERIES,
    Bench,
    make_course,
    make_model,
    make_series,
    make_tail,
    pack_id,
)
from vae_core.atlas import pack_keyframe
from vae_core.models import Autoencoder

FIRST, SECOND, THIRD = make_model(), make_model(seed=3), make_model(seed=5)
BASE = make_series({0: FIRST}, 4)
Z = (0.5, -0.25)


def _dial(bench: Bench) -> Locator:
    return bench.page.get_by_role("slider", name="Training step")


def _newest(bench: Bench) -> Locator:
    return bench.page.get_by_role("button", name="Newest")


def _decoded(model: Autoencoder) -> NDArray[np.float64]:
    return np.asarray((255 * model.decode(torch.tensor([Z]))).round().reshape(28, 28).numpy(), dtype=np.float64)


def _shows(bench: Bench, model: Autoencoder) -> bool:
    return bool(np.abs(bench.grey().astype(float) - _decoded(model)).max() <= 2)


def _frames(bench: Bench) -> int:
    """How many frames the browser has, as its dial says."""
    return int(_dial(bench).get_attribute("max") or "-1") + 1


def _open(bench: Bench, base: bytes = BASE, **options: Any) -> None:
    bench.open(base, z=list(Z), rest=False, parts=["inspector", "dial"], **options)


@pytest.mark.parametrize("renderer", ["auto", "canvas2d"])
def test_a_tail_extends_the_axis_and_a_dial_that_was_turned_stays_where_it_is(bench: Bench, renderer: str) -> None:
    _open(bench, frame=2, renderer=renderer)
    bench.carry(make_tail(2, 8), "tail")
    assert _frames(bench) == 8
    expect(bench.stage).to_have_attribute("data-frame", "2")
    expect(bench.page.get_by_test_id("dial-value")).to_have_text("100")
    _dial(bench).press("End")
    expect(bench.stage).to_have_attribute("data-frame", "7")
    expect(bench.page.get_by_test_id("dial-value")).to_have_text("350")


def test_the_points_of_every_frame_are_those_that_were_sent(bench: Bench) -> None:
    _open(bench)
    for start, end in ((3, 6), (5, 9), (9, 10)):
        bench.carry(make_tail(start, end), "tail")
    found = bench.page.evaluate(
        """(id) => {
          const { frames, places, axis, curves } = plane.packOf(id);
          return [frames, places.map((points) => Array.from(points)), axis.values, curves];
        }""",
        pack_id(BASE),
    )
    positions, steps, curves = make_course(10)
    assert found[0] == 10
    np.testing.assert_allclose(found[1], positions.reshape(10, -1), atol=0.002)
    assert found[2] == steps
    assert found[3]["distortion"] == pytest.approx(curves["distortion"])
    assert sorted(found[3]) == sorted(curves)


def test_a_tail_that_comes_before_its_base_waits_for_it(bench: Bench) -> None:
    bench.carry(make_tail(3, 7), "tail")
    bench.carry(pack_keyframe(SERIES, 5, SECOND), "keyframe")
    _open(bench, frame=6)
    assert _frames(bench) == 7
    expect(bench.stage).to_have_attribute("data-frame", "6")
    assert _shows(bench, SECOND)


def test_a_tail_of_another_series_changes_nothing(bench: Bench) -> None:
    _open(bench)
    bench.carry(make_tail(2, 9, series="another"), "tail")
    bench.carry(pack_keyframe("another", 0, SECOND), "keyframe")
    assert _frames(bench) == 4
    assert _shows(bench, FIRST)


def test_a_decoder_holds_from_its_frame_on(bench: Bench) -> None:
    _open(bench, frame=0)
    bench.carry(pack_keyframe(SERIES, 2, SECOND), "keyframe")
    bench.frame()
    assert _shows(bench, FIRST)
    _dial(bench).press("End")
    bench.frame()
    assert _shows(bench, SECOND)
    bench.carry(pack_keyframe(SERIES, 1, THIRD), "keyframe")
    _dial(bench).press("ArrowLeft")
    _dial(bench).press("ArrowLeft")
    expect(bench.stage).to_have_attribute("data-frame", "1")
    assert _shows(bench, THIRD)


def test_many_decoders_thin_out_but_for_the_first_and_the_newest(bench: Bench) -> None:
    held = bench.page.evaluate(
        """() => {
          const map = new Map();
          for (let frame = 0; frame < 300; frame++) { map.set(frame, frame); plane.thin(map, 12); }
          return [...map.keys()].sort((a, b) => a - b);
        }"""
    )
    assert len(held) == 12
    assert (held[0], held[-1]) == (0, 299)
    assert np.diff(held).max() <= 300 / 4


def test_frames_that_do_not_join_on_are_reported_once_and_wait(bench: Bench) -> None:
    _open(bench)
    bench.carry(make_tail(6, 9), "tail")
    told = bench.wait_for_told("state.behind")
    assert (told["frames"], told["following"]) == (4, False)
    assert _frames(bench) == 4
    bench.carry(make_tail(7, 10), "tail")
    bench.frame()
    assert len(bench.told()) == 1
    bench.carry(make_tail(4, 6), "other")
    assert bench.wait_for_told("state.behind === false")["frames"] == 10
    assert _frames(bench) == 10


def test_a_newer_base_takes_the_place_of_the_older_without_a_jump(bench: Bench) -> None:
    _open(bench, frame=3, pins=[[1, 1], [0, 1]], overlays=["labels"])
    bench.page.mouse.move(*bench.place(0.4, 0.4))
    bench.page.mouse.wheel(0, -400)
    bench.carry(make_tail(8, 12), "tail")
    bench.wait_for_told("state.behind")
    positions, steps, curves = make_course(9)
    kept = [0, 2, 3, 5, 6, 7, 8]
    thinned = {name: [curve[k] for k in kept] for name, curve in curves.items()}
    newer = make_series({0: FIRST}, 9, positions=positions[kept], axis=[steps[k] for k in kept], curves=thinned)
    bench.hover(0.8, 0.3)
    before = bench.z()
    bench.hover(0.4, 0.4)
    bench.carry(newer)
    expect(bench.stage).to_have_attribute("data-frame", "2")
    expect(bench.page.get_by_test_id("dial-value")).to_have_text("150")
    expect(bench.stage).to_have_attribute("aria-busy", "false")
    options: dict[str, Any] = {
        "frame": 3,
        "pins": [[1, 1], [0, 1]],
        "overlays": ["labels"],
        "parts": ["inspector", "dial"],
    }
    bench.show(pack_id(newer), z=list(Z), rest=False, **options)
    expect(bench.stage).to_have_attribute("data-frame", "2")
    bench.hover(0.8, 0.3)
    assert bench.z() == before


def test_a_live_atlas_is_followed_to_its_newest_frame_and_decoder(bench: Bench) -> None:
    _open(bench, live=True)
    expect(bench.stage).to_have_attribute("data-frame", "3")
    bench.carry(pack_keyframe(SERIES, 6, SECOND), "keyframe")
    bench.carry(make_tail(4, 7), "tail")
    expect(bench.stage).to_have_attribute("data-frame", "6")
    assert _shows(bench, SECOND)
    expect(_newest(bench)).to_have_attribute("aria-pressed", "true")


def test_the_way_to_a_new_frame_is_glided_and_no_more_than_one_arrival_behind(bench: Bench) -> None:
    _open(bench, live=True)
    bench.page.evaluate(
        """() => {
          const stage = document.getElementById("view").shadowRoot.querySelector(".stage");
          window.seen = [];
          const watch = new MutationObserver(() => seen.push(Number(stage.dataset.frame)));
          watch.observe(stage, { attributeFilter: ["data-frame"] });
        }"""
    )
    behind = []
    for end in range(5, 9):
        bench.carry(make_tail(3, end), "tail")
        bench.carry(pack_keyframe(SERIES, end - 1, SECOND), "keyframe")
        bench.frame()
        behind.append(end - 1 - float(bench.stage.get_attribute("data-frame") or "nan"))
    expect(bench.stage).to_have_attribute("data-frame", "7")
    seen = bench.page.evaluate("seen")
    assert max(behind) <= 1
    assert seen == sorted(seen)
    assert any(place % 1 for place in seen)


def test_a_decoder_alone_does_not_hurry_the_way_to_a_frame(bench: Bench) -> None:
    _open(bench, live=True)
    bench.hold_time()
    bench.carry(make_tail(3, 5), "tail")
    bench.carry(pack_keyframe(SERIES, 4, SECOND), "keyframe")
    bench.frame()
    place = float(bench.stage.get_attribute("data-frame") or "nan")
    assert 3 <= place < 4
    bench.pass_time(5000)
    expect(bench.stage).to_have_attribute("data-frame", "4")


def test_turning_the_dial_leaves_following_and_a_button_returns(bench: Bench) -> None:
    _open(bench, live=True)
    assert _newest(bench).get_attribute("title")
    _dial(bench).press("Home")
    told = bench.wait_for_told("state.frame === 0")
    assert (told["following"], told["behind"], told["frames"]) == (False, False, 4)
    bench.carry(make_tail(3, 6), "tail")
    bench.frame()
    expect(bench.stage).to_have_attribute("data-frame", "0")
    expect(_newest(bench)).to_have_attribute("aria-pressed", "false")
    _newest(bench).click()
    expect(bench.stage).to_have_attribute("data-frame", "5")
    assert bench.wait_for_told("state.following")["frames"] == 6


def test_a_finished_run_has_no_button_for_the_newest_and_starts_where_the_page_says(bench: Bench) -> None:
    _open(bench, frame=1)
    expect(_newest(bench)).to_be_hidden()
    expect(bench.stage).to_have_attribute("data-frame", "1")


def test_a_live_run_is_left_where_the_page_says_that_somebody_stood(bench: Bench) -> None:
    _open(bench, live=True, frame=2)
    bench.carry(make_tail(3, 6), "tail")
    bench.frame()
    expect(bench.stage).to_have_attribute("data-frame", "2")
    expect(_newest(bench)).to_have_attribute("aria-pressed", "false")


def test_what_a_page_repeats_does_not_turn_the_dial_back_while_it_follows(bench: Bench) -> None:
    _open(bench, live=True, frame=0)
    bench.show(pack_id(BASE), z=list(Z), rest=False, parts=["inspector", "dial"], live=True, frame=0, revision=7)
    bench.frame()
    expect(bench.stage).to_have_attribute("data-frame", "3")
    bench.show(pack_id(BASE), z=list(Z), rest=False, parts=["inspector", "dial"], live=True, frame=1, revision=7)
    expect(bench.stage).to_have_attribute("data-frame", "1")
    expect(_newest(bench)).to_have_attribute("aria-pressed", "false")


def test_a_decoder_that_comes_again_for_a_frame_takes_the_place_of_the_older(bench: Bench) -> None:
    _open(bench, live=True)
    bench.carry(pack_keyframe(SERIES, 3, SECOND), "keyframe")
    bench.frame()
    assert _shows(bench, SECOND)
    bench.carry(pack_keyframe(SERIES, 3, THIRD), "keyframe")
    bench.frame()
    assert _shows(bench, THIRD)


def test_a_finished_run_grows_to_its_end_where_the_page_names_the_last_frame(bench: Bench) -> None:
    _open(bench, live=True, frame=0)
    options: dict[str, Any] = {"z": list(Z), "rest": False, "parts": ["inspector", "dial"], "frame": 8}
    whole = make_series({0: FIRST}, 9)
    bench.show(pack_id(whole), live=False, **options)
    bench.carry(whole)
    expect(bench.stage).to_have_attribute("data-frame", "8")


def test_the_last_frame_is_reached_where_it_comes_after_the_end(bench: Bench) -> None:
    _open(bench, live=True)
    bench.show(pack_id(BASE), z=list(Z), rest=False, parts=["inspector", "dial"], live=False)
    bench.carry(make_tail(4, 6), "tail")
    expect(bench.stage).to_have_attribute("data-frame", "5")
    expect(_newest(bench)).to_be_hidden()


def test_a_run_that_has_just_begun_has_its_dial_already(bench: Bench) -> None:
    _open(bench, make_series({0: FIRST}, 1), live=True)
    expect(_dial(bench)).to_be_visible()
    bench.carry(make_tail(1, 3), "tail")
    expect(bench.stage).to_have_attribute("data-frame", "2")


def test_a_run_taken_up_again_earlier_replaces_what_it_had(bench: Bench) -> None:
    _open(bench, frame=3)
    positions, _steps, curves = make_course(4)
    last = {name: curve[2:3] for name, curve in curves.items()}
    bench.carry(make_tail(2, 3, positions=positions[2:3] + 1, axis=[120], curves=last), "tail")
    expect(bench.stage).to_have_attribute("data-frame", "2")
    expect(bench.page.get_by_test_id("dial-value")).to_have_text("120")


def test_replay_runs_to_the_end_and_stops_there(bench: Bench) -> None:
    _open(bench, frame=2.95)
    bench.page.get_by_role("button", name="Play the dial").click()
    expect(bench.stage).to_have_attribute("data-frame", "3")
    expect(bench.page.get_by_role("button", name="Play the dial")).to_be_visible()
    assert bench.wait_for_told("state.frame === 3")["frame"] == 3


def test_home_fits_codes_that_spread_and_draw_together_and_a_view_of_ones_own_stays(js: Page) -> None:
    found = js.evaluate(
        """() => {
          const ends = [];
          for (const own of [false, true]) {
            const view = new plane.View();
            view.setHome({ x: -3, y: -3, side: 6 });
            if (own) view.panBy(0.01, 0);
            const fit = (extent) => {
              const sides = [view.side];
              view.fit(extent);
              while (view.approach()) sides.push(view.side);
              return { sides, home: view.home };
            };
            ends.push([[-2.5, -2.5, 5], [-9, -2, 12], [-2, -2, 4]].map(([x, y, side]) => fit({ x, y, side })));
          }
          return ends;
        }"""
    )
    at_home, own = found
    assert at_home[0]["sides"] == [6]
    for fitted, extent in ((at_home[1], (-9, -2, 12)), (at_home[2], (-2, -2, 4))):
        home, (x, y, side) = fitted["home"], extent
        assert home["x"] <= x
        assert home["y"] <= y
        assert home["x"] + home["side"] >= x + side
        assert home["side"] < 1.2 * side
        assert fitted["sides"][-1] == home["side"]
        assert len(fitted["sides"]) > 5
    assert [fitted["sides"] for fitted in own] == [[6], [6], [6]]
    assert own[2]["home"] == at_home[2]["home"]


def test_names_keep_to_their_class_over_a_long_way_and_never_jump(bench: Bench) -> None:
    _open(bench, make_series({0: FIRST}, 90), frame=0, overlays=["labels"])
    found = bench.page.evaluate(
        """async (id) => {
          const atlas = plane.packOf(id);
          const turn = new plane.Turn({
            atlas,
            state: { frame: 0, overlays: new Set(["labels"]) },
            supportNow() { return new plane.Support(atlas, this.state.frame, new Set(), { x: -4, y: -4, side: 8 }); },
            stage: { redraw() {} },
            refresh() {},
          });
          turn.to(1);
          turn.to(80);
          const before = turn.hearts();
          turn.since -= 5000;
          turn.renew();
          const after = turn.hearts();
          turn.since -= 5000;
          const end = turn.hearts();
          turn.stop();
          return [before, after, end, turn.plane.supportNow().hearts];
        }""",
        pack_id(make_series({0: FIRST}, 90)),
    )
    before, after, end, hearts = ({heart["kind"]: heart["z"] for heart in each} for each in found)
    for kind, place in before.items():
        assert after[kind] == pytest.approx(place, abs=0.05)
        assert end[kind] == pytest.approx(hearts[kind], abs=0.05)


def test_a_tail_that_is_broken_leaves_the_map_as_it_is(bench: Bench) -> None:
    _open(bench, frame=3)
    bench.carry(make_tail(3, 6)[:200], "tail")
    bench.carry(make_tail(3, 6, count=50), "other")
    assert _frames(bench) == 4
    expect(bench.page.locator(".message")).to_be_hidden()
