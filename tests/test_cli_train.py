"""The command `train`: runs that load, continue and are refused for what they are."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
import torch

from tests.commands import TINY, Said, printed_json, refused
from vae_core import cli, cli_output, runs
from vae_core.registry import load_model


def test_training_makes_a_run_that_loads_and_prints_its_figures(tmp_path: Path, data: Path, capsys: Said) -> None:
    run = tmp_path / "run"
    options = ["--data", str(data), *TINY, "--epochs", "2", "--latent-dim", "3", "--beta", "4", "--seed", "5"]
    assert cli.main(["train", "--run", str(run), "--json", *options]) == 0
    printed = printed_json(capsys)
    assert (printed["run"], printed["steps"], printed["images"]) == (str(run), 8, 60)
    assert printed["seconds"] > 0
    assert printed["elbo"] == pytest.approx(-(printed["reconstruction"] + printed["kl"]), rel=1e-5)
    assert load_model(run).config.latent_dim == 3
    config = runs.read_config(run).train
    assert (config.beta, config.seed, config.data) == (4.0, 5, str(data))
    assert runs.read_metrics(run)[-1]["step"] == 8


def test_progress_is_one_plain_line_an_epoch_off_a_terminal(tmp_path: Path, data: Path, capsys: Said) -> None:
    assert cli.main(["train", "--run", str(tmp_path / "run"), "--data", str(data), *TINY, "--epochs", "3"]) == 0
    said = capsys.readouterr()
    lines = said.err.splitlines()
    assert [line.split("  ")[1] for line in lines] == ["epoch 1/3", "epoch 2/3", "epoch 3/3"]
    assert all("reconstruction" in line and "kl" in line for line in lines)
    assert said.out.startswith("run ")
    assert "elbo" in said.out


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    line = cli_output.ProgressLine(10, "step")
    for done in (5, 10):
        line.show(done, "vae", f"step {done}")
    line.close()
    assert "100%" in terminal.getvalue()
    assert "vae  step 10" in terminal.getvalue()
    assert "\n" not in terminal.getvalue().rstrip("\n")


def test_the_classic_preset_takes_another_latent_size(tmp_path: Path, data: Path) -> None:
    run = tmp_path / "run"
    options = ["--preset", "classic", "--latent-dim", "20", "--epochs", "1", "--data", str(data)]
    assert cli.main(["train", "--run", str(run), *options]) == 0
    config = load_model(run).config
    assert (config.encoder_widths, config.latent_dim, config.likelihood) == ((400,), 20, "bernoulli-grey")


def test_an_autoencoder_has_no_elbo_in_its_summary(tmp_path: Path, data: Path, capsys: Said) -> None:
    options = ["--kind", "ae", "--epochs", "1", "--data", str(data), *TINY]
    assert cli.main(["train", "--run", str(tmp_path / "run"), *options]) == 0
    out = capsys.readouterr().out
    assert "elbo" not in out
    assert "reconstruction" in out


def test_every_option_reaches_the_configuration(tmp_path: Path, data: Path) -> None:
    run = tmp_path / "run"
    given = {
        "kind": "vae",
        "latent_dim": 1,
        "encoder_widths": (5, 4),
        "decoder_widths": (),
        "activation": "tanh",
        "likelihood": "gaussian",
        "variance": 0.5,
        "beta": 0.25,
        "beta_schedule": "cyclical",
        "epochs": 1,
        "batch_size": 30,
        "learning_rate": 0.004,
        "precision": "bf16",
        "seed": 9,
        "device": "cpu",
        "validation": 7,
        "patience": 3,
        "clip_norm": 1.5,
    }
    arguments = ["train", "--run", str(run), "--data", str(data)]
    for name, value in given.items():
        text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        arguments += [f"--{name.replace('_', '-')}", text]
    assert cli.main(arguments) == 0
    config = runs.read_config(run)
    assert {**vars(config.model), **vars(config.train)}.items() >= given.items()


def test_a_data_set_is_remembered_by_its_whole_path(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", "--run", "run", "--data", data.name, *TINY, "--epochs", "1"]) == 0
    assert runs.read_config(tmp_path / "run").train.data == str(data)


def test_a_run_without_a_name_gets_a_new_folder(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert cli.main(["train", "--data", str(data), *TINY, "--epochs", "1", "--json"]) == 0
    assert len([load_model(folder) for folder in (tmp_path / "runs").iterdir()]) == 2


def test_an_interrupted_run_continues_to_the_same_weights(tmp_path: Path, data: Path, capsys: Said) -> None:
    options = ["--data", str(data), *TINY, "--epochs", "3", "--precision", "fp32"]
    assert cli.main(["train", "--run", str(tmp_path / "whole"), *options]) == 0
    state = runs.create(tmp_path / "half", runs.read_config(tmp_path / "whole"))
    next(runs.train(tmp_path / "half", state))
    capsys.readouterr()
    assert cli.main(["train", "--run", str(tmp_path / "half"), "--continue", "--json"]) == 0
    assert printed_json(capsys)["steps"] == 12
    for name, value in load_model(tmp_path / "whole").state_dict().items():
        assert torch.equal(load_model(tmp_path / "half").state_dict()[name], value)


def test_training_that_cannot_be_is_refused(tmp_path: Path, data: Path, capsys: Said) -> None:
    run = tmp_path / "run"
    train = ["train", "--run", run, "--data", data, *TINY]
    assert "number of epochs is 0: give a whole number from 1" in refused(capsys, *train, "--epochs", 0)
    assert "beta is -1.0: give a number from 0" in refused(capsys, *train, "--beta", "-1")
    assert "learning rate is nan" in refused(capsys, *train, "--learning-rate", "nan")
    assert "early stopping needs validation images" in refused(capsys, *train, "--patience", 2)
    assert "60 validation images leave none of the 60" in refused(capsys, *train, "--validation", 60)
    assert "there is no data set 'nope'" in refused(capsys, "train", "--run", run, "--data", "nope")
    assert not run.exists()
    assert "is not a run" in refused(capsys, "train", "--run", run, "--continue")
    assert "add --run DIR" in refused(capsys, "train", "--continue")
    assert "cannot write" in refused(capsys, "train", "--run", data, "--data", data, *TINY)


def test_a_run_is_neither_overwritten_nor_continued_as_another(tmp_path: Path, data: Path, capsys: Said) -> None:
    run = tmp_path / "run"
    train = ["train", "--run", str(run), "--data", str(data), *TINY, "--epochs", "1"]
    assert cli.main(train) == 0
    capsys.readouterr()
    assert "continue it with --continue" in refused(capsys, *train)
    resume = ["train", "--run", run, "--continue"]
    assert "leave out --epochs" in refused(capsys, *resume, "--epochs", 5)
    assert "leave out --preset" in refused(capsys, *resume, "--preset", "good")


def test_a_loss_that_explodes_ends_training_with_the_reason(tmp_path: Path, data: Path, capsys: Said) -> None:
    # Sixteen layers whose weights grow by 10 a step soon multiply to more than float32 holds.
    deep = ["--preset", "classic", "--encoder-widths", ",".join(["40"] * 16), "--learning-rate", "10"]
    assert cli.main(["train", "--run", str(tmp_path / "run"), "--data", str(data), *deep]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: the loss became")
