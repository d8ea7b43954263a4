"""The inference page, run without a browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
import torch
from streamlit.testing.v1 import AppTest

from tests.app_pages import fine, open_page, said, words
from tests.factories import make_model
from vae_core.checkpoints import model_bytes
from vae_core.config import RunConfig, TrainConfig
from vae_core.registry import CHECKPOINT_NAME
from vae_core.run_folder import ROOT_VARIABLE, write_config


def _metrics(at: AppTest) -> dict[str, float]:
    return {metric.label: float(metric.value.replace("−", "-").split()[0]) for metric in at.metric}


def test_the_terms_of_the_identity_add_up_on_the_page() -> None:
    at = open_page("inference", {"model": "vae-classic", "digit": "3"})
    shown = _metrics(at)
    assert shown["log p(x)"] == pytest.approx(shown["= ELBO"] + shown["+ KL(q‖p)"], abs=0.02)
    assert shown["+ KL(q‖p)"] > 0
    # The table of the gap begins at the same ELBO and ends at the same evidence.
    table = next(each.value for each in at.markdown if each.value.startswith("| | ELBO"))
    values = [float(value.replace("−", "-")) for value in re.findall(r"\| (−?\d+\.\d+) \|", table)]
    assert values == sorted(values)
    assert values[0] == pytest.approx(shown["= ELBO"], abs=0.02)
    assert values[-1] == pytest.approx(shown["log p(x)"], abs=0.02)


def test_another_digit_and_part_are_in_the_address() -> None:
    at = open_page("inference", {"model": "vae-classic", "digit": "3"})
    before = _metrics(at)
    fine(at.number_input(key="view.digit").set_value(8).run())
    assert said(at, "digit") == "8"
    assert _metrics(at) != before
    fine(at.segmented_control(key="view.part").set_value("digits").run())
    assert said(at, "part") == "digits"
    assert "Nothing has been looked at yet" in words(at)


def test_wrong_digits_and_parts_are_named_and_the_usual_ones_shown() -> None:
    at = open_page("inference", {"model": "vae-classic", "digit": "10000", "part": "flat"})
    assert "`10000`" in at.info[0].value
    assert "`flat`" in at.info[0].value
    assert at.number_input(key="view.digit").value == 0


def test_without_a_drawing_the_page_asks_for_one() -> None:
    at = open_page("inference", {"model": "vae-classic", "source": "own"})
    assert "Draw a digit on the pad" in words(at)
    assert not at.metric


@pytest.mark.parametrize("level", [0, 255])
def test_a_drawing_that_no_digit_explains_has_figures_all_the_same(level: int) -> None:
    at = open_page("inference", {"model": "vae-classic", "source": "own"})
    at.session_state["plane.drawn"] = (level,) * 784
    fine(at.run())
    shown = _metrics(at)
    assert all(map(torch.isfinite, torch.tensor(list(shown.values()))))
    assert shown["log p(x)"] == pytest.approx(shown["= ELBO"] + shown["+ KL(q‖p)"], abs=0.1)


def test_estimators_stand_beside_the_exact_value() -> None:
    at = open_page("inference", {"model": "vae-classic", "digit": "1", "part": "estimators"})
    table = next(each.value for each in at.markdown if each.value.startswith("| samples"))
    lines = {line.split("|")[1].strip(): line.split("|")[2:-1] for line in table.splitlines()[2:]}
    exact = float(lines["exact log p(x)"][0].replace("−", "-"))
    assert float(lines["importance sampling from q"][-1].replace("−", "-")) == pytest.approx(exact, abs=2)
    assert float(lines["ELBO (IWAE-1)"][-1].replace("−", "-")) < exact
    assert "draws from the prior about" in words(at)


def test_an_autoencoder_has_an_exact_evidence_and_no_gap() -> None:
    at = open_page("inference", {"model": "ae", "digit": "4"})
    assert list(_metrics(at)) == ["log p(x), exact"]
    assert "no q(z|x), and so no gap to split" in words(at)


def test_with_nothing_seen_the_pixels_say_nothing() -> None:
    at = open_page("inference", {"model": "vae-classic", "digit": "3", "part": "inpainting"})
    assert "from 392 pixels" in words(at)


@pytest.fixture
def run_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], str]]:
    """Make an untrained run of a latent size; it is there until the test ends."""
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path))

    def make(size: int) -> str:
        run = tmp_path / f"size-{size}"
        run.mkdir()
        model = make_model(latent_dim=size)
        (run / CHECKPOINT_NAME).write_bytes(model_bytes(model))
        write_config(run, RunConfig(model.config, TrainConfig()))
        return run.name

    yield make
    st.cache_resource.clear()
    st.cache_data.clear()


def test_beyond_two_dimensions_there_are_estimates_and_no_exact_value(run_of: Callable[[int], str]) -> None:
    at = open_page("inference", {"model": run_of(5)})
    assert "5 dimensions is too large for a grid" in words(at)
    table = next(each.value for each in at.markdown if each.value.startswith("| samples"))
    assert "IWAE-100" in table
    assert "exact" not in table
    assert not at.metric


def test_a_line_has_exact_figures_without_a_plane(run_of: Callable[[int], str]) -> None:
    at = open_page("inference", {"model": run_of(1)})
    shown = _metrics(at)
    assert shown["log p(x)"] == pytest.approx(shown["= ELBO"] + shown["+ KL(q‖p)"], abs=0.02)
    assert "one dimension is no plane" in words(at)
