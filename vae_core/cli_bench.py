"""The command ``bench``: figures of speed and likelihood, measured on this machine."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vae_core import (
    bench,
    bench_geodesic,
    bench_inference,
    bench_likelihood,
    bench_plane,
    bench_replay,
    bench_runs,
    bench_watch,
)
from vae_core.cli_evaluate import at_least
from vae_core.cli_output import ProgressLine, number, print_json, print_pairs, print_table
from vae_core.config import PRECISIONS, PRESETS

SUMMARIES = {
    "train": "training throughput against the usual DataLoader script",
    "evidence": "exact log-evidence: its time, and its distance from a finer grid",
    "decode": "decoder throughput",
    "geodesic": "geodesics between digits of different class, against the straight line",
    "plane": "the latent plane in a browser: pointer to decoded image, first draw, panning, memory",
    "replay": "a recorded training in a browser: how smoothly the dial goes through it",
    "runs": "training runs: what recording costs, how quickly a trainer obeys, memory and disk",
    "watch": "a run watched in a browser: how soon, how often, at what cost to the server, by how many",
    "inference": "exact inference: do its terms add up, does a finer grid agree, how soon is a posterior on screen",
    "likelihood": "VAEs trained under the protocol of a published table: the likelihood they reach",
    "models": "the bundled models' ELBO, exact log p(x) and importance-weighted bound",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add a parser for each benchmark."""
    parsers = parser.add_subparsers(title="benchmarks", metavar="BENCHMARK", dest="benchmark", required=True)
    for name, summary in SUMMARIES.items():
        text = summary[0].upper() + summary[1:] + "."
        one = parsers.add_parser(name, help=summary, description=text, allow_abbrev=False)
        one.add_argument("--json", action="store_true", help="print one JSON object instead of text")
        _OPTIONS[name](one)


def _train_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--epochs", type=at_least(1), default=3, metavar="N", help="of both (3)")
    parser.add_argument("--batch-size", type=at_least(1), default=128, metavar="N", help="of the trainer (128)")
    parser.add_argument("--precision", choices=PRECISIONS, default="fp32", help="of the trainer (fp32)")
    parser.add_argument("--images", type=at_least(1), metavar="N", help="only the first N digits")


def _evidence_options(parser: argparse.ArgumentParser) -> None:
    _model_option(parser)
    parser.add_argument("--images", type=at_least(1), metavar="N", help="only the first N test digits")


def _decode_options(parser: argparse.ArgumentParser) -> None:
    _model_option(parser)
    parser.add_argument("--seconds", type=float, default=2.0, metavar="S", help="for each batch size (2)")


def _geodesic_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", help="a bundled model, a run directory or a checkpoint file (all bundled planes)")
    parser.add_argument("--pairs", type=at_least(1), default=20, metavar="N", help="of digits, for each model (20)")


def _plane_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", help="an app that runs already (starts one)")
    parser.add_argument("--moves", type=at_least(1), default=300, metavar="N", help="of the pointer (300)")
    parser.add_argument("--clicks", type=at_least(1), default=40, metavar="N", help="on the plane (40)")
    parser.add_argument(
        "--points", type=counts, default=(70_000, 1_000_000), metavar="N,N", help="sizes of planes (70000,1000000)"
    )
    parser.add_argument("--seconds", type=float, default=5.0, metavar="S", help="to drag each plane about (5)")


def counts(text: str, smallest: int = 1) -> tuple[int, ...]:
    """Parse ``70000,1000000``."""
    return tuple(at_least(smallest)(part) for part in text.split(",") if part) or (at_least(smallest)(text),)


def seeds(text: str) -> tuple[int, ...]:
    """Parse ``0,1,2``."""
    return counts(text, smallest=0)


def _replay_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--frames", type=at_least(2), default=500, metavar="N", help="snapshots of the run (500)")
    parser.add_argument("--probes", type=at_least(1), default=5000, metavar="N", help="digits in each (5000)")
    parser.add_argument("--seconds", type=float, default=5.0, metavar="S", help="to turn the dial (5)")


def _runs_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--preset", choices=PRESETS, default="classic", dest="preset_name", help="to train (classic)")
    parser.add_argument("--seconds", type=float, default=60.0, metavar="S", help="with recording and without (60)")


def _watch_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--seconds", type=float, default=15.0, metavar="S", help="to watch in one session, then in many (15)"
    )
    parser.add_argument("--sessions", type=at_least(1), default=20, metavar="N", help="at once (20)")


def _inference_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", help="an app that runs already (starts one)")
    parser.add_argument("--models", nargs="+", default=(), metavar="NAME", help="bundled ones (all with a plane)")
    parser.add_argument("--images", type=at_least(1), default=1000, metavar="N", help="the first N test digits (1000)")
    parser.add_argument("--posteriors", type=at_least(1), default=50, metavar="N", help="on a finer grid as well (50)")
    parser.add_argument("--clicks", type=at_least(1), default=40, metavar="N", help="on the plane (40)")
    parser.add_argument("--strokes", type=at_least(1), default=40, metavar="N", help="of the brush (40)")


def _likelihood_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dimensions", type=counts, default=bench_likelihood.DIMENSIONS, metavar="D,D", help="(2,5,10,20,40)"
    )
    parser.add_argument("--seeds", type=seeds, default=bench_likelihood.SEEDS, metavar="S,S", help="(0,1,2)")
    parser.add_argument(
        "--epochs", type=at_least(1), default=bench_likelihood.EPOCHS, metavar="N", help="at the most (2000)"
    )
    parser.add_argument("--iwae-samples", type=at_least(1), default=500, metavar="N", help="for the bound (500)")
    parser.add_argument("--images", type=at_least(2), metavar="N", help="only the first N digits of either set")
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="keeps the trainings, and goes on with them (runs/likelihood)"
    )


def _models_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--images", type=at_least(1), metavar="N", help="only the first N test digits")
    parser.add_argument("--samples", type=at_least(1), default=10, metavar="N", help="draws of z for the ELBO (10)")
    parser.add_argument("--iwae-samples", type=at_least(0), default=500, metavar="N", help="for the bound (500)")


def _model_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="vae", help="a bundled model, a run directory or a checkpoint file (vae)")


_OPTIONS: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "train": _train_options,
    "evidence": _evidence_options,
    "decode": _decode_options,
    "geodesic": _geodesic_options,
    "plane": _plane_options,
    "replay": _replay_options,
    "runs": _runs_options,
    "watch": _watch_options,
    "inference": _inference_options,
    "likelihood": _likelihood_options,
    "models": _models_options,
}


def run(arguments: argparse.Namespace) -> None:
    """Measure, and print the figures."""
    settings = dict(vars(arguments))
    name, as_json = settings.pop("benchmark"), settings.pop("json")
    del settings["command"]
    benchmarks: dict[str, Callable[..., dict[str, Any]]] = {
        "train": bench.train,
        "evidence": bench.evidence,
        "decode": bench.decode,
        "geodesic": bench_geodesic.measure,
        "plane": bench_plane.measure,
        "replay": bench_replay.measure,
        "runs": bench_runs.measure,
        "watch": bench_watch.measure,
        "inference": bench_inference.measure,
        "likelihood": bench_likelihood.measure,
        "models": bench.models,
    }
    line = ProgressLine(1.0, "")
    try:
        figures = benchmarks[name](lambda what, share: line.show(share, f"measuring {what}"), **settings)
    finally:
        line.close()
    if as_json:
        print_json(figures)
    elif name == "likelihood":
        print_likelihoods(figures)
    else:
        print_figures(figures)


def print_likelihoods(figures: dict[str, Any]) -> None:
    """Print a line for each latent size: means over seeds with their spread, and what was published."""
    names = {
        "elbo": "ELBO",
        "reconstruction": "reconstruction",
        "kl": "KL",
        "iwae": "bound on log p(x)",
        "log_evidence": "exact log p(x)",
    }
    columns = ["dimension", "seeds", "epochs", *names.values()]
    rows = []
    for model in figures["models"]:
        both = [(with_spread(model, key), model[f"published_{key}"]) for key in names]
        cells = [own if there is None else f"{own} ({number(there)})" for own, there in both]
        rows.append([str(model["dimension"]), model["seeds"], number(model["epochs"], 0), *cells])
    print_table(columns, rows)
    print()
    print("Nats per image, mean over seeds ± standard deviation between them (published figure in brackets);")
    print(f"trainings in {figures['folder']}")


def with_spread(figures: dict[str, Any], key: str) -> str:
    """Return a mean with the standard deviation between seeds, where there are several."""
    spread = figures[f"{key}_spread"]
    return number(figures[key]) if spread is None else f"{number(figures[key])} ± {number(spread)}"


def print_figures(figures: dict[str, Any]) -> None:
    """Print single figures under one another, and lists of records as tables."""
    tables = {name: value for name, value in figures.items() if isinstance(value, list) and isinstance(value[0], dict)}
    print_pairs({name: _text(value) for name, value in figures.items() if name not in tables})
    for records in tables.values():
        print()
        print_table(list(records[0]), [list(record.values()) for record in records])


def _text(value: Any) -> str:
    return ", ".join(map(_text, value)) if isinstance(value, list) else number(value, 4)
