"""What vae_core says went wrong is told in the page's language, with the same values."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.common import catalogues, reasons
from tests.app_pages import fine, open_page, words
from tests.sentences import template_of, templates
from vae_core.config import TrainConfig
from vae_core.data import load_images, picture_to_image
from vae_core.errors import LatentExplorerError
from vae_core.registry import load_model


def _page(sentence: str) -> None:
    import streamlit as st

    from pages.common import state
    from pages.common.reasons import reason

    state.restore("explorer", ())
    st.text(reason(sentence))


def _told(sentence: str, language: str = "zh") -> str:
    at = AppTest.from_function(_page, args=(sentence,))
    at.query_params["lang"] = language
    return str(fine(at.run()).text[0].value)


def _raised(failing: object) -> str:
    assert callable(failing)
    with pytest.raises(LatentExplorerError) as error:
        failing()
    return str(error.value)


@pytest.mark.parametrize(
    ("failing", "parts"),
    [
        (lambda: load_model("gan"), ["未知的模型", "“gan”", "vae-any-beta"]),
        (lambda: picture_to_image(b"text"), ["不是本应用能读取的图片", "PNG、JPEG"]),
        (lambda: TrainConfig(beta_schedule="wild"), ["未知的 beta schedule “wild”", "constant, linear, cyclical"]),
        (lambda: load_images("imagenet"), ["没有数据集 'imagenet'", "fashion-mnist"]),
    ],
)
def test_an_error_is_told_in_chinese_with_its_values(failing: object, parts: list[str]) -> None:
    sentence = _raised(failing)
    told = _told(sentence)
    assert [part for part in parts if part not in told] == []
    assert _told(sentence, "en") == sentence


def test_a_reason_within_a_reason_is_told_too() -> None:
    told = _told("there is no card ae.json: rebuild it with `python -m vae_core zoo ae`")
    assert told == "没有卡片 ae.json：请用 `python -m vae_core zoo ae` 重新生成"


@pytest.mark.parametrize("sentence", ["Something nobody has ever said", "{0} {name} %s", "没有", "a\nb: c", ""])
def test_what_is_not_known_stays_as_it_is(sentence: str) -> None:
    assert _told(f"x{sentence}") == f"x{sentence}"


def test_values_with_braces_are_taken_as_they_are() -> None:
    assert "{0}{name}" in _told("there is no card {0}{name}: rebuild it with `x`")


def test_every_template_is_found_in_what_it_makes() -> None:
    for template in templates():
        values = [f"V{number}" for number in range(template.count("{"))]
        told = _told_by(template.format(*values))
        assert told != template.format(*values), template
        assert all(value in told for value in values), template


def _told_by(sentence: str) -> str:
    return reasons._translated(sentence, reasons._templates("zh_CN"))


def test_a_missing_or_broken_file_of_reasons_leaves_english(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogues, "CATALOGUES", tmp_path)
    assert reasons._templates.__wrapped__("zh_CN") == ()
    (tmp_path / "zh_CN").mkdir()
    (tmp_path / "zh_CN" / "reasons.po").write_bytes(b"\xff\x00")
    assert reasons._templates.__wrapped__("zh_CN") == ()


def test_a_page_tells_in_chinese_why_something_did_not_work() -> None:
    at = open_page("explorer", {"panel": "draw", "lang": "zh"})
    fine(at.file_uploader(key="digit.picture.file").upload("seven.png", b"<svg onload=alert(1)>").run())
    assert "这张图片无法使用。" in words(at)
    assert "不是本应用能读取的图片" in words(at)


@pytest.mark.parametrize(
    ("source", "template"),
    [("'all {here}'", "all {here}"), ("f'{a} of {len(b):,}'", "{0} of {1}"), ("name", None), ("3", None)],
)
def test_a_template_is_read_from_source(source: str, template: str | None) -> None:
    assert template_of(ast.parse(source, mode="eval").body) == template
