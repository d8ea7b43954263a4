"""The app without a browser: every page runs, and what is broken does not take the rest with it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pages.common import caches, own_models
from tests.modules import ROOT
from vae_core import registry
from vae_core.errors import ModelError
from vae_core.models import Autoencoder

PAGES = sorted(path for path in (ROOT / "pages").glob("*.py") if path.stem != "__init__")


@pytest.fixture(autouse=True)
def _nothing_cached() -> Iterator[None]:
    yield
    st.cache_resource.clear()


def _app(**address: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    for name, value in address.items():
        at.query_params[name] = value
    return at


def _break(monkeypatch: pytest.MonkeyPatch, *broken: str) -> None:
    def load_model(name: str) -> Autoencoder:
        if name in broken:
            raise ModelError(f"{name} is <b>broken</b>: rebuild it with `python -m vae_core zoo {name}`")
        return registry.load_model(name)

    monkeypatch.setattr(own_models, "load_model", load_model)


def test_the_explorer_opens_with_the_reference_model() -> None:
    at = _app().run()
    assert not at.exception
    assert not at.error
    assert at.selectbox[0].options == list(registry.BUNDLED)
    assert at.selectbox[0].value == "vae"


@pytest.mark.parametrize("name", registry.BUNDLED)
def test_every_bundled_model_opens_by_its_address(name: str) -> None:
    at = _app(model=name).run()
    assert at.selectbox[0].value == name
    assert at.query_params["model"] in (name, [name])
    assert not at.error
    assert not at.exception


def test_a_broken_model_is_named_and_another_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    _break(monkeypatch, "ae")
    at = _app(model="ae").run()
    assert at.error
    assert any("python -m vae_core zoo ae" in text.value for text in at.text)
    assert at.selectbox[0].value == "vae"
    at.selectbox[0].select("vae-classic").run()
    assert at.selectbox[0].value == "vae-classic"
    assert not at.error
    assert not at.exception


def test_with_every_model_broken_the_page_still_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    _break(monkeypatch, *registry.BUNDLED)
    at = _app().run()
    assert len(at.error) == 1
    assert len(at.text) == len(registry.BUNDLED)
    assert not at.exception


def test_without_a_recogniser_the_plane_is_shown_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def recogniser_pack() -> bytes:
        raise ModelError("there is no recogniser: rebuild it")

    monkeypatch.setattr(caches, "recogniser_pack", recogniser_pack)
    at = _app().run()
    assert len(at.error) == 1
    assert at.selectbox[0].value == "vae"
    assert not at.exception


def test_a_rebuilt_model_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first = caches.open_model("ae")
    assert caches.open_model("ae") is first
    card = registry.read_card("ae")
    monkeypatch.setattr(own_models, "read_card", lambda name: type(card)(**{**vars(card), "sha256": "another"}))
    assert caches.open_model("ae") is not first


def test_no_page_renders_html_that_is_not_written_in_its_source() -> None:
    for path in (ROOT / "pages").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.keyword):
                assert node.arg not in ("unsafe_allow_html", "unsafe_allow_javascript"), path.name
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith((".html", ".iframe")):
                assert all(isinstance(argument, ast.Constant) for argument in node.args), path.name


def test_the_component_never_turns_text_into_html() -> None:
    forbidden = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function")
    for path in (ROOT / "assets" / "plane").glob("*.js"):
        assert not forbidden.search(path.read_text("utf-8")), path.name


@pytest.mark.parametrize("path", [ROOT / "app.py", *PAGES], ids=lambda path: path.stem)
def test_nothing_is_shown_by_standing_alone_on_a_line(path: Path) -> None:
    """Streamlit writes such values on the page, strings that are meant as comments among them."""
    _docstring, *lines = ast.parse(path.read_text("utf-8")).body
    assert not [line.lineno for line in lines if isinstance(line, ast.Expr) and not isinstance(line.value, ast.Call)]
