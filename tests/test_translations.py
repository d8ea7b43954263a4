"""Every text that the app can show is translated, once, and no catalogue says anything that is not shown."""

from __future__ import annotations

import ast
import re

import pytest
from babel import Locale
from babel.messages.catalog import Catalog

from pages.common import catalogues
from pages.common.i18n import SOURCE_LANGUAGE, languages
from tests import messages
from tests.messages import Entry, longest, loose_stars, parts_of, plain

TRANSLATED = [language for language in languages() if language != SOURCE_LANGUAGE]
ALIKE = {"ELBO", "MB", "float", "log", "nat", "KL", "VAE", "AE", "MNIST", "PNG", "GIF", "zip", "TensorBoard"}
"""Words that may stay as they are."""


@pytest.fixture(params=TRANSLATED)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def entries(language: str) -> list[Entry]:
    return messages.entries(language)


def test_there_are_languages_to_translate_to_and_texts_to_translate() -> None:
    assert "zh_CN" in TRANSLATED
    assert all(Locale.parse(language) for language in TRANSLATED)
    assert len(messages.shown()) > 400


def test_every_text_is_translated(entries: list[Entry]) -> None:
    said = {entry.message for entry in entries if all(entry.translations) and not entry.fuzzy}
    assert {text: path for text, path in messages.shown().items() if text not in said} == {}


def test_no_catalogue_says_what_is_never_shown(entries: list[Entry]) -> None:
    shown = messages.shown()
    assert [(entry.part, entry.message) for entry in entries if entry.message not in shown] == []


def test_every_text_is_translated_once(language: str, entries: list[Entry]) -> None:
    assert messages.repeated(entry.message for entry in entries) == []
    # A reader keeps one of two entries of the same file, and says nothing: count those that are written.
    for path in catalogues.parts(catalogues.CATALOGUES, language):
        written = re.findall(r'^msgid "', path.read_text("utf-8"), re.MULTILINE)
        assert len(written) == 1 + sum(entry.part == path.stem for entry in entries), path.name


def test_translations_take_over_values_formulas_and_links(entries: list[Entry]) -> None:
    wrong = [
        (entry.part, entry.message, said)
        for entry in entries
        for said in entry.translations
        if parts_of(said) != parts_of(longest(entry.message)) or said.count("**") != longest(entry.message).count("**")
    ]
    assert wrong == []


def test_bold_text_stays_bold(entries: list[Entry]) -> None:
    assert [(entry.part, said) for entry in entries for said in entry.translations if loose_stars(said)] == []
    assert loose_stars("**逐个生成。**任何") == ["逐个生成。"]
    assert not loose_stars("**逐个生成**。任何**分布**都行：**a。**")


def test_plurals_have_as_many_forms_as_the_language(language: str, entries: list[Entry]) -> None:
    forms = Catalog(locale=language).num_plurals
    assert [entry for entry in entries if isinstance(entry.message, tuple) and len(entry.translations) != forms] == []
    for path in catalogues.parts(catalogues.CATALOGUES, language):
        assert catalogues.read_part(path).num_plurals == forms, path.name


def test_no_translation_repeats_the_english_words(entries: list[Entry]) -> None:
    left = [
        (entry.part, said)
        for entry in entries
        for said in entry.translations
        if said == entry.message and set(re.findall(r"[A-Za-z]{3,}", plain(said))) - ALIKE
    ]
    assert left == []


def test_what_is_translated_is_written_out_where_it_is_marked() -> None:
    """Apart from the cards' descriptions and what a table of names gives, which are found in other ways."""
    for path in messages.sources():
        for call, number in messages.calls(ast.parse(path.read_text("utf-8"))):
            written = all(isinstance(each, ast.Constant) for each in call.args[:number])
            assert written or ast.unparse(call).endswith("description)"), f"{path.name}: {ast.unparse(call)}"


def test_no_text_is_said_in_one_language_to_everybody() -> None:
    # The router itself runs anew for everybody.
    pages = [path for path in messages.sources() if path.name != "app.py"]
    assert [(path.name, text) for path in pages for text in messages.frozen(path.read_text("utf-8"))] == []
    kept = "@st.cache_data\ndef words():\n    return _('one')\nNAME = _('two')\nSAY = lambda: _('three')"
    assert list(messages.frozen(kept)) == ["_('one')", "_('two')"]


def test_a_text_is_found_wherever_it_is_marked() -> None:
    source = """x = f"{_('in an f-string')}"; y = _("joined " "texts"); ngettext("one", "{n} of them", 3); _(name)"""
    assert set(messages.texts(source)) == {"in an f-string", "joined texts", ("one", "{n} of them")}


@pytest.mark.parametrize(
    ("english", "translated"),
    [
        ("{name} of {count}", "{name}"),
        ("see $p(x)$", "看 $p(z)$"),
        ("[here](https://a.org)", "[这里](https://b.org)"),
    ],
)
def test_a_value_formula_or_link_that_was_lost_would_be_noticed(english: str, translated: str) -> None:
    assert parts_of(english) != parts_of(translated)
    assert parts_of(english) == parts_of(english.replace("of", "之").replace("see", "看"))
