"""The training page without a browser: starting, steering, forking and looking back, and what can be wrong."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pages.common.train_live import duration
from tests.app_pages import fine, open_page, said, words
from tests.factories import make_config, write_data_set
from vae_core import run_archive, run_control, run_folder, run_keyframes, run_queue, run_records, runs
from vae_core.errors import LatentExplorerError
from vae_core.run_folder import RunState, own_process, read_state, write_state
from vae_core.run_view import RunView


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of runs of its own, and no trainer that would really start."""
    monkeypatch.setenv(run_folder.ROOT_VARIABLE, str(tmp_path / "runs"))
    st.cache_resource.clear()
    return tmp_path / "runs"


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """The runs that a trainer was started for: processes that live, and do nothing."""
    found: list[Path] = []
    processes: list[subprocess.Popen[bytes]] = []

    def launch(run: Path) -> subprocess.Popen[bytes]:
        found.append(run)
        processes.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))
        return processes[-1]

    monkeypatch.setattr(run_queue, "launch", launch)
    yield found
    for process in processes:
        process.communicate(b"\n")


@pytest.fixture
def finished(folder: Path, tmp_path: Path) -> Path:
    """A run of a few steps on a small data set, trained to its end."""
    config = make_config(write_data_set(tmp_path / "data.npz"))
    run = folder / "one"
    list(runs.train(run, runs.create(run, config, "The first"), report_every=2))
    return run


def page(**address: str) -> AppTest:
    """The page opened at an address, run once and free of exceptions."""
    return open_page("train", address)


def _labels(at: AppTest) -> list[str]:
    return [each.label for each in at.button]


def _as_if(run: Path, status: str) -> None:
    write_state(run, RunState(status=status, total_steps=12, **own_process()))


def test_a_new_run_is_made_as_it_was_chosen_and_queued(folder: Path, launched: list[Path]) -> None:
    at = page()
    at.segmented_control(key="new.preset").set_value("quick")
    fine(at.run())
    at.number_input(key="new.beta").set_value(4.0)
    at.number_input(key="new.epochs.quick").set_value(3)
    at.text_input(key="new.name").set_value("  Four  ")
    next(each for each in at.button if each.label == "Start").click()
    fine(at.run())
    (run,) = launched
    config = run_folder.read_config(run)
    assert (config.train.beta, config.train.epochs, config.model.encoder_widths) == (4.0, 3, (256,))
    assert run_folder.read_about(run).name == "Four"
    assert read_state(run).status == "queued"
    assert said(at, "run") == run.name
    assert "Starting the trainer" in words(at)


def test_widths_that_are_none_are_refused_and_nothing_is_left(folder: Path, launched: list[Path]) -> None:
    at = page()
    at.text_input(key="new.classic.encoder").set_value("400;x")
    next(each for each in at.button if each.label == "Start").click()
    fine(at.run())
    assert "This run cannot be started." in words(at)
    assert "'400;x' is no list of layer widths: write them as 512,512" in words(at)
    assert not launched
    assert run_folder.list_runs(folder) == []


def test_a_finished_run_is_shown_at_its_end(finished: Path) -> None:
    at = page(run="one")
    assert "finished" in str(at.get("progress")[0].proto.text)
    assert {"Resume", "Step", "Stop"} <= set(_labels(at))
    assert all(each.disabled for each in at.button if each.label in ("Resume", "Step", "Stop"))


def test_an_unknown_run_is_said_to_be_so_and_the_page_offers_a_new_one(folder: Path) -> None:
    at = page(run="nothing")
    assert "There is no run `nothing`" in words(at)
    assert "Start" in _labels(at)
    assert "run" not in at.query_params


@pytest.mark.parametrize("name", ["../etc", "a/b", "-x", "a b"])
def test_a_run_that_is_no_name_is_refused(folder: Path, name: str) -> None:
    at = page(run=name)
    assert "run" not in at.query_params
    assert "Start" in _labels(at)


@pytest.mark.parametrize(
    ("label", "expected"),
    [("Pause", {"paused": True}), ("Step", {"paused": True, "steps": 1}), ("Stop", {"stop": True})],
)
def test_the_buttons_write_what_they_say(finished: Path, label: str, expected: dict[str, object]) -> None:
    _as_if(finished, "running")
    at = page(run="one")
    next(each for each in at.button if each.label == label).click()
    fine(at.run())
    control = vars(run_control.read_control(finished))
    assert {name: control[name] for name in expected} == expected


def test_a_paused_run_goes_on_by_its_control_file_and_a_stopped_one_in_the_queue(
    finished: Path, launched: list[Path]
) -> None:
    _as_if(finished, "paused")
    run_control.change_control(finished, paused=True)
    at = page(run="one")
    next(each for each in at.button if each.label == "Resume").click()
    fine(at.run())
    assert not run_control.read_control(finished).paused
    assert not launched
    _as_if(finished, "stopped")
    at = page(run="one")
    next(each for each in at.button if each.label == "Resume").click()
    fine(at.run())
    assert launched == [finished.resolve()]
    assert read_state(finished).status == "queued"


def test_beta_and_learning_rate_are_turned_and_given_back(finished: Path) -> None:
    _as_if(finished, "running")
    at = page(run="one")
    at.select_slider(key="train.beta.one").set_value(200.0)
    fine(at.run())
    assert run_control.read_control(finished).beta == 200.0
    next(each for each in at.button if each.label == "By schedule").click()
    fine(at.run())
    assert run_control.read_control(finished).beta is None


def test_beta_is_sent_to_a_value_on_a_schedule(finished: Path) -> None:
    _as_if(finished, "running")
    at = page(run="one")
    at.selectbox(key="train.course.one.schedule").set_value("cyclical")
    at.number_input(key="train.course.one.beta").set_value(3.0)
    at.number_input(key="train.course.one.epochs").set_value(0.5)
    at.button(key="train.course.one.apply").click()
    fine(at.run())
    control = run_control.read_control(finished)
    assert (control.beta, control.beta_schedule, control.beta_epochs) == (3.0, "cyclical", 0.5)


def test_a_fork_keeps_its_parent_and_starts(finished: Path, launched: list[Path]) -> None:
    at = page(run="one", panel="fork")
    next(each for each in at.number_input if each.label == "β").set_value(9.0)
    next(each for each in at.button if each.label == "Fork and start").click()
    fine(at.run())
    (fork,) = launched
    about, config = run_folder.read_about(fork), run_folder.read_config(fork)
    assert (about.parent, config.train.beta) == ("one", 9.0)
    assert about.parent_step in run_keyframes.steps(finished)
    assert config.model == run_folder.read_config(finished).model


def test_a_name_and_a_note_are_kept(finished: Path) -> None:
    at = page(run="one", panel="manage")
    at.text_input(key="name.one").set_value("<b>Another</b>")
    at.text_area(key="note.one").set_value("see β = 4")
    fine(at.run())
    about = run_folder.read_about(finished)
    assert (about.name, about.note) == ("<b>Another</b>", "see β = 4")


def test_a_run_is_a_model_of_the_explorer_by_its_own_name(finished: Path) -> None:
    at = open_page("explorer", {"model": "one"})
    box = at.selectbox(key="view.model")
    assert box.value == "one"
    assert "The first (own run)" in box.options
    at.query_params["panel"] = "card"
    at.segmented_control(key="view.panel").set_value("card")
    fine(at.run())
    assert "not measured yet" in "\n".join(str(table.value) for table in at.table)


def test_a_run_without_a_plane_is_refused_by_the_explorer_in_a_sentence(folder: Path, tmp_path: Path) -> None:
    data = write_data_set(tmp_path / "data.npz")
    config = make_config(data)
    config = dataclasses.replace(config, model=dataclasses.replace(config.model, latent_dim=3))
    list(runs.train(folder / "deep", runs.create(folder / "deep", config), report_every=2))
    at = open_page("explorer", {"model": "deep"})
    assert at.selectbox(key="view.model").value == "vae"
    assert "only a latent size of 2 can be shown as a plane" in words(at)


def test_a_run_is_deleted_only_when_it_does_not_train(finished: Path) -> None:
    _as_if(finished, "running")
    at = page(run="one", panel="manage")
    delete = next(each for each in at.button if each.label == "Delete this run")
    assert delete.disabled
    _as_if(finished, "finished")
    at = page(run="one", panel="manage")
    next(each for each in at.button if each.label == "Delete this run").click()
    fine(at.run())
    assert not finished.exists()


def test_a_saved_run_is_taken_in_and_shown(finished: Path, folder: Path) -> None:
    content = run_archive.export_run(finished)
    at = page()
    at.file_uploader(key="new.zip").set_value([("one.zip", content, "application/zip")])
    fine(at.run())
    (taken,) = [run for run in run_folder.list_runs(folder) if run != finished]
    assert run_folder.read_about(taken).name == "The first"
    assert said(at, "run") == taken.name


def test_a_file_that_is_no_run_is_refused(folder: Path) -> None:
    at = page()
    at.file_uploader(key="new.zip").set_value([("one.zip", b"no zip at all", "application/zip")])
    fine(at.run())
    assert "This file cannot be taken in." in words(at)
    assert run_folder.list_runs(folder) == []


def test_other_runs_stand_beside_this_one(finished: Path, folder: Path) -> None:
    other = folder / "two"
    runs.create(other, run_folder.read_config(finished), "The second")
    at = page(run="one", panel="compare")
    at.multiselect[0].set_value(["two"])
    fine(at.run())
    assert list(at.dataframe[0].value["Run"]) == ["The first", "The second"]


@pytest.mark.parametrize("panel", ["settings", "compare", "fork", "microscope", "manage"])
def test_every_panel_opens(finished: Path, panel: str) -> None:
    assert said(page(run="one", panel=panel), "panel") == panel


def test_a_damaged_log_is_named_and_the_page_stands(finished: Path) -> None:
    with (finished / "metrics.jsonl").open("a") as log:
        log.write("{broken\n")
    at = page(run="one")
    assert "This run cannot be shown." in words(at)
    assert "metrics.jsonl is damaged" in words(at)
    assert "Run" in [each.label for each in at.selectbox]


def test_a_damaged_state_is_named_and_the_page_stands(finished: Path) -> None:
    (finished / run_folder.STATE_NAME).write_text("{broken")
    at = page(run="one")
    assert "This run cannot be shown." in words(at)
    assert "Run" in [each.label for each in at.selectbox]


def test_a_run_that_pauses_while_its_page_is_drawn_gets_the_buttons_of_a_pause(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _as_if(finished, "running")
    real = run_folder.read_state

    def read(run: Path) -> RunState:
        found = real(run)
        if found.status == "running":
            _as_if(run, "paused")
        return found

    monkeypatch.setattr(run_folder, "read_state", read)
    labels = _labels(page(run="one"))
    assert "Resume" in labels
    assert "Pause" not in labels


def test_why_a_run_failed_is_said(finished: Path) -> None:
    write_state(finished, RunState(status="failed", reason="the loss became nan at step 3", total_steps=12))
    assert "the loss became nan at step 3" in words(page(run="one"))


def test_times_are_said_coarsely() -> None:
    assert [duration(seconds) for seconds in (3.2, 41.0, 89.0, 600.0)] == ["3 s", "40 s", "90 s", "10 min"]


def test_a_keyframe_is_brought_by_the_first_updates_after_it_was_written() -> None:
    def updates() -> None:
        import streamlit as st

        from pages.common.train_live import keyframe_is_due

        moments = [("run", 5), ("run", 5), ("run", 5), ("run", 9), ("other", 9), ("other", 9), ("other", 9)]
        st.text([keyframe_is_due(*moment) for moment in moments])

    brought = AppTest.from_function(updates).run().text[0].value
    assert brought == str([True, True, False, True, True, True, False])


# The view of a run that the page shows


def test_a_view_has_a_frame_for_each_snapshot_with_its_figures(finished: Path) -> None:
    view = RunView(finished)
    assert view.update()
    assert not view.update()
    lines = [json.loads(line) for line in (finished / "metrics.jsonl").read_text().splitlines()]
    tested = [line for line in lines if "test_kl" in line]
    assert view.steps == [line["step"] for line in tested]
    assert view.curves["rate"] == [line["test_kl"] for line in tested]
    assert len(view.frames[0]) == len(view.labels) == 60
    content, frames = view.base()
    assert frames == len(view.frames)
    assert view.series.encode() in content
    assert view.series.encode() in view.tail(frames - 1)
    assert view.newest_keyframe()[0] == run_keyframes.steps(finished)[-1]


def test_a_snapshot_waits_for_its_line_of_metrics(finished: Path) -> None:
    log = finished / "metrics.jsonl"
    content = log.read_bytes()
    lines = content.splitlines(keepends=True)
    last = max(number for number, line in enumerate(lines) if b"test_kl" in line)
    log.write_bytes(b"".join(lines[:last]))
    view = RunView(finished)
    view.update()
    seen = len(view.frames)
    with log.open("ab") as file:
        file.write(b"".join(lines[last:]))
    assert view.update()
    assert len(view.frames) == seen + 1


def test_a_run_that_goes_on_from_its_checkpoint_is_another_series(finished: Path) -> None:
    view = RunView(finished)
    view.update()
    before = view.series
    run_records.keep_codes(finished, run_records.CodesReader(finished).read()[:1])
    view.update()
    assert view.series != before
    assert len(view.frames) == 1
    assert len(view.steps) == len(set(view.steps))


def test_a_view_of_nothing_yet_says_so(folder: Path, tmp_path: Path) -> None:
    run = folder / "new"
    runs.create(run, make_config(write_data_set(tmp_path / "data.npz")))
    view = RunView(run)
    assert not view.update()
    with pytest.raises(LatentExplorerError, match="has recorded nothing yet"):
        view.base()
