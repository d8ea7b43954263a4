"""Commands run in this process, as the tests of the command line do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vae_core import cli

Said = pytest.CaptureFixture[str]
TINY = ["--encoder-widths", "12", "--decoder-widths", "12", "--batch-size", "16", "--device", "cpu"]


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
