"""The comparison without a browser: every part of it, and every pair an address can bring it to."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.modules import ROOT
from vae_core.comparison import compare_figures
from vae_core.registry import BUNDLED, read_card

SCRIPT = str(ROOT / "app.py")
PAGE = str(ROOT / "pages" / "compare.py")


def compare(**address: str) -> AppTest:
    """The comparison opened at an address, run once and free of exceptions."""
    at = AppTest.from_file(SCRIPT, default_timeout=120)
    at.switch_page(str(Path("pages") / "compare.py"))
    for name, value in address.items():
        at.query_params[name] = value
    return _fine(at.run())


def _fine(at: AppTest) -> AppTest:
    assert not at.exception
    assert not at.error
    return at


def _words(at: AppTest) -> str:
    return "\n".join(str(element.value) for element in (*at.markdown, *at.caption, *at.info))


def _table(at: AppTest) -> list[list[str]]:
    (text,) = (block.value for block in at.markdown if block.value.startswith("| "))
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines()]


def test_it_opens_with_the_autoencoder_beside_the_vae_and_their_measures() -> None:
    at = compare()
    assert at.selectbox(key="view.model").value == "ae"
    assert at.selectbox(key="view.other").value == "vae"
    assert at.segmented_control(key="view.part").value == "measures"
    assert not at.query_params
    assert len(_table(at)) == 2 + len(compare_figures(read_card("ae"), read_card("vae")))


@pytest.mark.parametrize("part", ["reconstructions", "samples", "interpolation", "morph", "measures"])
@pytest.mark.parametrize(("model", "other"), [("ae", "vae"), ("vae", "vae"), ("vae", "vae-gaussian")])
def test_every_part_opens_for_every_kind_of_pair(part: str, model: str, other: str) -> None:
    at = compare(model=model, other=other, part=part)
    assert at.segmented_control(key="view.part").value == part
    assert not at.info or part == "measures"


@pytest.mark.parametrize("link", ["coordinate", "image", "none"])
def test_the_pointer_is_shared_as_the_address_says(link: str) -> None:
    assert compare(link=link).segmented_control(key="view.link").value == link


@pytest.mark.parametrize("other", BUNDLED)
def test_every_model_stands_beside_the_autoencoder(other: str) -> None:
    at = compare(other=other)
    assert at.selectbox(key="view.other").value == other
    assert _table(at)[0][1:3] == ["ae", other]


def test_which_is_better_is_said_in_words() -> None:
    at = compare()
    for cells, row in zip(_table(at)[2:], compare_figures(read_card("ae"), read_card("vae")), strict=True):
        name = {"first": ":green[**ae**]", "second": ":green[**vae**]", "same": "the same"}.get(row.verdict, "–")
        assert cells[3] == name


def test_nats_of_binarised_and_grey_digits_are_not_compared() -> None:
    at = compare(model="vae", other="vae-gaussian")
    assert "not of one kind" in at.info[0].value
    for cells in _table(at)[2:]:
        if cells[0].endswith(", nats"):
            assert cells[3] == "–"


def test_drawing_again_gives_other_samples_and_the_address_says_so() -> None:
    at = compare(part="samples")
    before = [image.proto.imgs[0].url for image in at.image]
    _fine(at.button(key="draw-again").click().run())
    after = [image.proto.imgs[0].url for image in at.image]
    assert len(before) == len(after) == 3  # the autoencoder's under both priors
    assert not set(before) & set(after)
    assert at.query_params["draw"] in ("1", ["1"])


def test_one_model_twice_decodes_one_and_the_same() -> None:
    at = compare(model="vae", other="vae", part="interpolation")
    first, second = (image.proto.imgs[0].url for image in at.image)
    assert first == second


@pytest.mark.parametrize(("name", "value"), [("draw", "-1"), ("draw", "x"), ("other", "x"), ("from", "10")])
def test_an_address_that_makes_no_sense_gives_a_notice(name: str, value: str) -> None:
    at = compare(**{name: value})
    assert f"`{value}`" in at.info[0].value
