"""The language of a session, and that every text a person sees can be translated."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.common import catalogues, i18n
from tests.catalogue import write_catalogue
from tests.messages import FORMULA
from tests.modules import ROOT

SHOWS_TEXT = {
    "badge", "button", "caption", "checkbox", "download_button", "error", "expander", "file_uploader", "header",
    "info", "link_button", "markdown", "metric", "multiselect", "number_input", "pills", "popover",
    "radio", "segmented_control", "select_slider", "selectbox", "slider", "spinner", "subheader", "success", "tabs",
    "text", "text_area", "text_input", "title", "toast", "toggle", "warning", "write",
}  # fmt: skip
SYMBOLS = {"ELBO", "KL", "log", "exp"}
NAMED_TEXT = {"help", "label", "placeholder", "caption", "title"}


@pytest.fixture
def chinese(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    write_catalogue(tmp_path, "zh_CN", {"Explorer": "探索"}, "explorer")
    write_catalogue(tmp_path, "zh_CN", {("one pin", "{n} pins"): "{n} 个标记"}, "plane")
    monkeypatch.setattr(catalogues, "CATALOGUES", tmp_path)
    i18n.languages.cache_clear()
    i18n.translation.cache_clear()
    yield
    i18n.languages.cache_clear()
    i18n.translation.cache_clear()


def _page() -> None:
    import streamlit as st

    from pages.common import state
    from pages.common.i18n import _, language, ngettext

    before = _("Explorer")
    state.restore("explorer", ())
    st.text(before)
    st.text(_("Explorer"))
    st.text(ngettext("one pin", "{n} pins", 3).format(n=3))
    st.text(language())
    state.publish(())


def _texts(at: AppTest) -> list[str]:
    assert not at.exception
    return [text.value for text in at.text]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("en", "en"),
        ("en-GB", "en"),
        ("zh", "zh_CN"),
        ("zh-CN", "zh_CN"),
        ("ZH_cn", "zh_CN"),
        ("zh-Hans-CN", "zh_CN"),
        ("fr", None),
        ("", None),
        (None, None),
        ("../zh", None),
    ],
)
def test_the_closest_language_is_found(wanted: str | None, found: str | None) -> None:
    assert i18n.negotiate(wanted, ("en", "zh_CN")) == found


def test_outside_a_session_the_app_speaks_english() -> None:
    assert i18n.language() == "en"
    assert i18n._("Explorer") == "Explorer"
    assert i18n.ngettext("one pin", "{n} pins", 2) == "{n} pins"


@pytest.mark.usefixtures("chinese")
def test_the_address_chooses_the_language_from_the_first_word_on() -> None:
    at = AppTest.from_function(_page)
    at.query_params["lang"] = "zh"
    at.run()
    assert _texts(at) == ["探索", "探索", "3 个标记", "zh_CN"]


@pytest.mark.usefixtures("chinese")
def test_two_sessions_read_in_two_languages_at_once() -> None:
    one, other = AppTest.from_function(_page), AppTest.from_function(_page)
    one.query_params["lang"] = "zh"
    for _round in range(2):
        assert _texts(one.run())[1] == "探索"
        assert _texts(other.run())[1] == "Explorer"


def test_a_language_that_the_app_does_not_speak_gives_a_notice() -> None:
    from pages.common.parameters import LANGUAGE

    with pytest.raises(ValueError, match="tlh"):
        LANGUAGE.read("tlh")
    assert "`en`" in LANGUAGE.expected()


@pytest.mark.parametrize("broken", [b'msgid "Explorer"\nmsgstr "\xff\xfe"\n', b"Explorer = x\n", b"\x00\x01"])
@pytest.mark.usefixtures("chinese")
def test_a_broken_file_names_itself_and_costs_its_own_texts_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, broken: bytes
) -> None:
    path = tmp_path / "zh_CN" / "plane.po"
    path.write_bytes(broken)
    with pytest.raises(catalogues.CatalogueError, match=r"plane\.po"):
        catalogues.read_part(path)
    merged = catalogues.merge(tmp_path, "zh_CN")
    assert merged.gettext("Explorer") == "探索"
    assert merged.ngettext("one pin", "{n} pins", 2) == "{n} pins"
    assert "plane.po" in caplog.text


def test_a_translation_that_is_in_doubt_is_not_shown(tmp_path: Path) -> None:
    path = write_catalogue(tmp_path, "zh_CN", {"Explorer": "探索"})
    path.write_text(path.read_text("utf-8").replace('msgid "Explorer"', '#, fuzzy\nmsgid "Explorer"'), "utf-8")
    assert catalogues.merge(tmp_path, "zh_CN").gettext("Explorer") == "Explorer"


def _has_words(text: ast.expr) -> bool:
    """Whether an expression is a text of its own: formulas and symbols are the same in every language."""
    if isinstance(text, ast.JoinedStr):
        return True
    literal = text.value if isinstance(text, ast.Constant) else None
    return isinstance(literal, str) and bool(set(re.findall(r"[A-Za-z]{2,}", FORMULA.sub("", literal))) - SYMBOLS)


def _untranslated(path: Path) -> Iterator[str]:
    """Literal texts that a page hands to Streamlit without `_()`."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        shown = node.args[:1] if node.func.attr in SHOWS_TEXT else []
        shown += [keyword.value for keyword in node.keywords if keyword.arg in NAMED_TEXT]
        for text in shown:
            if _has_words(text):
                yield f"{path.name}:{text.lineno} {ast.unparse(text)}"


@pytest.mark.parametrize("path", sorted((ROOT / "pages").rglob("*.py")), ids=str)
def test_every_text_that_a_page_shows_goes_through_gettext(path: Path) -> None:
    assert not list(_untranslated(path))


def test_a_literal_text_would_be_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.py"
    page.write_text('st.button("Go", help=f"{x}")\nst.button(_("Go"))\n')
    assert len(list(_untranslated(page))) == 2
