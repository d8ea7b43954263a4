"""Every page in Chinese: it runs, and shows no English where it can show Chinese."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.common import inference_view, learn_sections
from pages.common.i18n import translation
from pages.common.language import OWN_NAME
from pages.common.text import LONGEST
from tests.app_pages import open_page
from tests.factories import make_config, write_data_set
from tests.messages import shown
from tests.screen import texts
from vae_core import run_folder, runs

CHINESE = re.compile(r"[\u4e00-\u9fff]")
SENTENCE = re.compile(r"\b[A-Za-z]+ [a-z]+ [a-z]+\b")
"""Three English words in a row."""
ALIKE = re.compile(r"`[^`]*`|\{\w+\}|\$[^$]*\$|Kingma & Welling \d+|python -m vae_core [\w ]+")
"""What may stand in English: commands, names to be filled in, formulas, sources."""
PAGES = [
    ("explorer", {"panel": "draw", "pins": "0,0~1,1"}),
    ("explorer", {"panel": "selection", "selection": "-1,-1~1,-1~1,1", "model": "vae-classic"}),
    ("explorer", {"panel": "card", "model": "vae-any-beta", "nonsense": "1", "z": "here", "data": "own"}),
    ("explorer", {"panel": "geometry", "pins": "0,0~1,1"}),
    ("explorer", {"panel": "geometry", "geometry": "geodesic,magnification,ellipses", "pins": "0,0~1,1"}),
    ("compare", {"part": "measures"}),
    ("compare", {"part": "reconstructions", "other": "vae-gaussian"}),
    ("compare", {"part": "samples"}),
    ("compare", {"part": "interpolation"}),
    ("beta", {"panel": "names", "beta": "one"}),
    ("beta", {"panel": "gallery"}),
    *(("inference", {"part": part}) for part in inference_view.PARTS),
    *(("learn", {"section": section}) for section in learn_sections.BY_KEY),
    ("train", {"run": "nowhere"}),
    *(("train", {"run": "one", "panel": panel}) for panel in ("settings", "compare", "fork", "microscope", "manage")),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two short runs."""
    place = tmp_path_factory.mktemp("chinese")
    config = make_config(write_data_set(place / "data.npz"))
    for name in ("one", "two"):
        run = place / "runs" / name
        list(runs.train(run, runs.create(run, config, "甲"), report_every=2))
    return place / "runs"


@pytest.fixture
def page(folder: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> AppTest:
    """The page of the test's parameter, in Chinese."""
    monkeypatch.setenv(run_folder.ROOT_VARIABLE, str(folder))
    name, address = request.param
    return open_page(name, {**address, "lang": "zh"})


def _pieces(text: str) -> list[str]:
    """What is written in a text: of a component or chart its strings, of a table its cells."""
    if text.startswith(("{", "[")):
        value = json.loads(text)
        # What else a plane is handed are names that its JavaScript knows.
        return _strings(value.get("strings", value) if isinstance(value, dict) else value)
    return [cell.strip() for cell in re.split(r"\n|\s\|\s", text)]


def _strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for each in inner for text in _strings(each)]


@pytest.mark.parametrize(
    "page", PAGES, indirect=True, ids=lambda case: "-".join((case[0], *case[1].values()))[:LONGEST]
)
def test_a_page_in_chinese_shows_chinese(page: AppTest) -> None:
    said = [piece for text in texts(page) for piece in _pieces(text)]
    assert sum(bool(CHINESE.search(piece)) for piece in said) > 20
    chinese = translation("zh_CN")
    translated = {text for text in shown() if isinstance(text, str) and chinese.gettext(text) != text} - {OWN_NAME}
    assert [piece for piece in said if piece in translated or SENTENCE.search(ALIKE.sub("", piece))] == []


def test_english_on_a_chinese_page_would_be_seen() -> None:
    at = open_page("explorer", {})
    assert any(SENTENCE.search(piece) for text in texts(at) for piece in _pieces(text))
    assert "Model" in texts(at)
