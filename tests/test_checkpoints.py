"""Checkpoints: written whole or not at all, damage named, and nothing in them that could run."""

from __future__ import annotations

import errno
import json
import math
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save

from tests.factories import make_images, make_model
from vae_core import checkpoints
from vae_core.checkpoints import load_state, load_weights, model_bytes, read_tensors, save_state
from vae_core.config import ModelConfig, RunConfig, TrainConfig
from vae_core.errors import LatentExplorerError, ModelError
from vae_core.files import write_atomically
from vae_core.training import fit
from vae_core.training_state import TrainState, start

CONFIG = RunConfig(
    ModelConfig(encoder_widths=(2,), decoder_widths=(2,)),
    TrainConfig(epochs=2, batch_size=16, device="cpu", validation=8, patience=5),
)
READERS: list[Callable[[Path], object]] = [load_state, lambda path: load_weights(path, "train it again")]


def _trained() -> TrainState:
    state = start(CONFIG)
    for _progress in fit(state, make_images(40)[0]):
        pass
    return state


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a training state's checkpoint."""
    path = tmp_path_factory.mktemp("written") / "checkpoint.safetensors"
    save_state(path, _trained())
    return path.read_bytes()


@pytest.fixture(scope="module")
def spot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place for damaged files."""
    return tmp_path_factory.mktemp("damaged") / "checkpoint.safetensors"


@pytest.fixture
def umask() -> Iterator[None]:
    """Put the process's file mode mask back after the test."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def _header_length(content: bytes) -> int:
    return 8 + int.from_bytes(content[:8], "little")


def _rewritten(content: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """Return a checkpoint whose own JSON header has been changed, all else as it was."""
    size = _header_length(content)
    header = json.loads(json.loads(content[8:size])["__metadata__"][checkpoints.HEADER])
    change(header)
    return save(load(content), metadata={checkpoints.HEADER: json.dumps(header)})


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    path = tmp_path / "model.safetensors"
    write_atomically(path, b"old")

    def fail(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(LatentExplorerError, match="No space left") as caught:
        write_atomically(path, b"new")
    assert str(path) in str(caught.value)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.safetensors"
    write_atomically(path, b"old")

    def interrupt(_descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_replaces_the_file_makes_its_folder_and_leaves_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "model.safetensors"
    for content in (b"first", b"second"):
        write_atomically(path, content)
        assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    path = tmp_path / "file" / "model.safetensors"
    with pytest.raises(LatentExplorerError, match="cannot write") as caught:
        save_state(path, start(CONFIG))
    assert str(path) in str(caught.value)


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_who_may_read_the_file_is_up_to_the_umask(tmp_path: Path, mask: int, mode: int) -> None:
    path = tmp_path / "model.safetensors"
    os.umask(mask)
    write_atomically(path, b"content")
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_training_state_comes_back_as_it_was(tmp_path: Path) -> None:
    state, path = _trained(), tmp_path / "checkpoint.safetensors"
    save_state(path, state)
    back = load_state(path)
    counters = ("config", "step", "seconds", "best_loss", "best_epoch")
    assert [getattr(back, name) for name in counters] == [getattr(state, name) for name in counters]
    assert state.step == 4
    assert math.isfinite(state.best_loss)
    assert torch.equal(back.noise.get_state(), state.noise.get_state())
    weights = state.model.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in back.model.state_dict().items())
    assert back.best_weights.keys() == weights.keys()
    assert all(torch.equal(value, state.best_weights[name]) for name, value in back.best_weights.items())
    for one, other in zip(back.model.parameters(), state.model.parameters(), strict=True):
        slot, expected = back.optimizer.state[one], state.optimizer.state[other]
        assert slot.keys() == expected.keys() == {"step", "exp_avg", "exp_avg_sq"}
        assert all(torch.equal(slot[name], expected[name]) for name in expected)


def test_a_state_before_the_first_step_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_state(path, start(CONFIG))
    back = load_state(path)
    assert (back.step, back.best_loss, back.best_weights) == (0, math.inf, {})
    assert not back.optimizer.state


def test_the_model_in_a_state_is_the_best_one_ready_to_evaluate(tmp_path: Path) -> None:
    state, path = start(CONFIG), tmp_path / "checkpoint.safetensors"
    save_state(path, state)
    newest = state.model.state_dict()
    loaded = load_weights(path, "train it again").state_dict()
    assert all(torch.equal(value, newest[name]) for name, value in loaded.items())
    state.best_weights = {name: value + 1 for name, value in newest.items()}
    save_state(path, state)
    model = load_weights(path, "train it again")
    assert all(torch.equal(value, newest[name] + 1) for name, value in model.state_dict().items())
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_half_precision_rounds_the_weights_and_nothing_else(tmp_path: Path) -> None:
    model, path = make_model(likelihood="gaussian-learned", latent_dim=3), tmp_path / "model.safetensors"
    content = model_bytes(model, torch.float16)
    assert len(content) < 0.6 * len(model_bytes(model))
    path.write_bytes(content)
    back = load_weights(path, "download it again")
    assert back.config == model.config
    rounded = {name: value.half().float() for name, value in model.state_dict().items()}
    assert all(torch.equal(value, rounded[name]) for name, value in back.state_dict().items())
    assert {value.dtype for value in back.state_dict().values()} == {torch.float32}


@settings(max_examples=60)
@given(cut=st.floats(0, 1, exclude_max=True))
def test_a_truncated_file_is_named_wherever_it_ends(written: bytes, spot: Path, cut: float) -> None:
    spot.write_bytes(written[: int(cut * len(written))])
    for read in READERS:
        with pytest.raises(ModelError, match="train it again") as caught:
            read(spot)
        assert str(spot) in str(caught.value)


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9])
def test_a_file_cut_within_its_first_bytes_is_named(written: bytes, spot: Path, size: int) -> None:
    spot.write_bytes(written[:size])
    for read in READERS:
        with pytest.raises(ModelError, match="damaged"):
            read(spot)


@settings(max_examples=200)
@given(where=st.floats(0, 1, exclude_max=True), flips=st.integers(1, 255))
def test_a_damaged_header_is_named_or_harmless(written: bytes, spot: Path, where: float, flips: int) -> None:
    damaged = bytearray(written)
    damaged[int(where * _header_length(written))] ^= flips
    spot.write_bytes(damaged)
    for read in READERS:
        message = f"{spot}"  # as harmless as a digit of the seed that has become another
        try:
            read(spot)
        except LatentExplorerError as error:
            message = str(error)
        assert str(spot) in message


@pytest.mark.parametrize("place", range(8))
def test_a_damaged_header_length_is_named(written: bytes, spot: Path, place: int) -> None:
    damaged = bytearray(written)
    damaged[place] ^= 255
    spot.write_bytes(damaged)
    for read in READERS:
        with pytest.raises(ModelError, match="damaged"):
            read(spot)


@pytest.mark.parametrize(
    "change",
    [
        lambda header: header.pop("run"),
        lambda header: header["run"].update(model=3),
        lambda header: header["run"]["model"].update(latent_dim=3),
        lambda header: header["run"]["model"].update(encoder_widths=[8192] * 16),
        lambda header: header["run"]["model"].update(colour="blue"),
        lambda header: header["run"]["train"].update(epochs=0),
        lambda header: header.update(format=[]),
    ],
)
def test_a_header_that_does_not_fit_the_weights_is_named(
    written: bytes, spot: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    spot.write_bytes(_rewritten(written, change))
    with pytest.raises(ModelError, match="train it again") as caught:
        load_state(spot)
    assert str(spot) in str(caught.value)


@pytest.mark.parametrize("key", ["step", "best_epoch", "seconds", "best_loss"])
def test_a_counter_that_is_gone_or_no_number_is_named(written: bytes, spot: Path, key: str) -> None:
    for change in (lambda header: header.pop(key), lambda header: header.update({key: "soon"})):
        spot.write_bytes(_rewritten(written, change))
        with pytest.raises(ModelError, match="cannot be resumed") as caught:
            load_state(spot)
        assert str(spot) in str(caught.value)


def test_weights_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    model, path = make_model(), tmp_path / "model.safetensors"
    model.decoder.state_dict()["layers.0.bias"][0] = math.nan
    path.write_bytes(model_bytes(model))
    with pytest.raises(ModelError, match="does not hold the weights"):
        load_weights(path, "download it again")


def test_moments_that_are_missing_or_of_other_weights_are_refused(written: bytes, spot: Path) -> None:
    metadata = json.loads(written[8 : _header_length(written)])["__metadata__"]
    moment = "optimizer.0.exp_avg"
    without = {name: value for name, value in load(written).items() if name != moment}
    for tensors in (without, {**without, moment: torch.zeros(3)}):
        spot.write_bytes(save(tensors, metadata=metadata))
        with pytest.raises(ModelError, match="cannot be resumed"):
            load_state(spot)


def test_a_newer_format_is_refused_with_the_remedy(written: bytes, spot: Path) -> None:
    spot.write_bytes(_rewritten(written, lambda header: header.update(format=checkpoints.FORMAT + 1)))
    for read in READERS:
        with pytest.raises(ModelError, match="update the app") as caught:
            read(spot)
        assert str(spot) in str(caught.value)


def test_another_writers_safetensors_are_refused(spot: Path) -> None:
    for content in (save({"weight": torch.zeros(2)}), b"not a checkpoint", b"\x80\x04N."):
        spot.write_bytes(content)
        with pytest.raises(ModelError, match="not a Latent Explorer checkpoint"):
            read_tensors(spot, "train it again")


def test_a_file_that_is_not_there_or_a_folder_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.safetensors", tmp_path):
        with pytest.raises(ModelError, match="there is no file") as caught:
            load_state(path)
        assert str(path) in str(caught.value)


def test_a_model_alone_cannot_be_resumed(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(model_bytes(make_model()))
    assert load_weights(path, "train it again").config == make_model().config
    with pytest.raises(ModelError, match="cannot be resumed"):
        load_state(path)


def test_a_state_from_another_device_goes_on_with_noise_it_has_not_seen(written: bytes, spot: Path) -> None:
    spot.write_bytes(_rewritten(written, lambda header: header.update(device="cuda")))
    back, again = load_state(spot), load_state(spot)
    spot.write_bytes(written)
    same = load_state(spot)
    assert back.step == same.step
    assert torch.equal(back.noise.get_state(), again.noise.get_state())
    for seen in (same, start(CONFIG)):
        assert not torch.equal(back.noise.get_state(), seen.noise.get_state())


def test_a_file_is_a_json_header_and_raw_numbers_with_no_room_for_code(written: bytes) -> None:
    size = _header_length(written)
    header = json.loads(written[8:size])
    own = json.loads(header.pop("__metadata__")[checkpoints.HEADER])
    assert own["run"]["train"]["seed"] == CONFIG.train.seed
    assert {entry["dtype"] for entry in header.values()} == {"F32", "U8"}
    spans = sorted(tuple(entry["data_offsets"]) for entry in header.values())
    assert [begin for begin, _end in spans] == [0, *(end for _begin, end in spans[:-1])]
    assert spans[-1][1] == len(written) - size


def test_a_loaded_state_does_not_hang_on_its_file(written: bytes, spot: Path) -> None:
    spot.write_bytes(written)
    tensors, _header = read_tensors(spot, "train it again")
    before = {name: value.clone() for name, value in tensors.items()}
    with spot.open("r+b") as file:  # in place, as a copying tool would
        file.write(bytes(len(written)))
    assert all(torch.equal(value, before[name]) for name, value in tensors.items())


def test_what_a_run_asks_for_is_kept_though_the_seed_differs(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    config = replace(CONFIG, train=replace(CONFIG.train, seed=2**62, data="mnist é \u2028 \"'"))
    save_state(path, start(config))
    assert load_state(path).config == config
