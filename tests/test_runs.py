"""Run directories: written while they are read, interrupted, and gone on with exactly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.factories import make_config
from vae_core import run_recorder, runs
from vae_core.checkpoints import save_state
from vae_core.config import RunConfig
from vae_core.errors import LatentExplorerError
from vae_core.registry import CHECKPOINT_NAME, load_model
from vae_core.run_records import METRICS_NAME
from vae_core.training import Progress
from vae_core.training_step import NonFiniteLossError

TIMINGS = {"seconds", "samples_per_second"}


def _finish(run: Path, config: RunConfig) -> list[Progress]:
    return list(runs.train(run, runs.create(run, config), report_every=2))


def _untimed(run: Path) -> list[dict[str, Any]]:
    """The log without what depends on the clock: times, and which of its lines have figures of the probe digits."""
    return [
        {key: value for key, value in line.items() if key not in TIMINGS and not key.startswith("test_")}
        for line in runs.read_metrics(run)
    ]


def test_a_run_holds_its_configuration_metrics_and_a_model(tmp_path: Path, data: Path) -> None:
    run, config = tmp_path / "deep" / "run", make_config(data, beta=4.0)
    progress = _finish(run, config)
    assert runs.read_config(run) == config
    lines = runs.read_metrics(run)
    assert len(lines) == len(progress) + 1 > 4
    assert [line["step"] for line in lines] == [0, 2, 4, 6, 8, 10, 12]
    assert lines[-1]["beta"] == pytest.approx(4.0)
    assert all({"step", "beta"} <= set(line) for line in lines)
    assert all({"reconstruction", "kl"} <= set(line) for line in lines[1:])
    assert load_model(run).config == config.model


def test_the_log_reads_whole_at_every_byte_of_a_line_being_written(tmp_path: Path, data: Path) -> None:
    run = tmp_path / "run"
    _finish(run, make_config(data))
    log = run / METRICS_NAME
    content, lines = log.read_bytes(), runs.read_metrics(run)
    start_of_last = content.rstrip(b"\n").rfind(b"\n") + 1
    for size in range(start_of_last, len(content)):
        log.write_bytes(content[:size])
        assert runs.read_metrics(run) == lines[:-1]
    log.write_bytes(content)
    assert runs.read_metrics(run) == lines


def test_a_folder_without_a_log_has_no_metrics(tmp_path: Path) -> None:
    assert runs.read_metrics(tmp_path) == []


@pytest.mark.parametrize("line", [b"{broken", b"3", b"\xff\xff"])
def test_a_damaged_line_of_the_log_is_named(tmp_path: Path, line: bytes) -> None:
    (tmp_path / METRICS_NAME).write_bytes(b'{"step": 1}\n' + line + b"\n")
    with pytest.raises(LatentExplorerError, match=r"line 2 of .*metrics\.jsonl is damaged"):
        runs.read_metrics(tmp_path)


def _stop_after(progress: Iterator[Progress], reports: int) -> None:
    for _ in range(reports):
        next(progress)


@pytest.mark.parametrize("saved_after", [0, 1, 3])
def test_a_killed_run_goes_on_as_if_it_had_not_stopped(tmp_path: Path, data: Path, saved_after: int) -> None:
    """Killed after the fourth report, with its newest checkpoint from an earlier one, or with none at all."""
    config = make_config(data)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    _finish(whole, config)

    state = runs.create(killed, config)
    training = runs.train(killed, state, report_every=2)
    _stop_after(training, saved_after)
    if saved_after:
        save_state(killed / CHECKPOINT_NAME, state)
    _stop_after(training, 4 - saved_after)
    with (killed / METRICS_NAME).open("a", encoding="utf-8") as log:
        log.write('{"step": 10, "be')
    del training

    list(runs.train(killed, runs.reopen(killed), report_every=2))
    assert _untimed(killed) == _untimed(whole)
    for name, value in load_model(whole).state_dict().items():
        assert torch.equal(load_model(killed).state_dict()[name], value)


def test_checkpoints_are_written_while_training(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_recorder, "CHECKPOINT_SECONDS", -1.0)
    run = tmp_path / "run"
    training = runs.train(run, runs.create(run, make_config(data)), report_every=2)
    next(training)
    assert (run / CHECKPOINT_NAME).exists()
    assert runs.reopen(run).step == 2


def test_a_finished_run_has_nothing_left_to_do(tmp_path: Path, data: Path) -> None:
    run = tmp_path / "run"
    _finish(run, make_config(data))
    before = runs.read_metrics(run)
    state = runs.reopen(run)
    assert list(runs.train(run, state)) == []
    assert runs.read_metrics(run) == before
    assert state.step == 12


def test_a_run_that_stopped_early_stays_stopped(tmp_path: Path, data: Path) -> None:
    run = tmp_path / "run"
    # Steps this small round away in float32, so that no epoch after the first is better.
    config = make_config(data, epochs=50, validation=10, patience=2, learning_rate=1e-8, beta_schedule="constant")
    progress = _finish(run, config)
    assert progress[-1].stopped_early
    assert progress[-1].epoch < 50
    assert list(runs.train(run, runs.reopen(run))) == []
    assert runs.read_metrics(run)[-1]["step"] == progress[-1].step


def test_a_run_that_has_begun_is_not_overwritten(tmp_path: Path, data: Path) -> None:
    _finish(tmp_path / "run", make_config(data))
    with pytest.raises(LatentExplorerError, match="already holds a run: continue it with --continue"):
        runs.create(tmp_path / "run", make_config(data))


def test_a_run_that_never_took_a_step_can_be_started_over(tmp_path: Path, data: Path) -> None:
    runs.create(tmp_path / "run", make_config(data))
    again = make_config(data, seed=7)
    runs.create(tmp_path / "run", again)
    assert runs.read_config(tmp_path / "run") == again


@pytest.mark.parametrize("settings", [{"data": "no-such-set"}, {"validation": 60}, {"validation": 100}])
def test_a_run_that_cannot_begin_leaves_nothing_behind(tmp_path: Path, data: Path, settings: dict[str, Any]) -> None:
    with pytest.raises(LatentExplorerError):
        runs.create(tmp_path / "run", make_config(**{"data": data, **settings}))
    assert not (tmp_path / "run").exists()


def test_a_run_where_a_file_is_in_the_way_is_refused_by_name(tmp_path: Path, data: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LatentExplorerError, match=r"cannot write .*file"):
        runs.create(tmp_path / "file", make_config(data))


def test_a_loss_that_is_not_finite_keeps_the_last_good_checkpoint(tmp_path: Path, data: Path) -> None:
    run = tmp_path / "run"
    state = runs.create(run, make_config(data))
    training = runs.train(run, state, report_every=2)
    next(training)
    save_state(run / CHECKPOINT_NAME, state)
    good = (run / CHECKPOINT_NAME).read_bytes()
    with torch.no_grad():
        next(state.model.parameters()).fill_(float("nan"))
    with pytest.raises(NonFiniteLossError, match="lower the learning rate"):
        next(training)
    assert (run / CHECKPOINT_NAME).read_bytes() == good
    assert all(line["step"] <= 2 for line in runs.read_metrics(run))


def test_what_is_not_a_run_is_told_how_to_become_one(tmp_path: Path) -> None:
    with pytest.raises(LatentExplorerError, match=r"is not a run: start one with `python -m vae_core train --run"):
        runs.read_config(tmp_path / "nowhere")


@pytest.mark.parametrize("content", ["", "[]", '{"model": 3}', '{"model": {"depth": 1}}', '{"train": {"epochs": 0}}'])
def test_a_damaged_configuration_is_named(tmp_path: Path, content: str) -> None:
    runs.config_path(tmp_path).write_text(content)
    with pytest.raises(LatentExplorerError, match=r"config\.json is damaged"):
        runs.read_config(tmp_path)


def test_a_damaged_checkpoint_is_named_when_the_run_is_reopened(tmp_path: Path, data: Path) -> None:
    run = tmp_path / "run"
    _finish(run, make_config(data))
    (run / CHECKPOINT_NAME).write_bytes((run / CHECKPOINT_NAME).read_bytes()[:100])
    with pytest.raises(LatentExplorerError, match=r"checkpoint\.safetensors .*delete the run and train it again"):
        runs.reopen(run)


def test_new_folders_never_collide(tmp_path: Path) -> None:
    made = []
    for _ in range(3):
        folder = runs.new_folder(tmp_path)
        folder.mkdir()
        made.append(folder)
    assert len(set(made)) == 3
    assert all(folder.parent == tmp_path for folder in made)


def test_every_line_of_the_log_is_json_for_any_reader(tmp_path: Path, data: Path) -> None:
    run = tmp_path / "run"
    _finish(run, make_config(data, validation=10))

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    for line in (run / METRICS_NAME).read_text("utf-8").splitlines():
        json.loads(line, parse_constant=refuse)
