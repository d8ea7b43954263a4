"""The control file: what may be asked, by whom, and what is made of nonsense."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import make_config
from vae_core import run_control, run_files, runs
from vae_core.errors import LatentExplorerError
from vae_core.run_control import CONTROL_NAME, Control, ControlWatch, change_control, read_control
from vae_core.run_records import EVENTS_NAME


@pytest.fixture
def run(tmp_path: Path, data: Path) -> Path:
    """A run that has not begun."""
    runs.create(tmp_path / "run", make_config(data))
    return tmp_path / "run"


def test_nothing_is_asked_where_there_is_no_file(run: Path) -> None:
    assert read_control(run) == Control()


@given(
    changes=st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "beta": st.none() | st.floats(0, 1e4),
                "learning_rate": st.none() | st.floats(1e-8, 10),
                "paused": st.booleans(),
                "stop": st.booleans(),
                "more_steps": st.integers(0, 5),
            },
        ),
        max_size=6,
    )
)
def test_each_change_leaves_the_rest_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, changes: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("run")
    run_folder_config = folder / run_files.CONFIG_NAME
    run_folder_config.write_text("{}")
    expected: dict[str, Any] = {**vars(Control())}
    for change in changes:
        change_control(folder, **change)
        expected["steps"] += change.get("more_steps", 0)
        expected |= {name: value for name, value in change.items() if name != "more_steps"}
    assert vars(read_control(folder)) == expected


def test_whole_numbers_become_those_that_training_computes_with(run: Path) -> None:
    assert repr(change_control(run, beta=4).beta) == "4.0"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"beta": -1}, "beta is -1"),
        ({"beta": float("nan")}, "beta is nan"),
        ({"learning_rate": 0}, "learning rate is 0"),
        ({"paused": "yes"}, "give true or false"),
        ({"steps": -1}, "give a whole number"),
    ],
)
def test_a_setting_out_of_its_range_is_refused_and_nothing_changes(
    run: Path, changes: dict[str, Any], complaint: str
) -> None:
    change_control(run, beta=2)
    with pytest.raises(LatentExplorerError, match=complaint):
        change_control(run, **changes)
    assert read_control(run) == Control(beta=2)


@given(content=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_understood_or_reported(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("run")
    (folder / CONTROL_NAME).write_bytes(content)
    watch = ControlWatch(folder, Control(beta=3))
    assert watch.look()
    assert watch.problem or isinstance(json.loads(content), dict)
    assert watch.control.beta in (3, None)


def test_a_watch_reads_a_file_only_when_it_has_changed(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = ControlWatch(run)
    assert (watch.look(), watch.look()) == (True, False)
    change_control(run, beta=2)
    assert (watch.look(), watch.control.beta, watch.look()) == (True, 2.0, False)
    (run / CONTROL_NAME).write_text("{")
    assert watch.look()
    assert (watch.control.beta, "is not understood" in watch.problem) == (2.0, True)
    (run / CONTROL_NAME).unlink()
    assert watch.look()
    assert (watch.control, watch.problem) == (Control(), "")


def test_a_file_written_anew_keeps_what_was_set_by_hand_last(run: Path) -> None:
    (run / EVENTS_NAME).write_text('{"step": 3, "beta": 2.0, "learning_rate": null}\n')
    (run / CONTROL_NAME).write_text("{broken")
    assert change_control(run, paused=True) == Control(beta=2, paused=True)
    (run / EVENTS_NAME).write_text("damaged\n")
    (run / CONTROL_NAME).write_text("{broken")
    assert change_control(run, paused=True) == Control(paused=True)


def test_two_who_steer_at_once_both_get_their_way(run: Path) -> None:
    def ask() -> None:
        for _ in range(10):
            change_control(run, more_steps=1)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read_control(run).steps == 30


def test_whoever_holds_the_file_too_long_is_told_of(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_control, "_PATIENCE", 0.01)
    with (
        FileLock(run / run_files.CONTROL_LOCK_NAME),
        pytest.raises(LatentExplorerError, match="is being steered by somebody else: try again"),
    ):
        change_control(run, beta=1)


def test_what_is_no_run_is_not_steered(tmp_path: Path) -> None:
    with pytest.raises(LatentExplorerError, match="is not a run"):
        change_control(tmp_path / "nowhere", beta=1)
    assert not (tmp_path / "nowhere").exists()


def test_beta_by_itself_ends_the_schedule_it_was_on(run: Path) -> None:
    course = {"beta_schedule": "linear", "beta_epochs": 3.0}
    assert vars(change_control(run, beta=4.0, **course)) == {**vars(Control(4.0)), **course}
    assert vars(change_control(run, learning_rate=1e-3)) == {**vars(Control(4.0, 1e-3)), **course}
    assert change_control(run, beta=2.0) == Control(2.0, 1e-3)


@pytest.mark.parametrize(
    "course",
    [
        {"beta_schedule": "linear", "beta_epochs": 3.0},
        {"beta": 1.0, "beta_schedule": "linear"},
        {"beta": 1.0, "beta_schedule": "cyclical", "beta_epochs": float("nan")},
        {"beta": 1.0, "beta_schedule": "steep", "beta_epochs": 1.0},
    ],
)
def test_a_schedule_that_leads_nowhere_is_refused(run: Path, course: dict[str, Any]) -> None:
    with pytest.raises(LatentExplorerError, match="schedule"):
        change_control(run, **course)
    assert read_control(run) == Control()
