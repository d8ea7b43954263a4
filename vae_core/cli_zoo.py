"""The command ``zoo``: the bundled models, trained and measured again."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vae_core import zoo
from vae_core.cli_evaluate import at_least
from vae_core.cli_models import COLUMNS, describe
from vae_core.cli_output import ProgressLine, number, print_json, say
from vae_core.cli_train import train_with_progress
from vae_core.errors import LatentExplorerError
from vae_core.processor import prepare_for_training
from vae_core.recogniser import recogniser_card
from vae_core.recogniser_training import build_recogniser
from vae_core.registry import MODELS_FOLDER, read_card

WORK = Path(".zoo")
FIGURES = (*COLUMNS, "accuracy", "calibration_error")


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
    prepare_for_training()
    names = list(dict.fromkeys(arguments.names)) or list(zoo.NAMES)
    for name in names:
        zoo.require_known(name)
    if arguments.jobs > 1 and len(names) > 1:
        _run_beside_one_another(names, arguments)
    else:
        for name in names:
            _rebuild(name, arguments.work, arguments.out)
    if arguments.json:
        print_json({"models": [_card(name, arguments.out) for name in names]})


def _rebuild(name: str, work: Path, out: Path) -> None:
    """Train, measure and write one model; say its figures."""
    if name == zoo.RECOGNISER:
        _train_recogniser(out)
        figures: Mapping[str, Any] = recogniser_card(out).figures
    else:
        train_with_progress(name, zoo.train(name, work), zoo.DEFINITIONS[name][0].train.epochs)
        say(f"{name}  measuring")
        figures = zoo.publish(name, work, out).figures
    shown = [f"{key} {number(figures[key], 4)}" for key in FIGURES if figures.get(key) is not None]
    say("  ".join([name, *shown]))


def _train_recogniser(out: Path) -> None:
    line: ProgressLine | None = None
    try:
        for progress in build_recogniser(out):
            line = line or ProgressLine(progress.epochs, "epoch")
            detail = f"loss {progress.loss:.3f}  accuracy {progress.accuracy:.2%}"
            line.show(progress.epoch, f"{zoo.RECOGNISER}  epoch {progress.epoch}/{progress.epochs}", detail)
    finally:
        if line is not None:
            line.close()


def _card(name: str, out: Path) -> dict[str, Any]:
    return asdict(recogniser_card(out)) if name == zoo.RECOGNISER else describe(read_card(name, out))


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
