"""The recorder: what is due when, and figures that are those of the model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.factories import make_config, make_images
from tests.trainers import finish
from vae_core import run_keyframes, run_recorder, runs
from vae_core.data import binarize_once, to_pixels
from vae_core.objectives import elbo_terms
from vae_core.run_folder import ownership
from vae_core.run_recorder import Clock, Recorder
from vae_core.run_records import CodesReader, read_metrics
from vae_core.training_step import EVALUATION_SEED


def asked(monkeypatch: pytest.MonkeyPatch, seconds: float, moments: list[float]) -> list[float]:
    """Return at which of these moments a clock said that it was time."""
    clock, due = Clock(seconds), []
    for now in moments:
        monkeypatch.setattr("vae_core.run_recorder.time.monotonic", lambda now=now: now)
        due += [now] if clock.is_due() else []
    return due


@pytest.mark.parametrize("between", [0.01, 0.1, 0.13, 0.29])
def test_a_thing_is_due_as_often_as_it_should_be_however_seldom_its_clock_is_asked(
    monkeypatch: pytest.MonkeyPatch, between: float
) -> None:
    due = asked(monkeypatch, 0.31, [1000 + between * number for number in range(int(31 / between))])
    assert len(due) == pytest.approx(100, abs=2)


def test_what_was_missed_in_a_pause_is_not_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(monkeypatch, 1.0, [0.0, 0.9, 1.1, 9.0, 9.1, 9.9, 10.1]) == [0.0, 1.1, 9.0, 10.1]


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_a_snapshot_has_the_models_codes_and_its_figures(tmp_path: Path, data: Path, likelihood: str) -> None:
    config, run = make_config(data), tmp_path / "run"
    object.__setattr__(config.model, "likelihood", likelihood)
    state = runs.create(run, config)
    with ownership(run) as hold:
        figures = Recorder(run, state, hold).snapshot()
    ((step, codes),) = CodesReader(run).read()
    images, _ = make_images(60)
    model = state.model.eval()
    with torch.no_grad():
        expected, _ = model.encode(to_pixels(images))
        x = binarize_once(images) if likelihood == "bernoulli" else to_pixels(images)
        terms = elbo_terms(model, x, generator=torch.Generator().manual_seed(EVALUATION_SEED))
    assert step == 0
    assert torch.allclose(codes, expected, rtol=1e-3, atol=1e-3)
    assert figures["test_reconstruction"] == pytest.approx(terms.reconstruction.mean().item(), rel=1e-5)
    assert figures["test_kl"] == pytest.approx(terms.kl.mean().item(), rel=1e-4)


def test_figures_that_are_no_numbers_are_left_out_with_their_snapshot(tmp_path: Path, data: Path) -> None:
    run = tmp_path / "run"
    state = runs.create(run, make_config(data))
    with ownership(run) as hold:
        recorder = Recorder(run, state, hold)
        with torch.no_grad():
            next(state.model.decoder.parameters()).fill_(float("inf"))
        assert recorder.snapshot() == {}
    assert CodesReader(run).read() == []


def test_every_snapshot_has_its_line_of_figures(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_recorder, "SNAPSHOT_SECONDS", -1.0)
    monkeypatch.setattr("vae_core.run_recorder.MOST_SNAPSHOTS", 5)
    monkeypatch.setattr("vae_core.run_records.MOST_SNAPSHOTS", 5)
    finish(tmp_path / "run", make_config(data), report_every=1)
    steps = [step for step, _ in CodesReader(tmp_path / "run").read()]
    assert (steps[0], steps[-1], len(steps) <= 5) == (0, 12, True)
    assert set(steps) <= {line["step"] for line in read_metrics(tmp_path / "run") if "test_kl" in line}


def test_going_back_drops_what_came_after(tmp_path: Path, data: Path) -> None:
    run = tmp_path / "run"
    finish(run, make_config(data), report_every=1)
    run_keyframes.save(run, 4, runs.reopen(run).model)
    run_recorder.drop_after(run, 5)
    assert [line["step"] for line in read_metrics(run)] == [0, 1, 2, 3, 4, 5]
    assert run_keyframes.steps(run) == [0, 4]
    run_recorder.drop_after(run, 0)
    assert (read_metrics(run), run_keyframes.steps(run), CodesReader(run).read()) == ([], [], [])
