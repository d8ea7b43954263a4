"""The microscope on a page, without a browser: its numbers, its buttons, and a real trainer that takes one step."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.factories import TINY, make_config, make_images
from vae_core import figures, run_keyframes, runs
from vae_core.config import LIKELIHOODS, ModelConfig, RunConfig
from vae_core.errors import LatentExplorerError
from vae_core.microscope import take_step, weights_of
from vae_core.palette import DARK, LIGHT
from vae_core.run_control import change_control, read_control
from vae_core.run_folder import read_state

TIMEOUT = 60


def _page(folder: str, beta: float, can_step: bool) -> None:
    from pathlib import Path

    from pages.common.microscope import microscope
    from vae_core.runs import read_config

    run = Path(folder)
    microscope(run, read_config(run), beta, can_step)


def _panel(run: Path, beta: float = 1.0, can_step: bool = False) -> AppTest:
    kwargs = {"folder": str(run), "beta": beta, "can_step": can_step}
    at = AppTest.from_function(_page, default_timeout=TIMEOUT, kwargs=kwargs)
    return _fine(at.run())


def _fine(at: AppTest) -> AppTest:
    assert not at.exception
    return at


def _words(at: AppTest) -> str:
    return "\n".join(str(element.value) for element in (*at.markdown, *at.caption, *at.latex))


def _row(at: AppTest, symbol: str) -> list[str]:
    """The cells of the row of a quantity, in whichever table has it."""
    for table in at.table:
        for line in table.value.itertuples(index=False):
            if line[0] == symbol:
                return [str(cell) for cell in line[1:]]
    raise AssertionError(f"no table has {symbol}")


def _run(tmp_path: Path, data: Path, **model: Any) -> Path:
    """A run with one keyframe, which nobody trains."""
    run = tmp_path / "run"
    config = RunConfig(ModelConfig(**{**TINY, **model}), make_config(data).train)
    state = runs.create(run, config)
    run_keyframes.save(run, 7, state.model)
    return run


@contextmanager
def _training(run: Path, config: RunConfig) -> Iterator[None]:
    """A trainer at work on the run in a thread of its own, paused from the beginning."""
    state = runs.create(run, config)
    change_control(run, paused=True)
    trainer = threading.Thread(target=lambda: list(runs.train(run, state)))
    trainer.start()
    try:
        while read_state(run).status != "paused":
            assert trainer.is_alive()
            trainer.join(0.02)
        yield
    finally:
        change_control(run, stop=True)
        trainer.join()


def _long(data: Path, **settings: Any) -> RunConfig:
    return make_config(data, **{"epochs": 100_000, "beta_schedule": "constant", **settings})


@pytest.mark.parametrize(
    "model", [{}, {"kind": "ae"}, {"beta_range": (0.01, 200.0)}, *({"likelihood": name} for name in LIKELIHOODS[1:])]
)
def test_every_kind_of_model_has_its_stages(tmp_path: Path, data: Path, model: dict[str, Any]) -> None:
    at = _panel(_run(tmp_path, data, **model))
    words = _words(at)
    assert ("Weights after step 7." if model.get("kind") == "ae" else "Weights after step 7, β = 1.") in words
    for stage in range(1, 9):
        assert f"**{stage}. " in words
    assert not at.error
    assert ("(1 + \\beta)" in words) == ("beta_range" in model)
    assert ("nothing is drawn" in words) == (model.get("kind") == "ae")


def test_the_numbers_make_up_z_and_the_loss(tmp_path: Path, data: Path) -> None:
    at = _panel(_run(tmp_path, data), beta=4.0)
    mu, sigma, epsilon, z = (
        [float(cell.replace("−", "-")) for cell in _row(at, symbol)]
        for symbol in (r"$\mu$", r"$\sigma$", r"$\varepsilon$", "$z$")
    )
    assert z == pytest.approx([m + s * e for m, s, e in zip(mu, sigma, epsilon, strict=True)], abs=0.002)
    (equation,) = (latex.value for latex in at.latex if "distortion" in latex.value)
    distortion, beta, rate, loss = (float(part.split("}")[0]) for part in equation.split(r"\underbrace{")[1:])
    assert beta == 4
    assert distortion + beta * rate == pytest.approx(loss, abs=0.05)


def test_resampling_draws_another_epsilon_for_the_same_pixels_and_weights(tmp_path: Path, data: Path) -> None:
    at = _panel(_run(tmp_path, data))
    first = {symbol: _row(at, symbol) for symbol in (r"$\mu$", r"$\varepsilon$", "$z$")}
    _fine(at.button(key="microscope.resample").click().run())
    second = {symbol: _row(at, symbol) for symbol in first}
    assert second[r"$\mu$"] == first[r"$\mu$"]
    assert second[r"$\varepsilon$"] != first[r"$\varepsilon$"]
    assert second["$z$"] != first["$z$"]


def test_another_digit_has_another_code_and_a_digit_that_was_seen_the_same(tmp_path: Path, data: Path) -> None:
    at = _panel(_run(tmp_path, data))
    first = _row(at, r"$\mu$")
    _fine(at.number_input(key="microscope.digit").increment().run())
    assert _row(at, r"$\mu$") != first
    _fine(at.number_input(key="microscope.digit").decrement().run())
    assert _row(at, r"$\mu$") == first
    assert at.number_input(key="microscope.digit").max == 60


def test_many_dimensions_show_the_first_and_their_sum(tmp_path: Path, data: Path) -> None:
    at = _panel(_run(tmp_path, data, latent_dim=20))
    assert len(_row(at, r"$\mu$")) == 4
    assert "and 16 more dimensions" in _words(at)
    assert "The first 16 of 20 dimensions; the sum of all is the rate" in _words(at)


def test_what_the_gradient_cannot_reach_is_shown_as_such(tmp_path: Path, data: Path) -> None:
    at = _panel(_run(tmp_path, data))
    for name in ("encoder", r"$\log \sigma^2$"):
        reparameterised, drawn, kl = _reach(at, name)
        assert float(reparameterised) > 0
        assert drawn == "no path"
        assert float(kl) > 0
    reparameterised, drawn, kl = _reach(at, "decoder")
    assert float(drawn) == pytest.approx(float(reparameterised), rel=1e-3)
    assert kl == "–"
    assert "section 2.4" in _words(at)


def _reach(at: AppTest, name: str) -> list[str]:
    table = at.table[-1].value
    (line,) = (line for line in table.itertuples(index=False) if line[0] == name)
    return [str(cell) for cell in line[1:]]


def test_a_run_that_is_not_trained_takes_no_step_and_says_why(tmp_path: Path, data: Path) -> None:
    run = _run(tmp_path, data)
    button = _panel(run).button(key="microscope.next")
    assert button.disabled
    assert "resume it" in button.help
    with pytest.raises(LatentExplorerError, match="the run is stopped: resume it"):
        take_step(run)


def test_a_trainer_that_does_not_answer_is_not_waited_for_forever(tmp_path: Path, data: Path) -> None:
    run = tmp_path / "run"
    with _training(run, _long(data)), pytest.raises(LatentExplorerError, match="within 0 s: look again"):
        take_step(run, patience=0)


def test_next_batch_takes_exactly_one_step_and_shows_what_it_changed(tmp_path: Path, data: Path) -> None:
    run = tmp_path / "run"
    with _training(run, _long(data)):
        at = _panel(run, can_step=True)
        step = weights_of(run)[0]
        assert "each number shows its change" in _words(at)
        assert ":small" not in _row(at, r"$\mu$")[0]
        for taken in (1, 2):
            _fine(at.button(key="microscope.next").click().run())
            assert weights_of(run)[0] == step + taken
            assert f"the change since step {step + taken - 1}." in _words(at)
        assert read_control(run).steps == 2
        assert read_state(run).status == "paused"
        assert ":small[:gray[" in _row(at, r"$\mu$")[0]
        assert ":small" not in _row(at, r"$\varepsilon$")[0]
        assert "Change in nats: distortion" in _words(at)
        # The comparison goes with the weights, not with the digit.
        _fine(at.number_input(key="microscope.digit").increment().run())
        assert ":small[:gray[" in _row(at, r"$\mu$")[0]


def test_next_batch_pauses_a_run_that_runs(tmp_path: Path, data: Path) -> None:
    run = tmp_path / "run"
    with _training(run, _long(data)):
        change_control(run, paused=False)
        at = _panel(run, can_step=True)
        _fine(at.button(key="microscope.next").click().run())
        assert not at.error
        assert read_state(run).status == "paused"
        newest = weights_of(run)[0]
        assert f"Weights after step {newest:,}" in _words(at)
        assert f"the change since step {newest - 1:,}." in _words(at)
        assert weights_of(run)[0] == newest


def test_a_step_that_cannot_be_taken_leaves_the_numbers_and_says_so(tmp_path: Path, data: Path) -> None:
    at = _panel(_run(tmp_path, data), can_step=True)
    _fine(at.button(key="microscope.next").click().run())
    (error,) = at.error
    assert error.value == "No step was taken."
    assert "resume it" in at.text[0].value
    assert "Weights after step 7" in _words(at)


def test_what_is_missing_is_said(tmp_path: Path, data: Path) -> None:
    run = tmp_path / "run"
    runs.create(run, make_config(data))
    at = _panel(run)
    assert "no keyframe yet" in at.text[0].value
    (tmp_path / "data.npz").unlink()
    assert "there is no data set" in _panel(run).text[0].value


def test_a_beta_outside_an_any_beta_models_range_is_said(tmp_path: Path, data: Path) -> None:
    at = _panel(_run(tmp_path, data, beta_range=(0.01, 200.0)), beta=0.0)
    assert "0.01 to 200" in at.text[0].value


class TestFigures:
    def test_nothing_lost_is_clear_and_the_most_is_the_accent(self) -> None:
        for palette in (LIGHT, DARK):
            (heatmap,) = figures.pixel_map([[0.0, 2.0], [1.0, 4.0]], palette).data
            (low, clear), (high, accent) = heatmap.colorscale
            assert (low, high) == (0, 1)
            assert clear.endswith(", 0.000)")
            assert accent == "rgba({}, {}, {}, 1.000)".format(*bytes.fromhex(palette.accent[1:]))
            assert (heatmap.zmin, heatmap.zmax) == (0, 4)

    def test_nats_that_a_density_earns_have_another_colour_on_the_same_scale(self) -> None:
        (heatmap,) = figures.pixel_map([[-1.0, 3.0]]).data
        places, colours = zip(*heatmap.colorscale, strict=True)
        assert places == (0, 0.25, 0.25, 1)
        assert [colour.rsplit(", ", 1)[1] for colour in colours] == ["0.333)", "0.000)", "0.000)", "1.000)"]

    def test_a_picture_is_grey_and_its_first_row_is_at_the_top(self) -> None:
        figure = figures.picture(make_images(1)[0][0] / 255)
        assert [colour for _place, colour in figure.data[0].colorscale] == ["#000000", "#ffffff"]
        assert (figure.data[0].zmin, figure.data[0].zmax) == (0, 1)
        assert figure.layout.yaxis.autorange == "reversed"
        assert figure.layout.yaxis.scaleanchor == "x"

    def test_a_bar_for_every_dimension_and_every_layer(self) -> None:
        assert list(figures.kl_bars([0.5, 0.0, 2.0]).data[0].y) == [0.5, 0.0, 2.0]
        bars, marks = figures.gradient_norms({"encoder.0": 1.0, "decoder.0": 3.0}, {"decoder.0": 2.0}).data
        assert (list(bars.y), list(bars.x)) == (["encoder.0", "decoder.0"], [1.0, 3.0])
        assert list(marks.x) == [None, 2.0]
        assert len(figures.gradient_norms({"encoder.0": 1.0}).data) == 1

    @pytest.mark.parametrize("make", [figures.pixel_map, figures.picture, figures.kl_bars])
    def test_a_chart_lies_on_any_background_and_can_be_saved(self, make: Any) -> None:
        values = [0.1, 0.2] if make is figures.kl_bars else [[0.1, 0.2]]
        figure = make(values)
        assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0, 0, 0, 0)"
        assert figure.to_json()
