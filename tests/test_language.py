"""The language of a page is switched on it, and all else stays."""

from __future__ import annotations

import pytest

from pages.common.i18n import languages, tag
from pages.common.parameters import LANGUAGE
from tests.app_pages import fine, open_page, said

CHINESE = "language.zh_CN"
ENGLISH = "language.en"


def test_the_address_names_a_language_by_its_first_part() -> None:
    assert {tag(language) for language in languages()} >= {"en", "zh"}
    assert LANGUAGE.write(LANGUAGE.read("zh-Hans-CN")) == "zh"


def test_switching_the_language_keeps_the_view() -> None:
    view = {"model": "vae-classic", "z": "0.25,-1.5", "pins": "0,0~1,1", "overlays": "prior", "panel": "card"}
    at = open_page("explorer", view)
    fine(at.button(key=CHINESE).click().run())
    assert {name: said(at, name) for name in view} == view
    assert said(at, "lang") == "zh"
    assert at.selectbox[0].label != "Model"
    fine(at.selectbox[0].select("vae").run())
    assert said(at, "lang") == "zh"
    fine(at.button(key=ENGLISH).click().run())
    assert {name: said(at, name) for name in view} == {**view, "model": "vae"}
    assert (said(at, "lang"), at.selectbox[0].label) == ("en", "Model")


@pytest.mark.parametrize(("page", "label"), [("compare", "Left"), ("train", "Run")])
def test_the_language_is_kept_from_page_to_page(page: str, label: str) -> None:
    at = open_page("explorer", {"lang": "zh"})
    at.query_params.clear()
    fine(at.switch_page(f"pages/{page}.py").run())
    assert at.selectbox[0].label != label
    offered = {button.key for button in at.button}
    assert ENGLISH in offered
    assert CHINESE not in offered
    assert said(at, "lang") == "zh"
