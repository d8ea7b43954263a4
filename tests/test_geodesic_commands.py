"""The commands that look for geodesics: what they print, what they check and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.factories import make_model
from vae_core import bench_geodesic, cli, registry
from vae_core.checkpoints import model_bytes
from vae_core.curves import measure
from vae_core.errors import ModelError

Said = pytest.CaptureFixture[str]


def printed(capsys: Said, *arguments: object) -> dict[str, Any]:
    assert cli.main([*map(str, arguments), "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_both_lengths_are_printed_with_the_way(capsys: Said, checkpoint: Path) -> None:
    found = printed(capsys, "geodesic", checkpoint, "--from", "-1.5,0.5", "--to", "2,1")
    points = torch.tensor(found["points"])
    assert points[[0, -1]].tolist() == [[-1.5, 0.5], [2.0, 1.0]]
    model = registry.load_model(checkpoint)
    assert found["length"] == pytest.approx(measure(model, points).length, rel=1e-4)
    assert found["length"] <= found["straight_length"]
    assert cli.main(["geodesic", str(checkpoint), "--from", "-1.5,0.5", "--to", "2,1"]) == 0
    assert f"geodesic       {found['length']:.2f} pixel values" in capsys.readouterr().out


def test_a_model_without_a_plane_has_geodesics_too(capsys: Said, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(model_bytes(make_model(latent_dim=3)))
    found = printed(capsys, "geodesic", path, "--from", "0,0,0", "--to", "1,2,3")
    assert len(found["points"][0]) == 3
    assert 0 < found["length"] <= found["straight_length"]


@pytest.mark.parametrize(
    ("ends", "said"),
    [(("1", "2,3"), "two points of 2 finite numbers"), (("1,x", "2,3"), "'1,x' is no point")],
)
def test_what_is_no_point_of_the_model_is_refused(
    capsys: Said, checkpoint: Path, ends: tuple[str, str], said: str
) -> None:
    assert cli.main(["geodesic", str(checkpoint), "--from", ends[0], "--to", ends[1]]) == 2
    assert said in capsys.readouterr().err


def test_geodesics_are_compared_with_straight_lines_between_digits_of_different_class(
    capsys: Said, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_geodesic, "SAMPLES", 1000)
    found = printed(capsys, "bench", "geodesic", "--model", checkpoint, "--pairs", 3)
    (row,) = found["models"]
    assert (found["pairs"], row["pairs"], row["longer"]) == (3, 3, 0)
    assert 0 < row["mean_ratio"] <= row["worst_ratio"] <= 1
    assert found["mean_ratio"] == row["mean_ratio"]
    assert found["threads"] == torch.get_num_threads()


def test_pairs_are_of_different_class_and_the_same_each_time() -> None:
    labels = torch.arange(40) % 3
    pairs = list(bench_geodesic._of_different_class(labels, 50))
    assert len(pairs) == 50
    assert all(labels[first] != labels[last] for first, last in pairs)
    assert pairs == list(bench_geodesic._of_different_class(labels, 50))


def test_without_bundled_models_there_is_nothing_to_compare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_geodesic, "list_models", list)
    with pytest.raises(ModelError, match="train them with `python -m vae_core zoo`"):
        bench_geodesic.measure(lambda what, share: None)
