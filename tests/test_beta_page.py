"""The beta page without a browser: every control of it, every bad beta, and what is missing."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from pages.common import beta_view, own_models
from pages.common.beta_runs import measured_mark
from pages.common.beta_view import row_indices
from pages.common.conventions import shown
from tests.app_pages import fine, open_page, said, words
from tests.commands import Said, printed_json, refused
from tests.factories import make_images, make_model
from vae_core import cli, registry
from vae_core.beta_gallery import beta_gallery, beta_gallery_png
from vae_core.checkpoints import model_bytes
from vae_core.config import RunConfig, TrainConfig
from vae_core.data import load_images, to_pixels
from vae_core.errors import ConfigError, LatentExplorerError, ModelError
from vae_core.export import to_grey
from vae_core.inputs import model_input
from vae_core.models import Autoencoder
from vae_core.objectives import elbo
from vae_core.registry import CHECKPOINT_NAME
from vae_core.run_folder import ROOT_VARIABLE, write_config


def beta_page(**address: str) -> AppTest:
    """The page opened at an address, run once and free of exceptions."""
    return open_page("beta", address)


@pytest.fixture
def nothing_cached() -> Iterator[None]:
    """No model is kept before or after."""
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


def test_it_opens_at_beta_1_and_says_what_that_is_called_elsewhere() -> None:
    at = beta_page()
    assert not at.error
    assert "**β = 1**" in words(at)
    assert list(at.table[0].value["Value"]) == [shown(1 / 784), shown(2 / 784), "c = 1"]
    assert not at.query_params


def test_the_address_sets_the_beta() -> None:
    at = beta_page(beta="4")
    assert not at.info
    assert "**β = 4**" in words(at)
    assert list(at.table[0].value["Value"]) == ["0.005102", "0.0102", "c = 4"]
    assert said(at, "beta") == "4"


@pytest.mark.parametrize("beta", ["0", "-1", "inf", "-inf", "nan", "0.009", "200.1", "1e9", "four", "", "1,2"])
def test_a_beta_that_makes_no_sense_gives_a_notice_with_the_range_and_the_default(beta: str) -> None:
    at = beta_page(beta=beta)
    (notice,) = at.info
    assert "a number from 0.01 to 200, by default 1" in notice.value
    assert "**β = 1**" in words(at)
    assert said(at, "beta") in (None, "1")
    fine(at.button(key="dismiss").click().run())
    assert not at.info


@pytest.mark.parametrize("beta", ["0.01", "200", "7.25"])
def test_every_beta_of_the_range_is_taken(beta: str) -> None:
    at = beta_page(beta=beta)
    assert not at.info
    assert f"**β = {beta}**" in words(at)


def test_the_gallery_is_drawn_when_it_is_asked_for() -> None:
    at = beta_page(beta="7.25")
    assert not at.image
    fine(at.segmented_control(key="view.panel").set_value("gallery").run())
    assert at.image
    assert "1, 4, 7.25, 10" in words(at)
    assert at.download_button
    assert said(at, "panel") == "gallery"


def test_other_digits_are_in_the_address() -> None:
    at = beta_page()
    fine(at.button(key="other-digits").click().run())
    assert said(at, "row") == "1"


def test_without_the_weights_the_page_says_so_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, nothing_cached: None
) -> None:
    def load_model(name: str) -> Autoencoder:
        raise ModelError(f"{name} is gone: rebuild it with `python -m vae_core zoo {name}`")

    monkeypatch.setattr(beta_view, "load_model", load_model)
    at = beta_page(beta="4")
    assert len(at.error) == 1
    assert "python -m vae_core zoo vae-any-beta" in at.text[0].value
    assert "**β = 4**" in words(at)
    assert said(at, "beta") == "4"


def test_the_marks_are_the_figures_of_the_dedicated_models() -> None:
    marks, reasons = beta_view.dedicated_marks()
    assert not reasons
    assert [mark.beta for mark in marks] == [0.1, 1, 4, 20]
    for mark in marks:
        figures = registry.read_card(mark.name).figures
        assert (mark.distortion, mark.rate) == (figures["reconstruction"], figures["kl"])


class TestRuns:
    """A person's own runs as marks on the chart."""

    @pytest.fixture(autouse=True)
    def runs(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A run that compares with the any-beta model, and two that do not."""
        monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path))
        kinds: dict[str, dict[str, Any]] = {"mine": {}, "grey": {"likelihood": "bernoulli-grey"}, "ae": {"kind": "ae"}}
        for name, options in kinds.items():
            run = tmp_path / name
            run.mkdir()
            model = make_model(**options)
            (run / CHECKPOINT_NAME).write_bytes(model_bytes(model))
            write_config(run, RunConfig(model.config, TrainConfig(beta=2.0)))

    def test_only_those_that_compare_are_offered(self) -> None:
        options = beta_page().selectbox(key="view.run").options
        assert [option for option in options if "mine" in option or "grey" in option or "ae" in option] == [
            "mine (own run)"
        ]

    def test_the_mark_is_where_the_run_is_on_the_test_digits(self) -> None:
        at = beta_page(run="mine")
        assert said(at, "run") == "mine"
        assert not at.error
        mark = measured_mark("mine", own_models.version("mine"))
        model = own_models.load("mine")
        terms = elbo(model, model_input(model, load_images("mnist", "test")[0]), 3)
        assert mark.beta == 2.0
        assert mark.rate == pytest.approx(terms.kl.mean().item())
        assert mark.distortion == pytest.approx(terms.reconstruction.mean().item(), rel=1e-3)

    @pytest.mark.parametrize(
        ("name", "reason"), [("grey", "do not compare"), ("ae", "do not compare"), ("no", "no run")]
    )
    def test_one_that_does_not_compare_says_why(self, name: str, reason: str) -> None:
        at = beta_page(run=name)
        assert name in at.error[0].value
        assert reason in at.text[0].value


def test_a_row_has_one_or_two_digits_of_each_class_and_the_next_row_has_others() -> None:
    labels = load_images()[1]
    first, second = (row_indices(labels, row) for row in (0, 1))
    for row in (first, second):
        assert torch.bincount(labels[row], minlength=10).tolist() == [1, 1, 1, 1, 2, 1, 1, 1, 1, 2]
        assert len(set(row)) == 12
    assert not set(first) & set(second)


def test_the_gallery_holds_what_the_model_decodes_at_each_beta() -> None:
    model = registry.load_model("vae-any-beta")
    images = load_images()[0][:3]
    gallery = beta_gallery(model, images, (0.1, 20.0))
    assert gallery.shape == (3, 3, 28, 28)
    assert torch.equal(gallery[:, 0], images)
    fixed = model.at(20.0)
    assert torch.equal(gallery[:, 2], to_grey(fixed.decode(fixed.encode(to_pixels(images))[0])))
    picture = np.asarray(Image.open(io.BytesIO(beta_gallery_png(model, images, (0.1, 20.0), scale=1))))
    assert picture.shape == (3 * 29 - 1, 3 * 29 - 1)
    np.testing.assert_array_equal(picture[29 : 29 + 28, 58:86], gallery[1, 2])


def test_a_gallery_needs_betas_of_the_range_and_digits() -> None:
    model = make_model(beta_range=(0.01, 200.0))
    images = make_images(2)[0]
    with pytest.raises(ConfigError, match=r"0\.01 to 200"):
        beta_gallery(model, images, (300.0,))
    with pytest.raises(LatentExplorerError, match="no beta"):
        beta_gallery(model, images, ())
    with pytest.raises(LatentExplorerError, match="no image"):
        beta_gallery_png(model, images[:0], (1.0,))


class TestCommands:
    def test_decoding_at_a_beta_is_what_the_model_fixed_there_decodes(self, tmp_path: Path, capsys: Said) -> None:
        out = f"{tmp_path}/image.png"
        options = ["--z", "0.5,-1", "--out", out, "--beta", "20", "--json"]
        assert cli.main(["decode", "vae-any-beta", *options]) == 0
        assert printed_json(capsys)["beta"] == 20
        expected = to_grey(registry.load_model("vae-any-beta").at(20.0).decode(torch.tensor([[0.5, -1.0]])))[0]
        with Image.open(out) as image:
            np.testing.assert_array_equal(np.asarray(image), expected)

    def test_evaluating_at_a_large_beta_has_the_smaller_rate(self, capsys: Said) -> None:
        rates = []
        for beta in ("0.1", "20"):
            options = ["--beta", beta, "--images", "50", "--samples", "1", "--iwae-samples", "0", "--no-measures"]
            assert cli.main(["evaluate", "vae-any-beta", *options, "--json"]) == 0
            printed = printed_json(capsys)
            assert printed["beta"] == float(beta)
            rates.append(printed["kl"])
        assert rates[0] > rates[1] + 1

    @pytest.mark.parametrize("beta", ["0", "-1", "inf", "-inf", "nan", "0.001", "201", "four", ""])
    @pytest.mark.parametrize("command", ["evaluate", "decode"])
    def test_a_beta_out_of_range_is_refused_with_the_range(
        self, command: str, beta: str, tmp_path: Path, capsys: Said
    ) -> None:
        options = ["--z", "0,0", "--out", f"{tmp_path}/image.png"] if command == "decode" else []
        complaint = refused(capsys, command, "vae-any-beta", *options, f"--beta={beta}")
        assert f"--beta is '{beta}': give a number from 0.01 to 200" in complaint

    @pytest.mark.parametrize("command", ["evaluate", "decode"])
    def test_a_model_of_one_beta_takes_none(self, command: str, tmp_path: Path, capsys: Said) -> None:
        options = ["--z", "0,0", "--out", f"{tmp_path}/image.png"] if command == "decode" else []
        assert "single beta: leave --beta out" in refused(capsys, command, "vae", *options, "--beta", "4")
