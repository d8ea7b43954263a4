"""The command `runs`: listing, showing, steering, forking and deleting runs from a terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import Said, printed_json, refused
from tests.factories import make_config
from tests.trainers import finish, lines_of, until
from vae_core import cli, run_folder, run_queue, runs
from vae_core.run_control import CONTROL_NAME, Control, change_control, read_control
from vae_core.run_folder import RunState, own_process, read_state, write_state
from vae_core.run_records import METRICS_NAME


@pytest.fixture
def run(tmp_path: Path, data: Path) -> Path:
    """A run that has been stopped halfway."""
    folder = tmp_path / "runs" / "one"
    training = runs.train(folder, runs.create(folder, make_config(data), "First"), report_every=2)
    for _ in range(3):
        next(training)
    change_control(folder, stop=True)
    list(training)
    return folder


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The runs for which a trainer was started; this process stands for each."""
    launched: list[Path] = []

    def start(folder: Path, state: RunState) -> None:
        launched.append(folder)
        write_state(folder, state)

    monkeypatch.setattr(run_queue, "_start", start)
    return launched


def say(*arguments: object) -> None:
    assert cli.main(["runs", *map(str, arguments)]) == 0


def test_runs_are_listed_with_their_newest_figures(run: Path, data: Path, capsys: Said) -> None:
    runs.create(run.parent / "two", make_config(data))
    (run.parent / "broken").mkdir()
    (run.parent / "broken" / run_folder.CONFIG_NAME).write_text("{")
    (run.parent / "broken" / run_folder.STATE_NAME).write_text("{")
    say("list", run.parent, "--json")
    printed = printed_json(capsys)
    rows = {Path(row["run"]).name: row for row in printed["runs"]}
    assert set(rows) == {"one", "two"}
    assert len(printed["problems"]) == 1
    assert (rows["one"]["status"], rows["one"]["step"], rows["one"]["total_steps"]) == ("stopped", 6, 12)
    assert (rows["one"]["name"], rows["two"]["step"], rows["two"]["beta"]) == ("First", 0, None)
    assert rows["one"]["test_kl"] > 0
    say("list", run.parent)
    said = capsys.readouterr()
    assert said.out.split()[0] == "run"
    assert "state.json is damaged" in said.err


def test_an_empty_folder_says_how_to_start_a_run(tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(run_folder.ROOT_VARIABLE, str(tmp_path))
    say("list")
    said = capsys.readouterr()
    assert said.out == ""
    assert f"there are no runs in {tmp_path}: start one with" in said.err


def test_a_run_is_shown_with_its_settings_and_what_was_changed_by_hand(run: Path, data: Path, capsys: Said) -> None:
    change_control(run, beta=2)
    finish(run, make_config(data))
    say("show", run, "--json")
    printed = printed_json(capsys)
    assert printed["events"] == [{"step": 6, "beta": 2.0, "learning_rate": None}]
    assert (printed["config"]["train"]["epochs"], printed["status"]) == (3, "finished")
    assert printed["bytes"] == run_folder.size(run)
    say("show", run)
    assert "from step 6: beta 2.0, learning rate by schedule" in capsys.readouterr().out


def test_a_control_file_that_is_not_understood_is_shown(run: Path, data: Path, capsys: Said) -> None:
    training = runs.train(run, runs.reopen(run), report_every=1, resumes=True)
    next(training)
    (run / CONTROL_NAME).write_text("{broken")
    next(training)
    next(training)
    say("show", run)
    out = capsys.readouterr().out
    assert [line.split()[1] for line in out.splitlines() if line.startswith("status")] == ["running"]
    assert "control.json is not understood" in out
    training.close()


def test_a_run_is_steered_by_options(run: Path, capsys: Said) -> None:
    say("control", run, "--beta", "4", "--lr", "1e-3", "--pause")
    assert "does not train now" in capsys.readouterr().err
    assert read_control(run) == Control(4.0, 1e-3, paused=True, stop=True)
    say("control", run, "--beta", "schedule", "--step", "--json")
    assert printed_json(capsys)["steps"] == 1
    say("control", run, "--resume", "--lr", "schedule")
    assert read_control(run) == Control(steps=1, stop=True)
    say("control", run, "--beta", "4", "--over", "10")
    assert read_control(run) == Control(4.0, steps=1, stop=True, beta_schedule="linear", beta_epochs=10.0)
    say("control", run, "--beta", "2", "--beta-schedule", "cyclical", "--over", "5")
    assert read_control(run) == Control(2.0, steps=1, stop=True, beta_schedule="cyclical", beta_epochs=5.0)


def test_what_cannot_be_asked_is_refused(run: Path, tmp_path: Path, capsys: Said) -> None:
    control = ["runs", "control", run]
    before = read_control(run)
    assert "nothing to change: give --beta" in refused(capsys, *control)
    assert "--pause and --resume say opposite things" in refused(capsys, *control, "--pause", "--resume")
    assert "--step and --resume say opposite things" in refused(capsys, *control, "--step", "--resume")
    assert "'much' is neither a number nor 'schedule'" in refused(capsys, *control, "--beta", "much")
    assert "beta is nan: give a number from 0" in refused(capsys, *control, "--beta", "nan")
    assert "beta is -1.0" in refused(capsys, *control, "--beta", "-1")
    assert "learning rate is 0.0" in refused(capsys, *control, "--lr", "0")
    assert "add --beta B" in refused(capsys, *control, "--over", "3")
    assert "add --over N" in refused(capsys, *control, "--beta", "2", "--beta-schedule", "cyclical")
    assert "length of a beta schedule" in refused(capsys, *control, "--beta", "2", "--over", "-1")
    assert read_control(run) == before
    more = {"rename": ["x"], "fork": ["--step", "1"]}
    for action in ("show", "resume", "stop", "delete", "check", "rename", "fork"):
        assert "is not a run" in refused(capsys, "runs", action, tmp_path, *more.get(action, []))


def test_a_stopped_run_is_put_into_the_queue_when_it_is_resumed(run: Path, capsys: Said, started: list[Path]) -> None:
    change_control(run, paused=True, beta=3)
    say("resume", run)
    assert started == [run]
    assert (read_state(run).status, read_control(run)) == ("queued", Control(beta=3))
    assert "resumed" in capsys.readouterr().err


def test_a_paused_run_goes_on_in_its_own_process(run: Path, capsys: Said, started: list[Path]) -> None:
    change_control(run, paused=True)
    write_state(run, RunState(status="paused", **own_process()))
    say("resume", run, "--json")
    assert (started, read_control(run).paused, printed_json(capsys)["done"]) == ([], False, "resumed")


def test_what_needs_no_resuming_is_refused(run: Path, data: Path, capsys: Said, started: list[Path]) -> None:
    write_state(run, RunState(status="running", **own_process()))
    assert "is running already" in refused(capsys, "runs", "resume", run)
    write_state(run, RunState(status="finished"))
    assert "is finished: there is nothing to resume" in refused(capsys, "runs", "resume", run)
    assert "does not train: it is finished" in refused(capsys, "runs", "stop", run)
    assert started == []


def test_a_run_that_trains_is_neither_deleted_nor_made_anew(
    run: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_folder, "_PATIENCE", 0.05)
    with run_folder.ownership(run):
        assert "is being trained" in refused(capsys, "runs", "delete", run)
        change_control(run, stop=True)
        assert "is being trained" in refused(capsys, "train", "--run", run, "--continue")
        assert read_control(run).stop
    say("delete", run)
    assert not run.exists()


def test_a_run_is_checked(run: Path, capsys: Said) -> None:
    say("check", run)
    assert "every file is whole" in capsys.readouterr().out
    with (run / METRICS_NAME).open("a") as log:
        log.write("nonsense\n")
    assert "has 1 damaged parts: line 5 of" in refused(capsys, "runs", "check", run)
    say("check", run, "--json")
    assert len(printed_json(capsys)["problems"]) == 1


def test_a_run_is_renamed(run: Path, capsys: Said) -> None:
    say("rename", run, "A better name")
    assert run_folder.read_about(run).name == "A better name"
    assert "is called A better name" in capsys.readouterr().err


def test_a_fork_starts_from_a_keyframe_with_other_settings(
    run: Path, data: Path, tmp_path: Path, capsys: Said, started: list[Path]
) -> None:
    options = ["--beta", 4, "--beta-schedule", "constant", "--epochs", 7]
    say("fork", run, "--step", 6, "--run", tmp_path / "fork", *options, "--json")
    assert printed_json(capsys)["run"] == str(tmp_path / "fork")
    fork, about = runs.read_config(tmp_path / "fork"), run_folder.read_about(tmp_path / "fork")
    assert (fork.train.beta, fork.train.epochs, fork.train.data) == (4.0, 7, str(data))
    assert (about.parent, about.parent_step) == ("one", 0)
    assert started == [tmp_path / "fork"]
    say("fork", run, "--step", 6)
    assert started[1].parent == run.parent
    capsys.readouterr()
    assert "already holds a run" in refused(capsys, "runs", "fork", run, "--step", 0, "--run", run)
    assert "'-1' is not a whole number" in refused(capsys, "runs", "fork", run, "--step", "-1")


def test_a_run_in_the_background_is_stopped_and_its_process_is_gone(tmp_path: Path, data: Path, capsys: Said) -> None:
    run = tmp_path / "run"
    command = ["train", "--run", run, "--data", data, "--encoder-widths", 12, "--decoder-widths", 12, "--device", "cpu"]
    program = [sys.executable, "-m", "vae_core", *map(str, [*command, "--epochs", 100_000])]
    root = Path(__file__).resolve().parents[1]
    with subprocess.Popen(program, cwd=root, stderr=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"}) as up:
        until(lambda: lines_of(run) > 1)
        say("stop", run, "--json")
        assert printed_json(capsys)["done"] == "stopped"
        assert up.wait() == 0
        assert up.stderr is not None
        assert b"go on with `python -m vae_core runs resume" in up.stderr.read()
    assert json.loads((run / run_folder.STATE_NAME).read_text())["status"] == "stopped"
    assert runs.reopen(run).step > 0
