"""Run directories as folders: names, states, what is deleted and what is not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import make_config
from tests.trainers import finish, until
from vae_core import run_control, run_files, run_folder, run_keyframes, run_records, runs
from vae_core.errors import LatentExplorerError
from vae_core.registry import CHECKPOINT_NAME
from vae_core.run_folder import About, RunState


@pytest.fixture
def run(tmp_path: Path, data: Path) -> Path:
    """A run that has not begun."""
    runs.create(tmp_path / "runs" / "one", make_config(data), "First")
    return tmp_path / "runs" / "one"


def test_a_run_is_known_by_its_name_and_by_its_folder_without_one(run: Path) -> None:
    assert run_folder.read_about(run).name == "First"
    run_folder.rename(run, "  A  new\nname ", " a note ")
    about = run_folder.read_about(run)
    assert (about.name, about.note) == ("A new name", "a note")
    run_folder.rename(run, " ")
    assert run_folder.read_about(run).name == "one"
    run_folder.rename(run, "x" * 5000)
    assert len(run_folder.read_about(run).name) == 200


def test_what_is_no_run_cannot_be_renamed(tmp_path: Path) -> None:
    with pytest.raises(LatentExplorerError, match="is not a run"):
        run_folder.rename(tmp_path, "name")
    assert list(tmp_path.iterdir()) == []


@given(
    state=st.builds(
        RunState,
        status=st.sampled_from(run_folder.STATUSES),
        reason=st.text(),
        step=st.integers(0, 2**53),
        pid=st.just(0),
        since=st.floats(0, 1e10),
    )
)
def test_a_state_reads_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, state: RunState) -> None:
    folder = tmp_path_factory.mktemp("run")
    run_folder.write_state(folder, state)
    read = run_folder.read_state(folder)
    if state.status in ("running", "paused"):
        assert read == replace(state, status="stopped", reason=run_folder.GONE)
    else:
        assert read == state


def _living() -> RunState:
    return RunState(status="running", **run_folder.own_process())


def test_a_process_is_alive_until_it_has_ended_even_where_nobody_has_noticed() -> None:
    assert run_folder.is_alive(_living())
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        state = RunState(**run_folder.process_fields(process.pid))
        assert run_folder.is_alive(state)
        os.kill(process.pid, signal.SIGKILL)
        until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE)
        assert not run_folder.is_alive(state)
    assert not run_folder.is_alive(state)
    assert run_folder.process_fields(process.pid)["process_started"] == 0.0


def test_another_process_of_the_same_number_is_not_the_trainer(run: Path) -> None:
    state = replace(_living(), process_started=_living().process_started - 100)
    run_folder.write_state(run, state)
    assert run_folder.read_state(run).reason == run_folder.GONE
    run_folder.write_state(run, _living())
    assert run_folder.read_state(run).status == "running"


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"status": "exploded"}', '{"pid": -5}', '{"pid": 1e300}', '{"pid": 99999999999}', '{"speed": 1}',
     '{"step": "x"}', "[" * 100_000],
)  # fmt: skip
def test_a_state_that_makes_no_sense_is_named(run: Path, content: str) -> None:
    (run / run_folder.STATE_NAME).write_text(content)
    with pytest.raises(LatentExplorerError, match=r"state\.json is damaged"):
        run_folder.read_state(run)


@pytest.mark.parametrize("name", [run_folder.CONFIG_NAME, run_folder.ABOUT_NAME, run_folder.STATE_NAME])
@pytest.mark.parametrize("version", [2, 99, 2.5])
def test_a_file_of_a_newer_version_is_not_called_damaged(run: Path, name: str, version: float) -> None:
    (run / name).write_text(json.dumps({"version": version, "colour": "new"}))
    readers: dict[str, Any] = {
        run_folder.CONFIG_NAME: run_folder.read_config,
        run_folder.ABOUT_NAME: run_folder.read_about,
        run_folder.STATE_NAME: run_folder.read_state,
    }
    with pytest.raises(run_folder.NewerRunError, match="update the app to read the run"):
        readers[name](run)


def test_a_configuration_says_its_version_and_older_ones_did_not(run: Path) -> None:
    values = json.loads(run_folder.config_path(run).read_text())
    assert values.pop("version") == run_folder.VERSION
    before = run_folder.read_config(run)
    run_folder.config_path(run).write_text(json.dumps(values))
    assert run_folder.read_config(run) == before


def test_runs_are_listed_the_newest_first(tmp_path: Path, data: Path) -> None:
    for age, name in enumerate(("new", "older", "oldest")):
        runs.create(tmp_path / name, make_config(data))
        os.utime(run_folder.config_path(tmp_path / name), (1e9 - age, 1e9 - age))
    (tmp_path / "no run").mkdir()
    (tmp_path / "dangling").mkdir()
    (tmp_path / "dangling" / run_folder.CONFIG_NAME).symlink_to(tmp_path / "nowhere")
    assert [run.name for run in run_folder.list_runs(tmp_path)] == ["new", "older", "oldest"]
    assert run_folder.list_runs(tmp_path / "nowhere") == []


def test_a_run_is_deleted_whole(run: Path, data: Path) -> None:
    finish(run, make_config(data))
    run_control.change_control(run, beta=1)
    (run / ".checkpoint.safetensors.0123456789abcdef").write_bytes(b"half")
    run_folder.delete(run)
    assert not run.exists()
    assert data.exists()


def test_a_run_behind_a_link_is_deleted_with_the_link(run: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(run)
    run_folder.delete(link)
    assert not run.exists()
    assert not link.is_symlink()


@pytest.mark.parametrize("stranger", ["notes.txt", "keyframes/mine.txt", "deep/down/file", ".git/config"])
def test_a_folder_with_other_files_is_not_deleted(run: Path, stranger: str) -> None:
    (run / stranger).parent.mkdir(parents=True, exist_ok=True)
    (run / stranger).write_text("mine")
    with pytest.raises(LatentExplorerError, match=f"holds {stranger}, which is no file of a run: nothing was deleted"):
        run_folder.delete(run)
    assert run_folder.read_about(run).name == "First"


def test_what_is_no_run_is_not_deleted(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(LatentExplorerError, match="is not a run: nothing was deleted"):
        run_folder.delete(tmp_path)
    assert (tmp_path / "file").read_text() == "mine"


def test_every_file_that_a_run_makes_is_known(run: Path, data: Path) -> None:
    finish(run, make_config(data))
    run_control.change_control(run, beta=1)
    assert run_files.foreign(run) == []
    names = {run_folder.CONFIG_NAME, run_folder.ABOUT_NAME, run_folder.STATE_NAME, run_folder.START_NAME}
    names |= {run_control.CONTROL_NAME, run_records.METRICS_NAME, run_records.EVENTS_NAME, run_records.CODES_NAME}
    assert names | {CHECKPOINT_NAME, run_files.TRAINER_LOG} == set(run_files.KEPT)


def test_a_runs_size_is_that_of_its_files_also_while_they_go(run: Path, data: Path) -> None:
    finish(run, make_config(data))
    (run / "dangling").symlink_to("nowhere")
    expected = sum(path.lstat().st_size for path in run.rglob("*") if not path.is_dir())
    assert run_folder.size(run) == expected > 10_000


def test_what_a_killed_trainer_left_half_written_goes_with_the_next(run: Path, data: Path) -> None:
    (run / run_keyframes.FOLDER).mkdir()
    left = [
        run / ".checkpoint.safetensors.0123456789abcdef",
        run / "keyframes/.0000000005.safetensors.0123456789abcdef",
    ]
    kept = run / ".control.json.0123456789abcdef"  # somebody may be about to write it
    for path in (*left, kept):
        path.write_bytes(b"half")
    finish(run, make_config(data))
    assert [path.exists() for path in (*left, kept)] == [False, False, True]


def test_names_of_about_are_checked() -> None:
    assert About().parent == ""
    with pytest.raises(LatentExplorerError, match="unknown status 'odd'"):
        RunState(status="odd")
