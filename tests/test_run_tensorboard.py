"""Runs for TensorBoard, its files read back byte by byte."""

from __future__ import annotations

import struct
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.commands import Said, printed_json, refused
from tests.disks import read_only
from tests.factories import make_config, make_images
from tests.trainers import finish
from vae_core import cli, runs
from vae_core.errors import LatentExplorerError
from vae_core.run_records import CodesReader, read_metrics
from vae_core.run_tensorboard import export_tensorboard


def records(content: bytes) -> Iterator[bytes]:
    """Yield the records of an event file: length, its checksum, content, its checksum."""
    at = 0
    while at < len(content):
        (length,) = struct.unpack_from("<Q", content, at)
        yield content[at + 12 : at + 12 + length]
        at += 12 + length + 4


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Return step and value of every scalar that TensorBoard would draw, by tag."""
    (file,) = folder.glob("events.out.tfevents.*")
    found = defaultdict(list)
    for record in records(file.read_bytes()):
        event = import_module("tensorboardX.proto.event_pb2").Event()
        event.ParseFromString(record)
        for value in event.summary.value:
            found[value.tag].append((event.step, value.simple_value))
    return found


def test_every_figure_of_the_log_is_a_scalar(tmp_path: Path, data: Path) -> None:
    run, out = tmp_path / "run", tmp_path / "board"
    finish(run, make_config(data))
    export_tensorboard(run, out)
    lines, found = read_metrics(run), scalars(out)
    assert set(found) == {
        *(f"{name}/{of}" for name in ("distortion", "rate", "elbo") for of in ("train", "test")),
        "beta",
        "learning_rate",
    }
    expected = {
        "distortion/train": [(line["step"], line["reconstruction"]) for line in lines[1:]],
        "rate/test": [(line["step"], line["test_kl"]) for line in lines if "test_kl" in line],
        "elbo/train": [(line["step"], -line["reconstruction"] - line["kl"]) for line in lines[1:]],
        "beta": [(line["step"], line["beta"]) for line in lines],
        "learning_rate": [(line["step"], line["learning_rate"]) for line in lines],
    }
    for tag, points in expected.items():
        assert [step for step, _ in found[tag]] == [step for step, _ in points]
        assert [value for _, value in found[tag]] == pytest.approx([value for _, value in points], rel=1e-6)


def test_the_projector_has_the_newest_codes_with_classes_and_pictures(tmp_path: Path, data: Path) -> None:
    run, out = tmp_path / "run", tmp_path / "board"
    finish(run, make_config(data))
    export_tensorboard(run, out)
    step, codes = CodesReader(run).read()[-1]
    folder = out / f"{step:05d}" / "codes"
    written = np.loadtxt(folder / "tensors.tsv", delimiter="\t")
    assert torch.allclose(torch.tensor(written, dtype=torch.float32), codes, atol=1e-5)
    images, labels = make_images(60)
    assert (folder / "metadata.tsv").read_text().split() == [str(label) for label in labels.tolist()]
    sprite = np.array(Image.open(folder / "sprite.png").convert("L"))
    side = sprite.shape[1] // 28
    for number in (0, 7, 59):
        row, column = divmod(number, side)
        tile = sprite[28 * row : 28 * row + 28, 28 * column : 28 * column + 28]
        assert np.abs(tile.astype(int) - images[number].numpy()).max() <= 1
    assert "codes" in (out / "projector_config.pbtxt").read_text()


def test_an_autoencoder_has_neither_rate_nor_elbo(tmp_path: Path, data: Path) -> None:
    config = make_config(data)
    finish(tmp_path / "run", replace(config, model=replace(config.model, kind="ae")))
    export_tensorboard(tmp_path / "run", tmp_path / "board")
    assert set(scalars(tmp_path / "board")) == {"distortion/train", "distortion/test", "beta", "learning_rate"}


def test_a_latent_space_without_a_plane_is_projected_too(tmp_path: Path, data: Path) -> None:
    config = make_config(data)
    finish(tmp_path / "run", replace(config, model=replace(config.model, latent_dim=5)))
    export_tensorboard(tmp_path / "run", tmp_path / "board")
    assert np.loadtxt(tmp_path / "board" / "00012" / "codes" / "tensors.tsv", delimiter="\t").shape == (60, 5)


def test_a_run_that_has_not_begun_is_an_empty_board(tmp_path: Path, data: Path) -> None:
    runs.create(tmp_path / "run", make_config(data))
    export_tensorboard(tmp_path / "run", tmp_path / "board")
    assert scalars(tmp_path / "board") == {}


def test_where_the_board_cannot_be_is_said(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs.create(tmp_path / "run", make_config(data))
    with pytest.raises(LatentExplorerError, match="holds other files"):
        export_tensorboard(tmp_path / "run", tmp_path / "run")
    with pytest.raises(LatentExplorerError, match=r"cannot write to .*data\.npz"):
        export_tensorboard(tmp_path / "run", data)
    with pytest.raises(LatentExplorerError, match="is not a run"):
        export_tensorboard(tmp_path, tmp_path / "board")
    (tmp_path / "board").mkdir()
    with read_only(tmp_path / "board"), pytest.raises(LatentExplorerError, match=r"cannot write to .*board"):
        export_tensorboard(tmp_path / "run", tmp_path / "board")
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(LatentExplorerError, match="which is not installed: `pip install tensorboardX`"):
        export_tensorboard(tmp_path / "run", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_board_is_written_from_a_terminal(tmp_path: Path, data: Path, capsys: Said) -> None:
    finish(tmp_path / "run", make_config(data))
    command = ["runs", "tensorboard", str(tmp_path / "run"), "--out", str(tmp_path / "board")]
    assert cli.main([*command, "--json"]) == 0
    assert printed_json(capsys)["folder"] == str(tmp_path / "board")
    assert len(scalars(tmp_path / "board")["beta"]) == 7
    assert "holds other files" in refused(capsys, *command)
    assert "required: --out" in refused(capsys, *command[:3])
