"""The plane's Python side: its modules linked, its words, and a browser whose word is not taken for anything."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from pages.common.plane_module import ENTRY, link, read_modules, top_level_names
from pages.common.plane_state import OVERLAYS, Brushed, PlaneState, Selection, parse
from pages.common.plane_words import words

MODULES = read_modules()
START = PlaneState(z=(1.0, 2.0), pins=((0.0, 0.0),), overlays=("prior",), mode="std")
UNIT_SQUARE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(sorted(PlaneState.__dataclass_fields__))


def test_modules_share_one_scope_without_a_name_declared_twice() -> None:
    names = Counter(name for source in MODULES.values() for name in top_level_names(source))
    assert [name for name, count in names.items() if count > 1] == []


def test_a_name_declared_twice_would_be_noticed() -> None:
    source = "const a = 1;\nexport function b() {}\nexport class C {}\nexport default function d() {}\n  let x;\n"
    assert list(top_level_names(source)) == ["a", "b", "C", "d"]


def test_the_linked_module_imports_nothing_and_exports_only_its_entry() -> None:
    linked = link(MODULES)
    assert not re.search(r"^import\b", linked, re.MULTILINE)
    assert re.findall(r"^export .*", linked, re.MULTILINE) == ["export default function latentPlane(component) {"]


def test_every_module_is_needed_and_comes_before_those_that_need_it() -> None:
    linked = link(MODULES)
    linked_ones = {name: source for name, source in MODULES.items() if name not in {"loader.js", "announce.js"}}
    starts = {name: linked.index(source.splitlines()[0]) for name, source in linked_ones.items()}
    assert max(starts, key=lambda name: starts[name]) == ENTRY
    for name, source in linked_ones.items():
        for needed in re.findall(r'from "\./([\w.-]+)"', source):
            assert starts[needed] < starts[name]


def test_a_link_brings_only_what_the_entry_needs() -> None:
    modules = {
        "main.js": 'import { f } from "./f.js";\n\nexport default function main() {\n  return f();\n}\n',
        "f.js": "export const f = () => 1;\n",
        "unused.js": "export const g = 2;\n",
    }
    assert "g = 2" not in link(modules)
    assert link(modules).index("const f") < link(modules).index("function main")


def _words_asked_for() -> set[str]:
    calls = [call for source in MODULES.values() for call in re.findall(r"\bsay\(([^(){}]*)", source)]
    return {word for call in calls for word in re.findall(r'"(\w+)"', call)}


def test_every_word_the_plane_asks_for_is_there() -> None:
    assert _words_asked_for() <= set(words())
    for name in OVERLAYS:
        assert {f"overlay_{name}", f"overlay_{name}_help"} <= set(words())


def test_no_word_is_kept_that_the_plane_never_asks_for() -> None:
    made_up = r"(overlay|mode|tool|colour|interpolation)_\w+|brush_(reveal|hide|paint)(_help)?"
    assert {word for word in words() if not re.fullmatch(made_up, word)} <= _words_asked_for()


def test_no_word_is_written_in_the_javascript_itself() -> None:
    for source in MODULES.values():
        assert not re.findall(r'(?:text|title|"aria-label"): "[A-Za-z]', source)


def test_text_never_goes_in_as_html() -> None:
    for source in MODULES.values():
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", source)


def test_what_the_browser_reports_is_read() -> None:
    state = parse(
        {
            "z": [0.25, -1.5],
            "pins": [[0, 1], [2, 3]],
            "interpolation": "spherical",
            "frame": 1.5,
            "color": "kl",
            "overlays": ["tiles", "prior"],
            "hidden": [7, 3],
            "mode": "sample",
            "selection": {"polygon": [[0, 0], [1, 0], [1, 1]], "frame": 0, "hidden": [2], "count": 17},
            "drawn": [0] * 783 + [255],
            "brushed": {"picture": [0] * 783 + [255], "seen": [1] + [0] * 783},
            "following": True,
            "behind": True,
            "frames": 512,
        },
        START,
    )
    assert (state.following, state.behind, state.frames) == (True, True, 512)
    assert state.z == (0.25, -1.5)
    assert state.pins == ((0.0, 1.0), (2.0, 3.0))
    assert (state.interpolation, state.frame, state.color, state.mode) == ("spherical", 1.5, "kl", "sample")
    assert state.overlays == ("prior", "tiles")
    assert state.hidden == (3, 7)
    assert state.selection == Selection(((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)), 0.0, (2,), 17)
    assert state.drawn is not None
    assert state.drawn[-1] == 255
    assert state.brushed == Brushed(state.drawn, (True, *[False] * 783))


@pytest.mark.parametrize(
    "nonsense",
    [
        {"z": [1, float("nan")]},
        {"z": [1, float("inf")]},
        {"z": "1,2"},
        {"z": [1, 2, 3]},
        {"pins": [[1, 2], [3]]},
        {"pins": [[0, 0]] * 65},
        {"overlays": ["secret"]},
        {"overlays": [["prior"]]},
        {"hidden": [11]},
        {"hidden": [True]},
        {"mode": "MEAN"},
        {"frame": -1},
        {"frame": True},
        {"color": ""},
        {"interpolation": None},
        {"selection": {"polygon": [[0, 0], [1, 1]]}},
        {"selection": {"polygon": [[0, 0], [1, 1], [2, 0]], "count": -1}},
        {"drawn": [0] * 783},
        {"drawn": [0] * 783 + [256]},
        {"drawn": [0.5] * 784},
        {"brushed": {"picture": [0] * 784}},
        {"brushed": {"picture": None, "seen": [0] * 784}},
        {"brushed": {"picture": [0] * 784, "seen": [0] * 783}},
        {"brushed": {"picture": [0] * 784, "seen": [2] * 784}},
        {"brushed": [0] * 784},
        {"following": 1},
        {"behind": "yes"},
        {"frames": -1},
        {"frames": 1.5},
        "view",
        None,
        [1, 2],
    ],
)
def test_nonsense_leaves_what_was_there(nonsense: object) -> None:
    assert parse(nonsense, START) == START


@given(st.dictionaries(FIELDS, JSON))
def test_no_message_makes_parsing_fail(message: dict[str, object]) -> None:
    state = parse(message, START)
    assert state.z is None or all(np.isfinite(state.z))
    assert set(state.overlays) <= set(OVERLAYS)


@given(st.lists(st.tuples(st.floats(-1, 2), st.floats(-1, 2)), min_size=1, max_size=30))
def test_a_selected_rectangle_holds_what_lies_between_its_sides(points: list[tuple[float, float]]) -> None:
    positions = np.array(points)
    mask = Selection(UNIT_SQUARE).mask(positions, np.zeros(len(points), dtype=int))
    for (x, y), selected in zip(points, mask, strict=True):
        if 0 < x < 1 and 0 < y < 1:
            assert selected
        elif x < 0 or x > 1 or y < 0 or y > 1:
            assert not selected


def test_hidden_classes_are_not_selected() -> None:
    positions = np.full((4, 2), 0.5)
    labels = np.array([0, 7, 255, -1])
    assert Selection(UNIT_SQUARE, hidden=(7,)).mask(positions, labels).tolist() == [True, False, True, True]
    assert Selection(UNIT_SQUARE, hidden=(10,)).mask(positions, labels).tolist() == [True, True, False, False]


def _page_with_a_plane() -> None:
    import streamlit as st

    from pages.common.plane import carry, latent_plane

    carry(b"a pack", key="pack")
    state = latent_plane("some-id", key="plane", z=(0.5, 0.25), hidden=(1,), mode="std")
    st.text(repr(state))


def test_a_page_gets_its_own_options_back_before_anything_was_done() -> None:
    at = AppTest.from_function(_page_with_a_plane).run()
    assert not at.exception
    assert at.text[0].value == repr(PlaneState(z=(0.5, 0.25), hidden=(1,), mode="std", overlays=("labels",)))
