"""The commands that look at models, `evaluate` and `decode`, and the one that makes them, `zoo`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.commands import TINY, Said, printed_json, refused
from tests.factories import make_config, make_images, make_model
from vae_core import cli, cli_evaluate, cli_zoo, run_folder, zoo
from vae_core.checkpoints import model_bytes
from vae_core.metrics import MEASURES
from vae_core.recogniser import load_recogniser
from vae_core.recogniser_training import RecogniserProgress, publish_recogniser, train_recogniser
from vae_core.registry import BUNDLED, load_model, read_card


def test_evaluating_prints_every_figure(checkpoint: Path, data: Path, capsys: Said) -> None:
    options = ["--data", str(data), "--samples", "3", "--iwae-samples", "20", "--images", "25", "--json"]
    assert cli.main(["evaluate", str(checkpoint), *options]) == 0
    printed = printed_json(capsys)
    assert (printed["model"], printed["data"], printed["images"]) == (str(checkpoint), str(data), 25)
    assert printed["seconds"] > 0
    for key in ("elbo", "reconstruction", "kl", "log_evidence", "iwae", "squared_error"):
        assert isinstance(printed[key], float)
        assert printed[f"{key}_error"] > 0
    assert printed["elbo"] <= printed["log_evidence"]
    assert printed["active_units"] in (0, 1, 2)


def test_evaluating_for_a_person_gives_units_and_what_was_measured(checkpoint: Path, data: Path, capsys: Said) -> None:
    options = ["--data", str(data), "--samples", "1", "--iwae-samples", "0", "--split", "train"]
    assert cli.main(["evaluate", str(checkpoint), *options]) == 0
    said = capsys.readouterr()
    assert f"60 of {data} (train, grey)" in said.out
    assert said.out.count("nats per image") == 4
    assert "measuring evidence" in said.err


def test_the_measures_of_a_regular_latent_space_come_along_unless_they_are_not_wanted(
    checkpoint: Path, data: Path, capsys: Said
) -> None:
    options = ["--data", str(data), "--samples", "1", "--iwae-samples", "0"]
    assert cli.main(["evaluate", str(checkpoint), *options, "--json"]) == 0
    printed = printed_json(capsys)
    for measure in MEASURES:
        assert isinstance(printed[measure.key], float | int)
    assert cli.main(["evaluate", str(checkpoint), *options]) == 0
    said = capsys.readouterr().out
    with_error = rf"{printed['completeness'] * 100:.2f} ± {printed['completeness_error'] * 100:.2f} %"
    assert re.search(rf"^completeness +{with_error}$", said, re.MULTILINE)
    with_error = rf"{printed['mutual_information']:.2f} ± {printed['mutual_information_error']:.2f} nats"
    assert re.search(rf"^mutual information +{with_error}$", said, re.MULTILINE)
    # On a grid they are summed exactly.
    assert re.search(r"^holes in the prior +\d+\.\d\d %$", said, re.MULTILINE)
    assert cli.main(["evaluate", str(checkpoint), *options, "--no-measures", "--json"]) == 0
    assert "holes" not in printed_json(capsys)


def test_an_autoencoder_is_described_under_either_prior(tmp_path: Path, data: Path, capsys: Said) -> None:
    path = tmp_path / "ae.safetensors"
    path.write_bytes(model_bytes(make_model(kind="ae", likelihood="bernoulli-grey")))
    assert cli.main(["evaluate", str(path), "--data", str(data), "--samples", "1"]) == 0
    said = capsys.readouterr().out
    for name in ("holes in the prior", "completeness", "log p(x), exact"):
        assert f"\n{name} " in said
        assert f"\n{name}, fitted prior " in said
    assert "mutual information" not in said


def test_without_a_recogniser_the_other_figures_are_still_given(
    checkpoint: Path, data: Path, capsys: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_evaluate, "load_recogniser", lambda: load_recogniser(tmp_path))
    options = ["--data", str(data), "--samples", "1", "--iwae-samples", "0", "--json"]
    assert cli.main(["evaluate", str(checkpoint), *options]) == 0
    said = capsys.readouterr()
    printed = json.loads(said.out)
    assert (printed["completeness"], printed["frechet"]) == (None, None)
    assert isinstance(printed["holes"], float)
    assert "`python -m vae_core zoo recogniser`" in said.err


def test_a_run_is_evaluated_on_the_data_it_was_trained_on(tmp_path: Path, data: Path, capsys: Said) -> None:
    run = tmp_path / "run"
    assert cli.main(["train", "--run", str(run), "--data", str(data), *TINY, "--epochs", "1"]) == 0
    capsys.readouterr()
    assert cli.main(["evaluate", str(run), "--iwae-samples", "2", "--json"]) == 0
    assert printed_json(capsys)["data"] == str(data)


def test_what_cannot_be_evaluated_is_refused(tmp_path: Path, checkpoint: Path, capsys: Said) -> None:
    assert "there is no data set" in refused(capsys, "evaluate", checkpoint, "--data", tmp_path / "nope.npz")
    checkpoint.write_bytes(checkpoint.read_bytes()[:-9])
    assert f"{checkpoint} is damaged" in refused(capsys, "evaluate", checkpoint)
    assert "there is no file" in refused(capsys, "evaluate", tmp_path)


@pytest.mark.parametrize("z", ["0.25,-1.5", "-0.5,1", "-1,-1", "0,0", "-.5,1e2"])
def test_decoding_writes_the_mean_image(checkpoint: Path, tmp_path: Path, z: str) -> None:
    out = tmp_path / "out" / "image.png"
    assert cli.main(["decode", str(checkpoint), "--z", z, "--out", str(out)]) == 0
    with Image.open(out) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "L", (28, 28))
        pixels = np.asarray(image)
    mean = load_model(checkpoint).decode(torch.tensor([[float(part) for part in z.split(",")]]))
    assert pixels.flatten().tolist() == [round(255 * value) for value in mean.flatten().tolist()]


@pytest.mark.parametrize("latent_dim", [1, 5])
def test_decoding_takes_as_many_numbers_as_the_model_has_dimensions(
    tmp_path: Path, latent_dim: int, capsys: Said
) -> None:
    path, out = tmp_path / "model.safetensors", tmp_path / "image.png"
    path.write_bytes(model_bytes(make_model(latent_dim=latent_dim)))
    complaint = refused(capsys, "decode", path, "--z", "1,2,3", "--out", out)
    assert f"--z has 3 of the {latent_dim} numbers" in complaint
    assert not out.exists()
    numbers = ",".join(["-0.5"] * latent_dim)
    assert cli.main(["decode", str(path), "--z", numbers, "--out", str(out), "--json"]) == 0
    assert printed_json(capsys)["z"] == [-0.5] * latent_dim


@pytest.mark.parametrize("z", ["", "a,b", "1,", "nan,0", "0,inf", "-inf,0", "1e999,0", "1;2", "0x1,0"])
def test_what_is_no_point_is_refused(checkpoint: Path, tmp_path: Path, z: str, capsys: Said) -> None:
    assert "is no point: write finite numbers" in refused(
        capsys, "decode", checkpoint, "--z", z, "--out", tmp_path / "image.png"
    )


def test_an_image_that_cannot_be_written_is_refused_by_name(checkpoint: Path, tmp_path: Path, capsys: Said) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file" / "image.png", tmp_path):
        assert f"cannot write {out}" in refused(capsys, "decode", checkpoint, "--z", "0,0", "--out", out)


@pytest.fixture
def small_zoo(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The zoo with models of some steps; returns the options that keep its files in a folder of the test."""
    small = {name: (make_config(data), sentence) for name, (_, sentence) in zoo.DEFINITIONS.items()}
    monkeypatch.setattr(zoo, "DEFINITIONS", small)
    return ["--work", str(tmp_path / "work"), "--out", str(tmp_path / "out")]


def test_the_zoo_rebuilds_what_was_named(small_zoo: list[str], tmp_path: Path, capsys: Said) -> None:
    assert cli.main(["zoo", "ae", "vae-classic", "ae", *small_zoo, "--json"]) == 0
    said = capsys.readouterr()
    assert [model["name"] for model in json.loads(said.out)["models"]] == ["ae", "vae-classic"]
    assert "vae-classic  epoch 3/3" in said.err
    assert read_card("ae", tmp_path / "out").figures["elbo"] is not None
    assert load_model("vae-classic", tmp_path / "out").config.latent_dim == 2
    assert not (tmp_path / "out" / "vae.json").exists()


def test_the_zoo_does_not_train_twice(small_zoo: list[str], capsys: Said) -> None:
    for _ in range(2):
        assert cli.main(["zoo", "vae", *small_zoo]) == 0
        said = capsys.readouterr().err
    assert "epoch" not in said
    assert "vae  elbo" in said


def test_the_zoo_trains_and_measures_the_recogniser_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    def in_one_small_step(folder: Path) -> Iterator[RecogniserProgress]:
        images, labels = make_images(120)
        for progress in train_recogniser(epochs=1, images=images, labels=labels):
            assert progress.network is not None
            publish_recogniser(progress.network, folder, epochs=1, seed=0, seconds=progress.seconds)
            yield progress

    monkeypatch.setattr(cli_zoo, "build_recogniser", in_one_small_step)
    assert cli.main(["zoo", "recogniser", "--out", str(tmp_path), "--json"]) == 0
    said = capsys.readouterr()
    (card,) = json.loads(said.out)["models"]
    assert (card["name"], card["command"]) == ("recogniser", "python -m vae_core zoo recogniser")
    assert said.err.startswith("recogniser  epoch 1/1  loss")
    assert f"accuracy {card['figures']['accuracy']:.4f}" in said.err
    assert load_recogniser(tmp_path)(torch.zeros(1, 1, 28, 28)).shape == (1, 10)


def test_one_unknown_name_stops_the_zoo_before_it_trains(small_zoo: list[str], tmp_path: Path, capsys: Said) -> None:
    assert "unknown bundled model 'vea'" in refused(capsys, "zoo", "vae", "vea", *small_zoo)
    assert not (tmp_path / "work").exists()


def test_models_are_rebuilt_beside_one_another_in_processes_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    for name in BUNDLED[:2]:
        (tmp_path / name).mkdir()
        (tmp_path / name / run_folder.CONFIG_NAME).write_text("{broken")
    complaint = "could not rebuild vae, ae: the reason is above"
    assert cli.main(["zoo", "vae", "ae", "--jobs", "2", "--work", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert said.count("config.json is damaged") == 2
    assert said.splitlines()[-1] == f"error: {complaint}"
