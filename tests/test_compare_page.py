"""The comparison without a browser: every part of it, and every pair an address can bring it to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pages.common import sides
from tests.factories import make_model
from tests.modules import ROOT
from vae_core.checkpoints import model_bytes
from vae_core.comparison import compare_figures
from vae_core.config import RunConfig, TrainConfig
from vae_core.registry import BUNDLED, CHECKPOINT_NAME, read_card
from vae_core.run_folder import ROOT_VARIABLE, write_config

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


def test_figures_stand_with_their_standard_errors() -> None:
    at = compare(model="ae", other="vae")
    row = next(line for line in _table(at) if line[0].startswith("ELBO"))
    figures = read_card("vae").figures
    assert row[1] == "–"
    assert row[2] == f"−{-figures['elbo']:.1f} ±\N{NO-BREAK SPACE}{figures['elbo_error']:.1f}"


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


class TestRuns:
    """A person's own runs beside bundled models: compared where that means something."""

    @pytest.fixture(autouse=True)
    def runs(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """Two untrained runs, one of them with a latent space that is no plane."""
        monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path))
        for name, size in (("flat", 2), ("deep", 10)):
            run = tmp_path / name
            run.mkdir()
            model = make_model(latent_dim=size)
            (run / CHECKPOINT_NAME).write_bytes(model_bytes(model))
            write_config(run, RunConfig(model.config, TrainConfig()))
        (tmp_path / "begun").mkdir()
        write_config(tmp_path / "begun", RunConfig())
        yield
        st.cache_resource.clear()
        st.cache_data.clear()

    def test_a_run_with_a_plane_is_compared_like_any_model(self) -> None:
        at = compare(other="flat", part="morph")
        assert at.selectbox(key="view.other").value == "flat"
        assert at.segmented_control(key="view.link").value == "coordinate"
        assert "dimensions" not in _words(at)

    @pytest.mark.parametrize("part", ["reconstructions", "samples", "interpolation"])
    def test_a_run_without_a_plane_is_compared_in_what_it_makes(self, part: str) -> None:
        at = compare(other="deep", part=part)
        assert "**deep**" in _words(at) or part == "reconstructions"
        assert "2 and 10 dimensions" in _words(at)
        assert "no shared pointer and no morph" in _words(at)
        assert "view.link" not in {control.key for control in at.segmented_control}

    def test_two_runs_without_planes_are_compared_too(self) -> None:
        at = compare(model="deep", other="deep", part="samples")
        assert "have 10 dimensions, and so no planes" in _words(at)
        assert len(at.image) == 2

    def test_there_is_no_morph_without_two_planes(self) -> None:
        assert "both models need a latent size of 2" in _words(compare(other="deep", part="morph"))

    def test_a_run_is_measured_when_that_is_asked_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sides, "_measure", lambda side: {"distortion": 123.4, "active_units": 7})
        at = compare(other="deep")
        assert {row[2] for row in _table(at)[2:]} == {"–"}
        _fine(at.button(key="measure-deep").click().run())
        assert {"123.4", "7"} <= {row[2] for row in _table(at)[2:]}

    @pytest.mark.parametrize("name", ["begun", "gone", "../flat", "/etc", "<b>flat</b>"])
    def test_what_is_no_run_with_a_model_gives_a_notice(self, name: str) -> None:
        at = compare(other=name)
        assert f"`{name}`" in at.info[0].value
        assert "the name of a run in" in at.info[0].value
        assert at.selectbox(key="view.other").value == "vae"

    def test_a_run_with_a_broken_checkpoint_says_so_and_another_model_is_shown(self, tmp_path: Path) -> None:
        (tmp_path / "flat" / CHECKPOINT_NAME).write_bytes(b"broken")
        at = AppTest.from_file(SCRIPT, default_timeout=120)
        at.switch_page(str(Path("pages") / "compare.py"))
        at.query_params["other"] = "flat"
        at.run()
        assert not at.exception
        assert "`flat` cannot be shown" in at.error[0].value
        assert "choose another" in at.text[0].value or "train it again" in at.text[0].value


def test_the_morph_of_the_address_is_where_the_dial_stands() -> None:
    at = compare(part="morph", morph="0.25")
    assert not at.info
    assert at.query_params["morph"] in ("0.25", ["0.25"])
    assert "`1.5`" in compare(part="morph", morph="1.5").info[0].value
    assert "`nan`" in compare(part="morph", morph="nan").info[0].value
