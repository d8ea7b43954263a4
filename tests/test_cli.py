"""The command line as a person or a script meets it: output, exit status, and one line for every mistake."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.factories import make_config, make_images, make_model, write_bundle, write_data_set
from vae_core import cli, cli_evaluate, cli_output, cli_zoo, runs, zoo
from vae_core.checkpoints import model_bytes
from vae_core.metrics import MEASURES
from vae_core.recogniser import load_recogniser
from vae_core.recogniser_training import RecogniserProgress, publish_recogniser, train_recogniser
from vae_core.registry import BUNDLED, load_model, read_card

ROOT = Path(__file__).resolve().parents[1]
TINY = ["--encoder-widths", "12", "--decoder-widths", "12", "--batch-size", "16", "--device", "cpu"]
Said = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _as_found() -> Iterator[None]:
    """The trainer changes how this process computes with tiny numbers; other tests get it as it was."""
    yield
    torch.set_flush_denormal(False)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data set of 60 pictures."""
    return write_data_set(tmp_path / "data.npz")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A checkpoint file of a small VAE with a plane for its latent space."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(model_bytes(make_model(likelihood="bernoulli-grey")))
    return path


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the program with small models of the bundled names, the autoencoder's weights cut short."""
    root = tmp_path_factory.mktemp("installation")
    shutil.copytree(ROOT / "vae_core", root / "vae_core", ignore=shutil.ignore_patterns("__pycache__"))
    write_bundle(root / "assets" / "models")
    weights = root / "assets" / "models" / "ae.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    return root


def program(*arguments: object, cwd: Path = ROOT, **options: Any) -> subprocess.Popen[str]:
    """Start ``python -m vae_core`` in a process of its own, its output piped."""
    command = [sys.executable, "-m", "vae_core", *map(str, arguments)]
    return subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def printed_json(capsys: Said) -> dict[str, Any]:
    """Return what was printed on standard output, which must be one JSON object and nothing else."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    values = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert isinstance(values, dict)
    return values


def refused(capsys: Said, *arguments: object) -> str:
    """Run a command that must fail, and return the one line it says."""
    assert cli.main([str(argument) for argument in arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    assert said.err.endswith("\n")
    return said.err


# The program itself


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_explains_itself(command: str, capsys: Said) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main([command, "--help"])
    assert left.value.code == 0
    assert f"usage: python -m vae_core {command}" in capsys.readouterr().out


def test_help_names_every_command(capsys: Said) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    assert set(cli.COMMANDS) <= set(capsys.readouterr().out.split())


def test_a_list_of_commands_does_not_wait_for_torch() -> None:
    check = "import sys, vae_core.cli as c; c.build_parser(None).format_help(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], cwd=ROOT, check=False).returncode == 0


def test_a_damaged_model_is_a_line_on_standard_error_and_the_others_are_listed(installation: Path) -> None:
    with program("models", "--json", cwd=installation) as process:
        out, err = process.communicate()
    assert process.returncode == 0
    listed = json.loads(out)
    assert [model["name"] for model in listed["models"]] == [name for name in BUNDLED if name != "ae"]
    assert {"kind", "beta", "latent_dim", "figures", "command"} <= set(listed["models"][0])
    assert listed["problems"] == [err.strip().removeprefix("warning: ")]
    assert str(installation / "assets" / "models" / "ae.safetensors") in err
    assert "`python -m vae_core zoo ae`" in err


def test_a_mistake_takes_one_line_and_no_traceback(installation: Path) -> None:
    with program("evaluate", "nope", cwd=installation) as process:
        out, err = process.communicate()
    assert (process.returncode, out) == (2, "")
    assert err == (
        f"error: unknown model 'nope': choose one of {', '.join(BUNDLED)}, a run directory or a checkpoint file\n"
    )


def test_ctrl_c_ends_training_with_a_run_that_goes_on(tmp_path: Path, data: Path) -> None:
    run = tmp_path / "run"
    options = ["--data", data, *TINY, "--epochs", "100000", "--precision", "fp32"]
    with program("train", "--run", run, *options, start_new_session=True) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        os.kill(process.pid, signal.SIGINT)
        rest = process.stderr.read()
    assert "epoch" in first
    assert process.returncode == 130
    assert "Traceback" not in rest
    assert rest.splitlines()[-1] == f"interrupted; go on with `python -m vae_core train --run {run} --continue`"
    assert runs.reopen(run).config.train.epochs == 100_000


def test_whoever_stops_reading_ends_the_program_quietly() -> None:
    with program("--help", env={**os.environ, "PYTHONUNBUFFERED": ""}) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert process.returncode == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["nope"], "invalid choice: 'nope'"),
        (["--nope"], "required: COMMAND"),
        (["models", "--nope"], "unrecognized arguments: --nope"),
        (["evaluate"], "required: MODEL"),
        (["evaluate", "vae", "--split", "dev"], "invalid choice: 'dev'"),
        (["evaluate", "vae", "--images", "0"], "'0' is not a whole number of at least 1"),
        (["evaluate", "vae", "--samples", "many"], "'many' is not a whole number of at least 1"),
        (["evaluate", "vae", "--iwae-samples", "-1"], "'-1' is not a whole number of at least 0"),
        (["train", "--epochs", "x"], "invalid int value: 'x'"),
        (["train", "--ep", "3"], "unrecognized arguments"),
        (["train", "--preset", "best"], "invalid choice: 'best'"),
        (["train", "--encoder-widths", "a,b"], "'a,b' is no list of layer widths"),
        (["bench"], "required: BENCHMARK"),
        (["bench", "all"], "invalid choice: 'all'"),
        (["zoo", "nope"], "unknown bundled model 'nope': choose one of vae, ae"),
        (["zoo", "--jobs", "0"], "'0' is not a whole number of at least 1"),
    ],
)
def test_an_unusable_command_line_is_refused(capsys: Said, arguments: list[str], complaint: str) -> None:
    assert complaint in refused(capsys, *arguments)


def test_an_error_stays_one_line_whatever_was_typed(capsys: Said) -> None:
    assert "unknown model 'a b'" in refused(capsys, "evaluate", "a\nb")


def test_numbers_with_a_minus_are_values() -> None:
    joined = cli.join_negative_values(["decode", "m", "--z", "-0.5,1", "--out", "-x.png", "--json", "-.5", "-inf"])
    assert joined == ["decode", "m", "--z=-0.5,1", "--out", "-x.png", "--json=-.5", "-inf"]
    assert cli.join_negative_values(["--z=1", "-2"]) == ["--z=1", "-2"]
    assert cli.join_negative_values(["-1", "--", "-1"]) == ["-1", "--", "-1"]


# train


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


# evaluate


def test_evaluating_prints_every_figure(checkpoint: Path, data: Path, capsys: Said) -> None:
    options = ["--data", str(data), "--samples", "3", "--iwae-samples", "20", "--images", "25", "--json"]
    assert cli.main(["evaluate", str(checkpoint), *options]) == 0
    printed = printed_json(capsys)
    assert (printed["model"], printed["data"], printed["images"]) == (str(checkpoint), str(data), 25)
    assert printed["seconds"] > 0
    for key in ("elbo", "reconstruction", "kl", "log_evidence", "iwae", "squared_error"):
        assert isinstance(printed[key], float)
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
    assert re.search(r"^holes in the prior +\d+\.\d%$", said, re.MULTILINE)
    assert re.search(r"^mutual information +\d+\.\d\d nats$", said, re.MULTILINE)
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


# decode


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


# zoo


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
        (tmp_path / name / runs.CONFIG_NAME).write_text("{broken")
    complaint = "could not rebuild vae, ae: the reason is above"
    assert cli.main(["zoo", "vae", "ae", "--jobs", "2", "--work", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert said.count("config.json is damaged") == 2
    assert said.splitlines()[-1] == f"error: {complaint}"
