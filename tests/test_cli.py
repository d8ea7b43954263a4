"""The command line as a person or a script meets it: output, exit status, and one line for every mistake."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.commands import TINY, Said, refused
from tests.factories import write_bundle
from vae_core import cli, runs
from vae_core.registry import BUNDLED

ROOT = Path(__file__).resolve().parents[1]


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


@pytest.fixture
def _heard_ctrl_c() -> Iterator[None]:
    """Programs inherit that Ctrl-C is ignored, as it is where the tests were started in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_heard_ctrl_c")
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
        (["zoo", "nope"], "unknown bundled model 'nope': choose one of recogniser, vae, ae"),
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
