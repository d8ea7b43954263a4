"""A trainer that is steered: paused, taken on by steps, stopped, and given control files of any kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.factories import make_config
from tests.trainers import are_equal, expected, weights
from vae_core import run_folder, runs
from vae_core.run_control import CONTROL_NAME, change_control
from vae_core.run_records import CodesReader, read_events


def test_pause_step_and_resume(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, seen = tmp_path / "run", []
    wishes: list[dict[str, Any]] = [{"more_steps": 1}, {"more_steps": 1}, {"more_steps": 2}, {"paused": False}]

    def look(seconds: float) -> None:
        seen.append((run_folder.read_state(run).status, runs.read_metrics(run)[-1]["step"]))
        change_control(run, **wishes.pop(0))

    training = runs.train(run, runs.create(run, make_config(data)), report_every=5)
    next(training)
    change_control(run, paused=True)
    monkeypatch.setattr("vae_core.run_steering.time.sleep", look)
    list(training)
    assert seen == [("paused", step) for step in (4, 5, 6, 8)]
    assert run_folder.read_state(run).status == "finished"
    assert are_equal(weights(run), expected(make_config(data), []))
    assert {step for step, _ in CodesReader(run).read()} >= {5, 6, 7, 8}


def test_a_step_asked_of_a_running_run_is_taken_before_it_pauses(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, seen = tmp_path / "run", []

    def look(seconds: float) -> None:
        seen.append(runs.read_metrics(run)[-1]["step"])
        change_control(run, stop=True)

    training = runs.train(run, runs.create(run, make_config(data)), report_every=2)
    next(training)
    change_control(run, paused=True, more_steps=1)
    monkeypatch.setattr("vae_core.run_steering.time.sleep", look)
    list(training)
    assert seen == [3]
    state = run_folder.read_state(run)
    assert (state.status, state.reason, state.step) == ("stopped", "as it was asked to", 3)
    assert runs.reopen(run).step == 3


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"3", b"null", b'{"speed": 3}', b'{"beta": NaN}', b'{"beta": "4"}', b'{"beta": -1}',
        b'{"paused": 1}', b'{"steps": 1.5}', b'{"stop": null}', b'{"version": 99}', b"[" * 100_000, b"\xff\xfe",
        b'{"beta": 1e999}', b" " * 100_000, b'{"learning_rate": true}',
    ],
)  # fmt: skip
def test_a_control_file_that_is_not_understood_is_reported_and_the_run_goes_on(
    tmp_path: Path, data: Path, content: bytes
) -> None:
    run = tmp_path / "run"
    training = runs.train(run, runs.create(run, make_config(data, epochs=20)), report_every=2)
    next(training)
    change_control(run, beta=2)
    next(training)
    (run / CONTROL_NAME).write_bytes(content)
    next(training)
    next(training)
    state = run_folder.read_state(run)
    assert state.status == "running"
    assert "control.json is not understood" in state.reason
    assert f"write it anew with `python -m vae_core runs control {run}`" in state.reason
    assert runs.read_metrics(run)[-1]["beta"] == 2.0
    assert change_control(run, learning_rate=1e-3).beta == 2.0
    next(training)
    next(training)
    assert run_folder.read_state(run).reason == ""
    list(training)
    assert read_events(run)[-1] == {"step": 8, "beta": 2.0, "learning_rate": 1e-3}


def test_a_directory_in_the_place_of_the_control_file_is_reported(tmp_path: Path, data: Path) -> None:
    run = tmp_path / "run"
    training = runs.train(run, runs.create(run, make_config(data)), report_every=2)
    next(training)
    (run / CONTROL_NAME).mkdir()
    next(training)
    next(training)
    assert "it is no file" in run_folder.read_state(run).reason
    training.close()


def test_a_run_resumed_beside_a_spoilt_control_file_keeps_its_beta(tmp_path: Path, data: Path) -> None:
    config, run = make_config(data), tmp_path / "run"
    training = runs.train(run, runs.create(run, config), report_every=2)
    next(training)
    change_control(run, beta=2)
    next(training)
    training.close()
    (run / CONTROL_NAME).write_text("{broken")
    list(runs.train(run, runs.reopen(run), report_every=2))
    assert [event["beta"] for event in read_events(run)] == [2.0]
    assert runs.read_metrics(run)[-1]["beta"] == 2.0


def test_steps_asked_for_in_a_file_written_anew_are_taken(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, seen = tmp_path / "run", []

    def look(seconds: float) -> None:
        seen.append(runs.read_metrics(run)[-1]["step"])
        if len(seen) == 1:
            (run / CONTROL_NAME).write_text("{broken")
            change_control(run, paused=True, more_steps=1)
        else:
            change_control(run, stop=True)

    runs.create(run, make_config(data))
    change_control(run, steps=7)
    training = runs.train(run, runs.reopen(run), report_every=2)
    next(training)
    change_control(run, paused=True)
    monkeypatch.setattr("vae_core.run_steering.time.sleep", look)
    list(training)
    assert seen == [2, 3]
