"""Checking a run: whole where it is whole, and one sentence for every file that is not."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.factories import make_config, make_model, write_data_set
from tests.trainers import finish
from vae_core import run_check, run_folder, run_keyframes, runs
from vae_core.checkpoints import model_bytes
from vae_core.errors import LatentExplorerError
from vae_core.registry import CHECKPOINT_NAME
from vae_core.run_control import CONTROL_NAME, change_control
from vae_core.run_records import CODES_NAME, EVENTS_NAME, METRICS_NAME


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A forked run with every kind of file that there is."""
    folder = tmp_path_factory.mktemp("finished")
    config = make_config(write_data_set(folder / "data.npz"))
    finish(folder / "run", config)
    fork = folder / "fork"
    state = runs.fork(folder / "run", 12, fork, replace(config, train=replace(config.train, beta=2.0)))
    change_control(fork, beta=3)
    list(runs.train(fork, state))
    return fork


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


def test_a_finished_run_is_whole(run: Path) -> None:
    assert run_check.check(run) == []


def test_a_run_that_has_not_begun_is_whole(tmp_path: Path, data: Path) -> None:
    runs.create(tmp_path / "run", make_config(data))
    assert run_check.check(tmp_path / "run") == []


FILES = [
    run_folder.ABOUT_NAME, run_folder.STATE_NAME, CONTROL_NAME, METRICS_NAME, EVENTS_NAME, CODES_NAME, CHECKPOINT_NAME,
    run_folder.START_NAME,
]  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_nonsense_in_one_file_is_one_sentence_that_names_it(run: Path, name: str) -> None:
    (run / name).write_bytes(b"nonsense of more than twenty bytes\n")
    (problem,) = run_check.check(run)
    assert str(run / name) in problem


@pytest.mark.parametrize("name", FILES)
def test_a_folder_in_the_place_of_a_file_is_a_sentence(run: Path, name: str) -> None:
    (run / name).unlink()
    (run / name).mkdir()
    assert any(name in problem for problem in run_check.check(run))


def test_a_damaged_keyframe_is_a_sentence(run: Path) -> None:
    path = run_keyframes.path_of(run, run_keyframes.steps(run)[0])
    path.write_bytes(path.read_bytes()[:-5])
    (problem,) = run_check.check(run)
    assert str(path) in problem


def test_files_of_another_run_are_found(run: Path, tmp_path: Path, data: Path) -> None:
    finish(tmp_path / "other", make_config(data, seed=5))
    shutil.copy(tmp_path / "other" / CHECKPOINT_NAME, run)
    stranger = model_bytes(make_model(latent_dim=3))
    (run / run_folder.START_NAME).write_bytes(stranger)
    run_keyframes.path_of(run, 5).write_bytes(stranger)
    assert len([problem for problem in run_check.check(run) if "belongs to another run" in problem]) == 3


def test_snapshots_of_a_model_without_a_plane_belong_elsewhere(run: Path) -> None:
    config = json.loads(run_folder.config_path(run).read_text())
    config["model"]["latent_dim"] = 3
    run_folder.config_path(run).write_text(json.dumps(config))
    assert any("this one has no plane" in problem for problem in run_check.check(run))


def test_steps_that_go_back_are_found(run: Path) -> None:
    with (run / METRICS_NAME).open("a") as log:
        log.write('{"step": 3, "beta": 1.0}\n')
    (problem,) = run_check.check(run)
    assert "do not ascend" in problem


@pytest.mark.parametrize("kept", range(19, 21))
def test_a_half_written_snapshot_is_no_damage_but_rubbish_is(run: Path, kept: int) -> None:
    content = (run / CODES_NAME).read_bytes()
    (run / CODES_NAME).write_bytes(content + content[:kept])
    assert run_check.check(run) == []
    (run / CODES_NAME).write_bytes(content[:300])
    assert run_check.check(run) == []
    (run / CODES_NAME).write_bytes(content + b"\0" * 20)
    assert "is damaged after snapshot" in run_check.check(run)[0]
    (run / CODES_NAME).write_bytes(b"\0" * 20)
    assert "is damaged after snapshot 0" in run_check.check(run)[0]


def test_what_is_no_run_cannot_be_checked(tmp_path: Path) -> None:
    with pytest.raises(LatentExplorerError, match="is not a run"):
        run_check.check(tmp_path)
