"""The command ``zoo``: the bundled models, trained and measured again."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from vae_core import zoo
from vae_core.cli_evaluate import at_least
from vae_core.cli_models import COLUMNS, describe
from vae_core.cli_output import number, print_json, say
from vae_core.cli_train import train_with_progress
from vae_core.errors import LatentExplorerError
from vae_core.registry import MODELS_FOLDER, read_card

WORK = Path(".zoo")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``zoo``."""
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which ones: {', '.join(zoo.NAMES)} (all)")
    parser.add_argument(
        "--work", type=Path, default=WORK, metavar="DIR", help=f"where training goes on if interrupted ({WORK}/)"
    )
    parser.add_argument(
        "--out", type=Path, default=MODELS_FOLDER, metavar="DIR", help="where weights and cards go (assets/models)"
    )
    parser.add_argument("--jobs", type=at_least(1), default=1, metavar="N", help="how many models at a time (1)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")


def run(arguments: argparse.Namespace) -> None:
    """Train, measure and write the models that were named."""
    # Small weights decay into denormal numbers, which x86 processors multiply many times slower.
    torch.set_flush_denormal(True)
    names = list(dict.fromkeys(arguments.names)) or list(zoo.NAMES)
    for name in names:
        zoo.require_known(name)
    if arguments.jobs > 1 and len(names) > 1:
        _run_beside_one_another(names, arguments)
    else:
        for name in names:
            _rebuild(name, arguments.work, arguments.out)
    if arguments.json:
        print_json({"models": [describe(read_card(name, arguments.out)) for name in names]})


def _rebuild(name: str, work: Path, out: Path) -> None:
    train_with_progress(name, zoo.train(name, work), zoo.DEFINITIONS[name][0].train.epochs)
    say(f"{name}  measuring")
    figures = zoo.publish(name, work, out).figures
    shown = [f"{key} {number(figures[key])}" for key in COLUMNS if figures[key] is not None]
    say("  ".join([name, *shown]))


def _run_beside_one_another(names: list[str], arguments: argparse.Namespace) -> None:
    """Rebuild each model in a process of its own, sharing the processors out."""
    threads = max(1, (os.cpu_count() or 1) // arguments.jobs)
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}

    def rebuild(name: str) -> int:
        folders = ["--work", str(arguments.work), "--out", str(arguments.out)]
        command = [sys.executable, "-m", "vae_core", "zoo", name, *folders]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
            for line in process.stderr or ():
                say(line.rstrip())
        return process.returncode

    with ThreadPoolExecutor(arguments.jobs) as pool:
        statuses = dict(zip(names, pool.map(rebuild, names), strict=True))
    failed = [name for name, status in statuses.items() if status]
    if failed:
        raise LatentExplorerError(f"could not rebuild {', '.join(failed)}: the reason is above")
