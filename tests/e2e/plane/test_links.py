"""Planes of one page that share a pointer, by coordinate and by image, without a server and without a loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Locator, expect

from tests.e2e.plane.harness import Bench, make_atlas, make_codes, make_model, pack_id

MODELS = (make_model(kind="ae"), make_model(seed=3))
CODES, LABELS = make_codes(500, torch.Generator().manual_seed(1))
# The same images lie elsewhere in the second plane.
OTHER = torch.stack([-0.5 * CODES[:, 1], 0.5 * CODES[:, 0]], -1)
PACKS = (make_atlas(MODELS[0]), make_atlas(MODELS[1], positions=OTHER[None]))
NAMES = ("first", "second")


@pytest.fixture
def pair(bench: Bench) -> Callable[[Any], tuple[Locator, Locator]]:
    """Open two planes with the same link and return them."""

    def open_pair(link: Any) -> tuple[Locator, Locator]:
        for name, pack in zip(NAMES, PACKS, strict=True):
            bench.carry(pack, f"carrier-{name}")
            bench.show(pack_id(pack), name=name, link=link, rest=False, parts=["legend", "inspector"], z=[0, 0])
        stages = bench.stage.nth(0), bench.stage.nth(1)
        for stage in stages:
            expect(stage).to_have_attribute("data-ready", "true")
        return stages

    return open_pair


def _z(stage: Locator) -> tuple[float, float]:
    x, y = (stage.get_attribute("data-z") or "").split(",")
    return float(x), float(y)


def _hover(bench: Bench, stage: Locator, u: float, v: float) -> None:
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    assert box is not None
    bench.page.mouse.move(box["x"] + u * box["width"], box["y"] + v * box["height"])
    bench.frame()


def _shown(bench: Bench, which: int) -> Any:
    values = (
        bench.page.get_by_test_id("decoded")
        .nth(which)
        .evaluate(
            """(canvas) => {
          const { data } = canvas.getContext("2d").getImageData(0, 0, 28, 28);
          return Array.from({ length: 784 }, (_, i) => data[4 * i]);
        }"""
        )
    )
    return np.array(values, dtype=float)


def _decoded(which: int, z: tuple[float, float]) -> Any:
    return (255 * MODELS[which].decode(torch.tensor([z]))).round().flatten().numpy()


@pytest.mark.parametrize("leader", [0, 1])
def test_by_coordinate_both_planes_show_the_same_z(bench: Bench, pair: Any, leader: int) -> None:
    stages = pair({"group": "g", "mode": "coordinate"})
    for u, v in [(0.3, 0.4), (0.62, 0.55)]:
        _hover(bench, stages[leader], u, v)
        assert _z(stages[0]) == _z(stages[1])
        for which in (0, 1):
            assert np.abs(_shown(bench, which) - _decoded(which, _z(stages[which]))).max() <= 2
    assert bench.told() == []


@pytest.mark.parametrize("leader", [0, 1])
def test_by_image_the_other_plane_shows_the_image_nearest_to_the_pointer(bench: Bench, pair: Any, leader: int) -> None:
    stages = pair({"group": "g", "mode": "image"})
    codes = (CODES, OTHER)
    for u, v in [(0.3, 0.4), (0.62, 0.55)]:
        _hover(bench, stages[leader], u, v)
        pointer = torch.tensor(_z(stages[leader]))
        index = int((codes[leader] - pointer).norm(dim=-1).argmin())
        other = 1 - leader
        assert _z(stages[other]) == pytest.approx(codes[other][index].tolist(), abs=1e-5)
        assert np.abs(_shown(bench, other) - _decoded(other, _z(stages[other]))).max() <= 2


def test_both_planes_are_redrawn_in_one_animation_frame(bench: Bench, pair: Any) -> None:
    stages = pair({"group": "g", "mode": "coordinate"})
    _hover(bench, stages[0], 0.4, 0.4)
    box = stages[0].bounding_box()
    assert box is not None
    seen = bench.page.evaluate(
        """([x, y]) => {
          const stageOf = (id) => document.getElementById(id).shadowRoot.querySelector(".stage");
          const stages = ["first", "second"].map(stageOf);
          const event = new PointerEvent("pointermove", { clientX: x, clientY: y, pointerId: 1, bubbles: true });
          stages[0].dispatchEvent(event);
          return new Promise((done) => requestAnimationFrame(() => done(stages.map((stage) => stage.dataset.z))));
        }""",
        [box["x"] + 0.7 * box["width"], box["y"] + 0.7 * box["height"]],
    )
    assert seen[0] == seen[1]
    assert seen[0] == stages[0].get_attribute("data-z")


def test_keys_on_one_plane_move_the_cursor_of_both(bench: Bench, pair: Any) -> None:
    stages = pair({"group": "g", "mode": "coordinate"})
    stages[1].press("ArrowRight")
    stages[1].press("ArrowUp")
    bench.frame()
    assert _z(stages[0]) == _z(stages[1]) != (0.0, 0.0)
    stages[0].press("ArrowLeft")
    bench.frame()
    assert _z(stages[0]) == _z(stages[1])


def test_digits_hidden_in_one_plane_are_hidden_in_both_and_one_of_them_tells(bench: Bench, pair: Any) -> None:
    stages = pair({"group": "g", "mode": "image"})
    bench.page.get_by_role("button", name="7", exact=True).first.click()
    for stage in stages:
        expect(stage).to_have_attribute("data-points", "450")
    bench.wait_for_told("state.hidden.length === 1")
    assert len(bench.told()) == 1


@pytest.mark.parametrize(
    "link", [None, {"group": "g", "mode": "none"}, {"group": "", "mode": "image"}, "g", {"group": 3}]
)
def test_planes_that_are_not_linked_keep_to_themselves(bench: Bench, pair: Any, link: Any) -> None:
    stages = pair(link)
    _hover(bench, stages[0], 0.3, 0.4)
    assert _z(stages[1]) == (0.0, 0.0)


def test_a_link_can_be_changed_and_ended(bench: Bench, pair: Any) -> None:
    stages = pair({"group": "g", "mode": "image"})
    pair({"group": "g", "mode": "coordinate"})
    _hover(bench, stages[0], 0.3, 0.4)
    assert _z(stages[0]) == _z(stages[1])
    left = _z(stages[1])
    pair(None)
    _hover(bench, stages[0], 0.6, 0.4)
    assert _z(stages[1]) == left


def test_planes_of_other_groups_do_not_follow(bench: Bench) -> None:
    for name, pack in zip(NAMES, PACKS, strict=True):
        bench.carry(pack, f"carrier-{name}")
        bench.show(pack_id(pack), name=name, link={"group": name, "mode": "coordinate"}, z=[0, 0], rest=False)
    for which in (0, 1):
        expect(bench.stage.nth(which)).to_have_attribute("data-ready", "true")
    _hover(bench, bench.stage.nth(0), 0.3, 0.4)
    assert _z(bench.stage.nth(1)) == (0.0, 0.0)


def test_an_unmounted_plane_is_tied_to_none(bench: Bench, pair: Any) -> None:
    stages = pair({"group": "g", "mode": "coordinate"})
    bench.page.evaluate("unmount()")
    expect(bench.stage).to_have_count(1)
    _hover(bench, stages[0], 0.3, 0.4)
    assert _z(stages[0]) != (0.0, 0.0)
