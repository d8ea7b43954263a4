"""The queue: one place for training, many runs that want it, and processes that die on the way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.factories import make_config
from tests.trainers import lines_of, until
from vae_core import cli, run_folder, run_queue, runs
from vae_core.errors import LatentExplorerError
from vae_core.run_control import change_control, read_control
from vae_core.run_folder import RunState, own_process, read_state, write_state
from vae_core.run_queue import TRAINERS_VARIABLE
from vae_core.run_trainer import TerminatedError


@pytest.fixture(autouse=True)
def _one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRAINERS_VARIABLE, "1")


@pytest.fixture
def two(tmp_path: Path, data: Path) -> tuple[Path, Path]:
    """Two runs that take longer than any test."""
    for name in ("a", "b"):
        runs.create(tmp_path / "runs" / name, make_config(data, epochs=100_000))
    return tmp_path / "runs" / "a", tmp_path / "runs" / "b"


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """The runs for which a trainer was started; a process that does nothing stands for each."""
    started: list[Path] = []
    processes: list[subprocess.Popen[bytes]] = []

    def launch(run: Path) -> subprocess.Popen[bytes]:
        started.append(run)
        processes.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))
        return processes[-1]

    monkeypatch.setattr(run_queue, "launch", launch)
    yield started
    for process in processes:
        process.kill()
        process.communicate()


def _never() -> None:
    raise AssertionError("it was kept waiting")


class _GaveUpError(Exception):
    pass


def _gives_up() -> None:
    raise _GaveUpError


@contextmanager
def _training(run: Path, since: float = 1.0, pause: Callable[[], None] = _never) -> Iterator[None]:
    with run_queue.turn(run, RunState(status="queued", since=since), True, pause):
        write_state(run, RunState(status="running", **own_process()))
        yield


@pytest.mark.parametrize(
    ("given", "places"), [("3", 3), ("0", 1), ("-2", None), ("many", None), ("", None), ("1.5", None)]
)
def test_the_number_of_places_is_half_the_cores_unless_it_is_given(
    given: str, places: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TRAINERS_VARIABLE, given)
    assert run_queue.most_trainers() == (places or max(1, (os.cpu_count() or 1) // 2))


def test_the_second_waits_until_the_first_has_ended(two: tuple[Path, Path]) -> None:
    first = _training(two[0])
    first.__enter__()
    waited = []

    def pause() -> None:
        waited.append(read_state(two[1]).status)
        if len(waited) == 3:
            first.__exit__(None, None, None)

    with _training(two[1], 2.0, pause):
        assert waited == ["queued"] * 3
        with pytest.raises(_GaveUpError), _training(two[0], 3.0, _gives_up):
            pass


def test_as_many_train_at_once_as_there_are_places(two: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRAINERS_VARIABLE, "2")
    with (
        _training(two[0]),
        _training(two[1], 2.0),
        pytest.raises(_GaveUpError),
        _training(two[0], 3.0, _gives_up),
    ):
        pass


def test_a_run_started_by_hand_neither_waits_nor_takes_a_place(two: tuple[Path, Path]) -> None:
    with _training(two[0]), run_queue.turn(two[1], RunState(), False, _never):
        assert read_state(two[1]).status == "stopped"
    with run_queue.turn(two[1], RunState(), False, _never), _training(two[0]):
        pass


def test_who_has_waited_longest_is_next(two: tuple[Path, Path]) -> None:
    write_state(two[0], RunState(status="queued", since=5.0, **own_process()))
    with pytest.raises(_GaveUpError), _training(two[1], 6.0, _gives_up):
        pass
    with _training(two[1], 4.0):
        pass
    write_state(two[0], RunState(status="queued", since=5.0))  # its process is gone
    with _training(two[1], 6.0):
        pass


def test_a_run_that_was_not_queued_goes_to_the_end(two: tuple[Path, Path]) -> None:
    write_state(two[0], RunState(status="queued", since=5.0, **own_process()))
    stopped_long_ago = RunState(status="stopped", since=1.0)
    with pytest.raises(_GaveUpError), run_queue.turn(two[1], stopped_long_ago, True, _gives_up):
        pass


@pytest.mark.parametrize("content", ["{broken", '{"version": 99}'])
def test_a_neighbour_that_cannot_be_read_holds_up_nobody(two: tuple[Path, Path], content: str) -> None:
    (two[0] / run_folder.STATE_NAME).write_text(content)
    with _training(two[1]):
        pass
    assert run_queue.wake(two[0].parent) == []


def test_a_run_that_is_queued_has_its_trainers_process_at_once(two: tuple[Path, Path], launched: list[Path]) -> None:
    run_queue.enqueue(two[0], 7.0)
    state = read_state(two[0])
    assert (state.status, state.since) == ("queued", 7.0)
    assert run_folder.is_alive(state)
    assert state.pid != os.getpid()
    run_queue.enqueue(two[0], 8.0)
    assert run_queue.wake(two[0].parent) == []
    assert launched == [two[0]]


def test_whoever_dies_while_queueing_a_run_leaves_one_that_is_woken(
    two: tuple[Path, Path], launched: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(run_queue, "launch", lambda run: _gives_up())
        with pytest.raises(_GaveUpError):
            run_queue.enqueue(two[0], 7.0)
    assert read_state(two[0]).status == "queued"
    assert run_queue.wake(two[0].parent) == [two[0]]
    assert read_state(two[0]).since == 7.0
    assert launched == [two[0]]


def test_after_a_restart_the_queue_is_woken_in_its_order(two: tuple[Path, Path], launched: list[Path]) -> None:
    dead = RunState(status="queued", pid=2**31 - 5, process_started=1.0)
    write_state(two[0], replace(dead, since=9.0))
    write_state(two[1], replace(dead, since=8.0))
    assert run_queue.wake(two[0].parent) == [two[1], two[0]] == launched
    assert [read_state(run).since for run in two] == [9.0, 8.0]


def test_a_trainer_that_cannot_be_started_fails_its_run_and_no_other(
    two: tuple[Path, Path], launched: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    for number, run in enumerate(two):
        write_state(run, RunState(status="queued", since=float(number)))
    assert run_queue.wake(two[0].parent) == []
    assert [read_state(run).status for run in two] == ["failed", "failed"]
    with pytest.raises(LatentExplorerError, match="cannot start a trainer"):
        run_queue.enqueue(two[0], 1.0)
    assert "cannot start a trainer" in read_state(two[0]).reason


def test_a_run_whose_trainers_end_before_they_begin_is_not_started_for_ever(
    two: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))  # a program that ends at once
    run_queue.enqueue(two[0], 7.0)
    woken = 0
    while (state := read_state(two[0])).status == "queued":
        until(lambda: not run_folder.is_alive(read_state(two[0])))
        woken += len(run_queue.wake(two[0].parent))
    assert woken == 2
    assert (state.status, state.step) == ("failed", 0)
    assert state.reason.startswith("3 trainers ended before they could begin: ")
    assert run_queue.wake(two[0].parent) == []
    # Whoever asks again begins at the beginning.
    run_queue.enqueue(two[0], 8.0)
    assert (read_state(two[0]).status, read_state(two[0]).starts) == ("queued", 1)


def test_a_trainer_that_has_begun_to_wait_is_not_counted(two: tuple[Path, Path]) -> None:
    write_state(two[0], RunState(status="queued", since=1.0, starts=2, **own_process()))
    change_control(two[0], stop=True)
    assert list(runs.train(two[0], runs.reopen(two[0]), waits=True)) == []
    assert read_state(two[0]).starts == 0


def test_waking_a_folder_that_is_not_there_makes_none(tmp_path: Path) -> None:
    assert run_queue.wake(tmp_path / "runs") == []
    assert not (tmp_path / "runs").exists()


def test_a_trainer_started_for_a_run_that_cannot_be_trained_fails_it(
    two: tuple[Path, Path], data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_state(two[0], RunState(status="queued", since=1.0, **own_process()))
    run_folder.config_path(two[0]).write_text("{broken")
    assert cli.main(["train", "--run", str(two[0]), "--continue", "--queue"]) == 2
    assert read_state(two[0]).status == "failed"
    assert "is damaged" in read_state(two[0]).reason
    data.unlink()
    write_state(two[1], RunState(status="queued", since=1.0, **own_process()))
    assert cli.main(["train", "--run", str(two[1]), "--continue", "--queue"]) == 2
    assert "there is no data set" in read_state(two[1]).reason
    assert run_queue.wake(two[0].parent) == []


def test_a_stop_asked_while_the_trainer_starts_is_obeyed(two: tuple[Path, Path]) -> None:
    write_state(two[0], RunState(status="queued", since=1.0, **own_process()))
    change_control(two[0], stop=True)
    assert list(runs.train(two[0], runs.reopen(two[0]), waits=True)) == []
    assert (read_state(two[0]).status, read_state(two[0]).reason) == ("stopped", "as it was asked to")


def test_a_run_that_waits_leaves_the_queue_when_it_is_stopped(
    two: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vae_core.run_trainer.time.sleep", lambda seconds: change_control(two[1], stop=True))
    with _training(two[0]):
        assert list(runs.train(two[1], runs.reopen(two[1]), waits=True)) == []
    assert (read_state(two[1]).status, lines_of(two[1])) == ("stopped", 0)


@pytest.mark.parametrize(("interruption", "status"), [(TerminatedError, "queued"), (KeyboardInterrupt, "stopped")])
def test_a_machine_that_shuts_down_leaves_the_queue_as_it_is_and_a_person_does_not(
    two: tuple[Path, Path],
    launched: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    interruption: type[KeyboardInterrupt],
    status: str,
) -> None:
    def interrupt(seconds: float) -> None:
        raise interruption

    monkeypatch.setattr("vae_core.run_trainer.time.sleep", interrupt)
    write_state(two[1], RunState(status="queued", since=5.0, **own_process()))
    with _training(two[0]), pytest.raises(interruption):
        list(runs.train(two[1], runs.reopen(two[1]), waits=True))
    assert read_state(two[1]).status == status
    write_state(two[1], replace(read_state(two[1]), pid=0))
    assert run_queue.wake(two[0].parent) == ([two[1]] if status == "queued" else []) == launched
    assert (read_state(two[1]).since == 5.0) == (status == "queued")


def test_a_run_deleted_while_it_waits_stays_deleted(two: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def remove(seconds: float) -> None:
        for path in sorted(two[1].rglob("*"), reverse=True):
            path.unlink()
        two[1].rmdir()

    monkeypatch.setattr("vae_core.run_trainer.time.sleep", remove)
    state = runs.reopen(two[1])
    with _training(two[0]), pytest.raises(run_folder.RunGoneError):
        list(runs.train(two[1], state, waits=True))
    assert not two[1].exists()


def test_what_does_not_train_cannot_be_stopped(two: tuple[Path, Path]) -> None:
    with pytest.raises(LatentExplorerError, match="does not train: it is stopped"):
        run_queue.stop(two[0], 1.0)


def test_a_queued_run_without_a_process_is_stopped_at_once(two: tuple[Path, Path]) -> None:
    write_state(two[0], RunState(status="queued"))
    run_queue.stop(two[0], 60.0)
    assert (read_state(two[0]).status, read_control(two[0]).stop) == ("stopped", True)


@pytest.mark.parametrize("deaf", ["", "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "])
def test_a_trainer_that_does_not_answer_is_ended(
    two: tuple[Path, Path], deaf: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_queue, "_LAST_PATIENCE", 0.2)
    code = f"{deaf}print('up', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        write_state(two[0], RunState(status="running", **run_folder.process_fields(process.pid)))
        run_queue.stop(two[0], 0.1)
        assert process.wait() in (-15, -9)
    assert read_state(two[0]).status == "stopped"


def test_trainers_in_processes_of_their_own_take_turns(two: tuple[Path, Path]) -> None:
    first, second = two
    run_queue.enqueue(first, 1.0)
    run_queue.enqueue(second, 2.0)
    until(lambda: lines_of(first) > 1)
    until((second / ".lock").exists)
    waiting = read_state(second)
    assert (waiting.status, lines_of(second)) == ("queued", 0)
    # The machine goes down and comes back.
    for run in two:
        psutil.Process(read_state(run).pid).kill()
    until(lambda: not run_folder.is_alive(waiting) and read_state(first).status == "stopped")
    assert read_state(second).status == "queued"
    assert run_queue.wake(first.parent) == [second]
    until(lambda: lines_of(second) > 1)
    assert read_state(second).status == "running"
    run_queue.stop(second, 60.0)
    assert (read_state(second).status, read_state(second).reason) == ("stopped", "as it was asked to")
    assert runs.reopen(second).step > 0
