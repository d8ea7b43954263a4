"""Actions of the command ``runs`` that give runs away and take them in: zip files and TensorBoard."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from vae_core import run_archive, run_folder, run_tensorboard
from vae_core.cli_output import print_json, say

Adder = Callable[[str, str], argparse.ArgumentParser]


def configure(add: Adder) -> None:
    """Add the actions, each made by ``add`` from its name and help."""
    export = add("export", "write a run to a zip file")
    export.add_argument("run", type=Path, metavar="DIR", help="the run directory")
    export.add_argument("file", type=Path, metavar="FILE.zip", help="where to write it")
    taken = add("import", "unpack a run from a zip file into a new folder")
    taken.add_argument("file", type=Path, metavar="FILE.zip", help="what `runs export` wrote")
    taken.add_argument("--to", type=Path, metavar="FOLDER", help="the folder of the runs (runs)")
    board = add("tensorboard", "write a run's curves and newest codes for TensorBoard")
    board.add_argument("run", type=Path, metavar="DIR", help="the run directory")
    board.add_argument("--out", type=Path, metavar="FOLDER", required=True, help="a new or empty folder")


def export_run(arguments: argparse.Namespace) -> None:
    """Write a run to a zip file."""
    run_archive.write_archive(arguments.run, arguments.file)
    _report(arguments, {"run": str(arguments.run), "file": str(arguments.file)}, f"{arguments.file}: written")


def import_run(arguments: argparse.Namespace) -> None:
    """Unpack a run."""
    run = run_archive.import_run(arguments.file, arguments.to or run_folder.root())
    _report(arguments, {"run": str(run)}, f"{run}: imported")


def tensorboard(arguments: argparse.Namespace) -> None:
    """Write a run for TensorBoard."""
    run_tensorboard.export_tensorboard(arguments.run, arguments.out)
    values: dict[str, object] = {"run": str(arguments.run), "folder": str(arguments.out)}
    _report(arguments, values, f"see it with `tensorboard --logdir {arguments.out}`")


def _report(arguments: argparse.Namespace, values: dict[str, object], sentence: str) -> None:
    if arguments.json:
        print_json(values)
    else:
        say(sentence)


ACTIONS = {"export": export_run, "import": import_run, "tensorboard": tensorboard}
