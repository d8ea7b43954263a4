"""The trainer under attack: killed, starved of disk, doubled, robbed of its folder, and steered all the while."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.disks import full, read_only
from tests.factories import make_config, write_data_set
from tests.trainers import are_equal, expected, finish, in_process, weights, whole_state
from vae_core import run_check, run_files, run_folder, run_keyframes, run_queue, run_recorder, run_trainer, runs
from vae_core.checkpoints import save_state
from vae_core.errors import LatentExplorerError
from vae_core.registry import CHECKPOINT_NAME
from vae_core.run_control import change_control, read_control
from vae_core.run_records import CODES_NAME, EVENTS_NAME, METRICS_NAME, CodesReader, read_events, read_metrics
from vae_core.training_step import NonFiniteLossError

LOGS = (METRICS_NAME, EVENTS_NAME, CODES_NAME)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_folder, "_PATIENCE", 0.05)


@pytest.fixture
def writes_often(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SNAPSHOT_SECONDS", "KEYFRAME_SECONDS", "CHECKPOINT_SECONDS"):
        monkeypatch.setattr(run_recorder, name, -1.0)


def test_recording_changes_no_bit_of_the_model(tmp_path: Path, data: Path, writes_often: None) -> None:
    config = make_config(data)
    finish(tmp_path / "run", config)
    assert are_equal(weights(tmp_path / "run"), expected(config, []))


# Killed


def test_a_run_killed_at_twenty_moments_becomes_what_it_would_have_become(tmp_path: Path, data: Path) -> None:
    config, chance = make_config(data, epochs=40), random.Random(4)
    run, undisturbed = tmp_path / "run", tmp_path / "undisturbed"
    assert in_process(undisturbed, config).exitcode == 0
    seen = -1
    for _ in range(20):
        assert in_process(run, config, calls=chance.randint(1_000, 200_000)).exitcode == -9
        if not run_folder.config_path(run).exists():
            continue
        assert run_check.check(run) == []
        steps = [line["step"] for line in read_metrics(run)]
        assert steps == sorted(set(steps))
        assert run_folder.read_state(run).status in ("stopped", "running")
        seen = max(seen, *steps, -1)
    assert 0 < seen < 160
    assert in_process(run, config).exitcode == 0
    assert are_equal(whole_state(run), whole_state(undisturbed))
    assert run_folder.read_state(run).status == "finished"
    assert run_files.foreign(run) == []


@settings(max_examples=16)
@given(
    events=st.lists(
        st.tuples(
            st.integers(0, 11),
            st.sampled_from(
                [
                    {"beta": None},
                    {"beta": 0.0},
                    {"beta": 4.0, "learning_rate": 1e-2},
                    {"learning_rate": 1e-2},
                    {"learning_rate": None},
                    {"beta": 4.0, "beta_schedule": "linear", "beta_epochs": 1.5},
                    {"beta": 2.0, "beta_schedule": "cyclical", "beta_epochs": 0.7},
                ]
            ),
        ),
        max_size=4,
    ),
    saved=st.integers(0, 11),
    further=st.integers(0, 11),
)
def test_what_was_changed_before_a_kill_happens_again_at_the_same_steps(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[int, dict[str, Any]]], saved: int, further: int
) -> None:
    """A copy of the folder at any moment is what a kill at that moment would have left."""
    folder = tmp_path_factory.mktemp("killed")
    config = make_config(write_data_set(folder / "data.npz"))
    run, killed = folder / "run", folder / "killed"
    state = runs.create(run, config)
    dies = min(11, saved + further)
    for progress in runs.train(run, state, report_every=1):
        for step, changes in events:
            if step == progress.step:
                change_control(run, **changes)
        if progress.step == saved:
            save_state(run / CHECKPOINT_NAME, state)
        if progress.step == dies + 1:
            shutil.copytree(run, killed)
    if not killed.exists():
        shutil.copytree(run, killed)
    recorded = read_events(killed)
    finish(killed, config, report_every=5)
    assert read_events(killed)[: len(recorded)] == recorded
    assert are_equal(weights(killed), expected(config, read_events(killed)))
    assert run_check.check(killed) == []


def test_beta_sent_on_a_schedule_leaves_from_where_it_is_and_arrives(tmp_path: Path, data: Path) -> None:
    config, run = make_config(data, epochs=6, beta_schedule="constant"), tmp_path / "run"
    state = runs.create(run, config)
    for progress in runs.train(run, state, report_every=1):
        if progress.step == 7:
            change_control(run, beta=5.0, beta_schedule="linear", beta_epochs=2.0)
        if progress.step == 20:
            change_control(run, learning_rate=1e-4)
    betas = [line["beta"] for line in read_metrics(run)[1:]]
    steps_per_epoch = state.step // 6
    sent = next(step for step in range(7, len(betas)) if betas[step] != 1.0)
    rising = betas[sent - 1 : sent - 1 + 2 * steps_per_epoch + 1]
    assert betas[:sent] == [1.0] * sent
    assert rising == pytest.approx([1 + 4 * k / (2 * steps_per_epoch) for k in range(len(rising))])
    assert set(betas[sent - 1 + 2 * steps_per_epoch :]) == {5.0}
    assert [event["learning_rate"] for event in read_events(run)] == [None, 1e-4]


def test_a_run_whose_beta_was_turned_and_that_was_then_killed_is_the_same_again(tmp_path: Path, data: Path) -> None:
    config, run = make_config(data, epochs=10), tmp_path / "run"
    state = runs.create(run, config)
    killed = tmp_path / "killed"
    for progress in runs.train(run, state, report_every=1):
        if progress.step == 7:
            change_control(run, beta=4)
        if progress.step == 12:
            change_control(run, beta=None, learning_rate=1e-3)
        if progress.step == 20:
            shutil.copytree(run, killed)
    finish(killed, config, report_every=3)
    changes = [(event["step"], event["beta"], event["learning_rate"]) for event in read_events(killed)]
    assert changes == [(7, 4.0, None), (12, None, 1e-3)]
    assert are_equal(weights(killed), weights(run))
    assert are_equal(weights(killed), expected(config, read_events(run)))


def test_an_event_half_written_by_a_kill_does_not_spoil_the_next(tmp_path: Path, data: Path) -> None:
    config, run = make_config(data), tmp_path / "run"
    runs.create(run, config)
    (run / EVENTS_NAME).write_bytes(b'{"step": 0, "be')
    change_control(run, beta=3)
    finish(run, config)
    assert [event["beta"] for event in read_events(run)] == [3.0]


@pytest.mark.parametrize("log", LOGS)
def test_a_log_cut_short_at_any_byte_of_its_last_record_reads_as_its_beginning_and_goes_on(
    tmp_path: Path, data: Path, log: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_recorder, "SNAPSHOT_SECONDS", -1.0)
    monkeypatch.setattr("vae_core.files.os.fsync", lambda file: None)
    config, run = make_config(data, batch_size=60), tmp_path / "run"
    state = runs.create(run, config)
    training = runs.train(run, state, report_every=1)
    next(training)
    save_state(run / CHECKPOINT_NAME, state)
    change_control(run, beta=2)
    next(training)
    next(training)
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    training.close()
    content = {name: (copy / name).read_bytes() for name in LOGS}
    lines, events, codes = read_metrics(copy), read_events(copy), [step for step, _ in CodesReader(copy).read()]
    record = 20 + 4 * 60 if log == CODES_NAME else len(content[log].splitlines()[-1]) + 1
    for size in range(len(content[log]) - record, len(content[log])):
        for name in LOGS:
            (copy / name).write_bytes(content[name][:size] if name == log else content[name])
        assert read_metrics(copy) == (lines[:-1] if log == METRICS_NAME else lines)
        assert read_events(copy) == (events[:-1] if log == EVENTS_NAME else events)
        assert [step for step, _ in CodesReader(copy).read()] == (codes[:-1] if log == CODES_NAME else codes)
        assert size % 8 or run_check.check(copy) == []
        run_recorder.drop_after(copy, 1)
        for name in (METRICS_NAME, EVENTS_NAME):
            assert (copy / name).read_bytes()[-1:] in (b"", b"\n")
        assert [line["step"] for line in read_metrics(copy)] == [0, 1]
        assert [step for step, _ in CodesReader(copy).read()] == [0, 1]
    finish(copy, config, report_every=1)
    assert run_check.check(copy) == []
    assert [step for step, _ in CodesReader(copy).read()] == [0, 1, 2, 3]
    if log != EVENTS_NAME:
        assert are_equal(weights(copy), expected(config, events))


def test_a_run_killed_after_stopping_early_is_finished_when_resumed(tmp_path: Path, data: Path) -> None:
    run = tmp_path / "run"
    config = make_config(data, epochs=50, validation=10, patience=2, learning_rate=1e-8, beta_schedule="constant")
    state = runs.create(run, config)
    for progress in runs.train(run, state):
        if progress.stopped_early:
            save_state(run / CHECKPOINT_NAME, state)
            shutil.copytree(run, tmp_path / "killed")
    finish(tmp_path / "killed", config)
    assert run_folder.read_state(tmp_path / "killed").status == "finished"
    assert are_equal(weights(tmp_path / "killed"), weights(run))


# Two trainers


def test_a_second_trainer_is_refused_and_leaves_everything_of_the_first(tmp_path: Path, data: Path) -> None:
    config, run = make_config(data, epochs=10), tmp_path / "run"
    state = runs.create(run, config)
    first = runs.train(run, state, report_every=2)
    for _ in range(2):
        next(first)
    save_state(run / CHECKPOINT_NAME, state)
    next(first)
    change_control(run, beta=2, steps=3)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with pytest.raises(LatentExplorerError, match=r"is being trained by process \d+: stop that one"):
        finish(run, config)
    with pytest.raises(LatentExplorerError, match="already holds a run"):
        runs.create(run, config)
    with pytest.raises(LatentExplorerError, match="is being trained"):
        run_folder.delete(run)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    list(first)
    assert are_equal(weights(run), expected(config, read_events(run)))


def test_a_run_that_waits_cannot_be_made_anew(tmp_path: Path, data: Path) -> None:
    run = tmp_path / "run"
    runs.create(run, make_config(data))
    with run_folder.ownership(run), pytest.raises(LatentExplorerError, match="is being trained"):
        runs.create(run, make_config(data, seed=8))
    assert runs.read_config(run).train.seed == 0


def test_a_trainer_whose_run_was_made_anew_does_not_train_it(tmp_path: Path, data: Path) -> None:
    run = tmp_path / "run"
    state = runs.create(run, make_config(data))
    runs.create(run, make_config(data, seed=8))
    with pytest.raises(LatentExplorerError, match="another configuration"):
        next(runs.train(run, state))
    assert read_metrics(run) == []


def test_what_an_unbegun_run_left_behind_does_not_reach_the_next(tmp_path: Path, data: Path) -> None:
    run = tmp_path / "run"
    config = make_config(data)
    state = runs.create(run, config)
    change_control(run, stop=True, beta=9)
    run_keyframes.save(run, 500, state.model)
    (run / CODES_NAME).write_bytes(b"old")
    list(runs.train(run, runs.create(run, config)))
    assert run_folder.read_state(run).status == "finished"
    assert read_events(run) == []
    assert max(run_keyframes.steps(run)) == 12


# Disks


@pytest.mark.parametrize("name", ["metrics", "codes", "checkpoint", r"^\.0000", "events"])
def test_a_full_disk_ends_the_run_with_a_reason_and_keeps_what_was_recorded(
    tmp_path: Path, data: Path, name: str, writes_often: None
) -> None:
    config, run = make_config(data), tmp_path / "run"
    training = runs.train(run, runs.create(run, config), report_every=2)
    for _ in range(2):
        next(training)
    change_control(run, beta=2)
    with full(name), pytest.raises(LatentExplorerError, match=r"cannot write .*No space left on device.*free space"):
        list(training)
    state = run_folder.read_state(run)
    assert state.status == "failed"
    assert "No space left on device" in state.reason
    assert run_check.check(run) == []
    assert [line["step"] for line in read_metrics(run)][:3] == [0, 2, 4]
    finish(run, config)
    assert run_folder.read_state(run).status == "finished"
    assert run_check.check(run) == []
    assert are_equal(weights(run), expected(config, read_events(run)))


def test_a_disk_too_full_for_the_reason_still_says_it_to_whoever_started_the_run(tmp_path: Path, data: Path) -> None:
    training = runs.train(tmp_path / "run", runs.create(tmp_path / "run", make_config(data)), report_every=2)
    next(training)
    with full("."), pytest.raises(LatentExplorerError, match="No space left on device"):
        list(training)
    assert run_folder.read_state(tmp_path / "run").status == "running"
    assert run_check.check(tmp_path / "run") == []


def test_the_room_that_a_full_disk_leaves_for_a_reason_is_given_back(tmp_path: Path, data: Path) -> None:
    run = tmp_path / "run"
    training = runs.train(run, runs.create(run, make_config(data)), report_every=2)
    next(training)
    assert (run / run_files.RESERVE_NAME).stat().st_size >= 4096
    list(training)
    assert not (run / run_files.RESERVE_NAME).exists()


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path, data: Path) -> None:
    config, run = make_config(data), tmp_path / "run"
    finish(run, config)
    refused = r"cannot write to .*run \(Read-only file system\)"
    with read_only(tmp_path):
        with pytest.raises(LatentExplorerError, match=refused):
            finish(run, config)
        with pytest.raises(LatentExplorerError, match=refused):
            change_control(run, beta=1)
        with pytest.raises(LatentExplorerError, match=refused):
            run_folder.delete(run)
        with pytest.raises(LatentExplorerError, match="cannot write"):
            run_folder.rename(run, "other")
        with pytest.raises(LatentExplorerError, match="cannot write to"):
            run_queue.enqueue(run, 0.0)
        assert run_folder.read_state(run).status == "finished"
        assert run_check.check(run) == []
        assert len(read_metrics(run)) == 7


# Deleted


def test_a_run_deleted_under_its_trainer_ends_it_and_stays_deleted(
    tmp_path: Path, data: Path, writes_often: None
) -> None:
    run = tmp_path / "run"
    training = runs.train(run, runs.create(run, make_config(data)), report_every=2)
    next(training)
    shutil.rmtree(run)
    with pytest.raises(run_folder.RunGoneError, match="was deleted while it was trained"):
        next(training)
    assert not run.exists()


def test_a_new_run_in_the_place_of_a_deleted_one_is_not_written_to(
    tmp_path: Path, data: Path, writes_often: None
) -> None:
    run = tmp_path / "run"
    old = runs.train(run, runs.create(run, make_config(data)), report_every=2)
    next(old)
    shutil.rmtree(run)
    new = runs.train(run, runs.create(run, make_config(data, seed=3)), report_every=2)
    next(new)
    with pytest.raises(run_folder.RunGoneError):
        next(old)
    list(new)
    assert are_equal(weights(run), expected(make_config(data, seed=3), []))


def test_a_run_deleted_while_it_is_paused_does_not_go_on(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    training = runs.train(run, runs.create(run, make_config(data)), report_every=2)
    next(training)
    change_control(run, paused=True)
    monkeypatch.setattr("vae_core.run_steering.time.sleep", lambda seconds: shutil.rmtree(run, ignore_errors=True))
    with pytest.raises(run_folder.RunGoneError):
        next(training)
    assert not run.exists()


# Endings


def test_a_loss_that_is_no_number_fails_the_run_and_says_what_to_do(tmp_path: Path, data: Path) -> None:
    run = tmp_path / "run"
    state = runs.create(run, make_config(data))
    training = runs.train(run, state, report_every=2)
    next(training)
    save_state(run / CHECKPOINT_NAME, state)
    with torch.no_grad():
        next(state.model.parameters()).fill_(float("nan"))
    with pytest.raises(NonFiniteLossError):
        list(training)
    failed = run_folder.read_state(run)
    assert (failed.status, failed.step) == ("failed", 2)
    assert "lower the learning rate" in failed.reason
    assert run_check.check(run) == []
    assert runs.reopen(run).step == 2


def test_an_interruption_is_written_down(tmp_path: Path, data: Path) -> None:
    run = tmp_path / "run"
    training = runs.train(run, runs.create(run, make_config(data)), report_every=2)
    next(training)
    with pytest.raises(KeyboardInterrupt):
        training.throw(KeyboardInterrupt())
    state = run_folder.read_state(run)
    assert (state.status, state.reason) == ("stopped", "it was interrupted: resume it")


def test_an_error_of_our_own_leaves_its_name(tmp_path: Path, data: Path) -> None:
    run = tmp_path / "run"
    training = runs.train(run, runs.create(run, make_config(data)), report_every=2)
    next(training)
    with pytest.raises(ZeroDivisionError):
        training.throw(ZeroDivisionError("by zero"))
    state = run_folder.read_state(run)
    assert (state.status, state.reason) == ("failed", "its trainer ended with ZeroDivisionError: by zero")


def test_data_that_has_gone_fails_the_run_with_its_name(tmp_path: Path, data: Path) -> None:
    run = tmp_path / "run"
    state = runs.create(run, make_config(data))
    data.unlink()
    with pytest.raises(LatentExplorerError, match="there is no data set"):
        list(runs.train(run, state))
    assert "there is no data set" in run_folder.read_state(run).reason


def test_the_last_step_is_always_among_the_snapshots(tmp_path: Path, data: Path) -> None:
    finish(tmp_path / "run", make_config(data))
    assert [step for step, _ in CodesReader(tmp_path / "run").read()][-1] == 12
    assert "test_kl" in read_metrics(tmp_path / "run")[-1]


@pytest.mark.parametrize("name", [run_folder.CONFIG_NAME, run_folder.STATE_NAME])
def test_a_run_of_a_newer_version_is_neither_trained_nor_changed(tmp_path: Path, data: Path, name: str) -> None:
    run = tmp_path / "run"
    finish(run, make_config(data))
    (run / name).write_text(json.dumps({**json.loads((run / name).read_text()), "version": 99}))
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with pytest.raises(LatentExplorerError, match=r"newer version of Latent Explorer: update the app"):
        finish(run, make_config(data))
    with pytest.raises(LatentExplorerError, match="newer version"):
        run_queue.enqueue(run, 0.0) if name == run_folder.STATE_NAME else runs.reopen(run)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_a_state_that_cannot_be_read_is_written_anew_by_the_next_trainer(tmp_path: Path, data: Path) -> None:
    run = tmp_path / "run"
    runs.create(run, make_config(data))
    (run / run_folder.STATE_NAME).write_text('{"status": "exploded"}')
    finish(run, make_config(data))
    assert run_folder.read_state(run).status == "finished"


def test_a_data_set_of_one_image_trains(tmp_path: Path) -> None:
    config = make_config(write_data_set(tmp_path / "one.npz", 1))
    finish(tmp_path / "run", config)
    assert run_check.check(tmp_path / "run") == []
    assert len(CodesReader(tmp_path / "run").read()[0][1]) == 1


def test_a_latent_space_without_a_plane_records_figures_and_no_codes(tmp_path: Path, data: Path) -> None:
    config = make_config(data)
    config = replace(config, model=replace(config.model, latent_dim=3))
    finish(tmp_path / "run", config)
    assert CodesReader(tmp_path / "run").read() == []
    assert "test_kl" in read_metrics(tmp_path / "run")[-1]
    assert run_check.check(tmp_path / "run") == []


def test_public_names_of_the_trainer() -> None:
    assert run_trainer.probe_images is run_recorder.probe_images
    assert read_control(Path("nowhere")).stop is False
