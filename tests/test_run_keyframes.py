"""Keyframes: kept, thinned, found by step, and thinned away while somebody reads."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import make_model
from vae_core import run_files, run_keyframes
from vae_core.checkpoints import load_weights
from vae_core.errors import LatentExplorerError
from vae_core.models import Autoencoder


def _touch(run: Path, steps: list[int], size: int = 10) -> None:
    (run / run_keyframes.FOLDER).mkdir(exist_ok=True)
    for step in steps:
        (run / run_keyframes.FOLDER / f"{step:010d}.safetensors").write_bytes(b"x" * size)


@given(steps=st.lists(st.integers(0, 1000), unique=True, min_size=1, max_size=30), most=st.integers(10, 200))
def test_thinning_keeps_to_the_limit_and_never_drops_the_first_or_the_newest(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], most: int
) -> None:
    run = tmp_path_factory.mktemp("run")
    _touch(run, steps)
    run_keyframes.thin(run, most)
    kept = run_keyframes.steps(run)
    assert {min(steps), max(steps)} <= set(kept) <= set(steps)
    assert len(kept) == len(steps) or len(kept) == max(most // 10, 3)


def test_thinning_drops_where_keyframes_are_densest(tmp_path: Path) -> None:
    _touch(tmp_path, [0, 10, 11, 20, 30])
    run_keyframes.thin(tmp_path, 40)
    assert run_keyframes.steps(tmp_path) == [0, 10, 20, 30]
    assert run_keyframes.largest_gap(tmp_path) == 10


def test_keyframes_have_the_room_that_the_checkpoint_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_keyframes, "MOST_BYTES", 100)
    (tmp_path / run_files.CHECKPOINT_NAME).write_bytes(b"x" * 60)
    _touch(tmp_path, list(range(0, 80, 10)))
    run_keyframes.thin(tmp_path)
    assert len(run_keyframes.steps(tmp_path)) == 4


def test_the_newest_keyframe_before_a_step_is_found(tmp_path: Path) -> None:
    models = {step: make_model(seed=step) for step in (3, 8)}
    for step, model in models.items():
        run_keyframes.save(tmp_path, step, model)
    for asked, found in ((0, 3), (3, 3), (7, 3), (8, 8), (2**62, 8)):
        step, model = run_keyframes.load(tmp_path, asked)
        assert step == found
        for name, value in model.state_dict().items():
            assert torch.equal(value, models[found].state_dict()[name].half().float())


def test_without_keyframes_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(LatentExplorerError, match="has no keyframe yet"):
        run_keyframes.load(tmp_path, 5)


def test_a_damaged_keyframe_is_named(tmp_path: Path) -> None:
    _touch(tmp_path, [4])
    with pytest.raises(LatentExplorerError, match=r"0000000004\.safetensors is damaged.*choose another moment"):
        run_keyframes.load(tmp_path, 5)


def test_one_that_is_thinned_away_while_it_is_read_gives_way_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in (1, 2):
        run_keyframes.save(tmp_path, step, make_model(seed=step))

    def load(path: Path, remedy: str) -> Autoencoder:
        (tmp_path / run_keyframes.FOLDER / f"{2:010d}.safetensors").unlink(missing_ok=True)
        return load_weights(path, remedy)

    monkeypatch.setattr(run_keyframes, "load_weights", load)
    assert run_keyframes.load(tmp_path, 2)[0] == 1


def test_other_files_among_the_keyframes_are_not_taken_for_them(tmp_path: Path) -> None:
    _touch(tmp_path, [4])
    for name in (
        "latest.safetensors",
        "-000000005.safetensors",
        "٣٣٣٣٣٣٣٣٣٣.safetensors",
        ".0000000007.safetensors.ab",
    ):
        (tmp_path / run_keyframes.FOLDER / name).write_bytes(b"")
    assert run_keyframes.steps(tmp_path) == [4]


def test_keyframes_after_a_step_are_dropped(tmp_path: Path) -> None:
    _touch(tmp_path, [0, 5, 9])
    run_keyframes.drop_after(tmp_path, 5)
    assert run_keyframes.steps(tmp_path) == [0, 5]
    run_keyframes.drop_after(tmp_path, -1)
    assert run_keyframes.steps(tmp_path) == []


def test_a_keyframe_does_not_bring_back_a_deleted_run(tmp_path: Path) -> None:
    with pytest.raises(LatentExplorerError, match="cannot write to"):
        run_keyframes.save(tmp_path / "gone", 1, make_model())
    assert not (tmp_path / "gone").exists()
