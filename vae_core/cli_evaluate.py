"""The command ``evaluate``: every figure of one model on one data set."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vae_core import runs
from vae_core.cli_beta import at_beta, configure_beta
from vae_core.cli_output import ProgressLine, number, print_json, print_pairs, say
from vae_core.data import load_images
from vae_core.errors import LatentExplorerError, ModelError
from vae_core.evaluation import evaluate
from vae_core.metrics import FITTED, MEASURES
from vae_core.recogniser import Recogniser, load_recogniser
from vae_core.registry import BUNDLED, load_model, read_card

FIGURES = {
    "elbo": "ELBO",
    "reconstruction": "reconstruction",
    "kl": "KL",
    "log_evidence": "log p(x), exact",
    "iwae": "log p(x), importance-weighted bound",
}
"""The figures in nats per image, and their names in words."""

MEASURED = {
    "continuity": "Jacobian of the decoder, mean",
    "continuity_p99": "Jacobian of the decoder, 99 %",
    "completeness": "completeness",
    "precision": "precision",
    "recall": "recall",
    "frechet": "Fréchet distance",
    "holes": "holes in the prior",
    "mutual_information": "mutual information",
}
"""Further measures, and their names in words."""


def at_least(smallest: int) -> Callable[[str], int]:
    """Return a parser of whole numbers that refuses those below ``smallest``."""

    def whole_number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = smallest - 1
        if value < smallest:
            raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of at least {smallest}")
        return value

    return whole_number


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``evaluate``."""
    parser.add_argument("model", metavar="MODEL", help="a bundled model, a run directory or a checkpoint file")
    parser.add_argument("--data", metavar="NAME|PATH", help="the images (those the model was trained on)")
    parser.add_argument("--split", choices=("train", "test"), default="test", help="which part of them (test)")
    parser.add_argument("--images", type=at_least(1), metavar="N", help="only the first N of them")
    parser.add_argument("--samples", type=at_least(1), default=10, metavar="N", help="draws of z for the ELBO (10)")
    parser.add_argument(
        "--iwae-samples", type=at_least(0), default=500, metavar="N", help="for the bound, 0 to leave it out (500)"
    )
    configure_beta(parser)
    parser.add_argument("--no-measures", action="store_true", help="leave out the measures of a regular latent space")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")


def data_of(model: str) -> str:
    """Return the data set that a model was trained on, as far as it is known; else MNIST."""
    if model in BUNDLED:
        return read_card(model).config.train.data
    if runs.config_path(Path(model)).exists():
        return runs.read_config(Path(model)).train.data
    return "mnist"


def recogniser_or_none() -> Recogniser | None:
    """Return the bundled recogniser; where it is not whole, say what to do and go on without it."""
    try:
        return load_recogniser()
    except ModelError as error:
        say(f"without the recogniser's measures: {error}")
        return None


def run(arguments: argparse.Namespace) -> None:
    """Measure the model and print its figures."""
    began = time.perf_counter()
    model, beta = at_beta(load_model(arguments.model), arguments.beta)
    data = arguments.data or data_of(arguments.model)
    images, _ = load_images(data, split=arguments.split)
    if len(images) == 0:
        raise LatentExplorerError(f"{data} has no {arguments.split} images: choose another --split or --data")
    measures = not arguments.no_measures
    recogniser = recogniser_or_none() if measures else None
    line = ProgressLine(1.0, "")

    def report(stage: str, share: float) -> None:
        line.show(share, f"measuring {stage}")

    try:
        figures = evaluate(
            model,
            images[: arguments.images],
            arguments.samples,
            arguments.iwae_samples,
            report=report,
            measures=measures,
            recogniser=recogniser,
        )
    finally:
        line.close()
    seconds = round(time.perf_counter() - began, 3)
    result = {"model": arguments.model, "data": data, "split": arguments.split, "seconds": seconds, **figures}
    if beta is not None:
        result["beta"] = beta
    if arguments.json:
        print_json(result)
    else:
        print_pairs(describe(result))


def describe(figures: dict[str, Any]) -> dict[str, str]:
    """Return names and values for a person, with their standard errors."""
    pixels = "binarised once" if figures["pixels"] == "binary" else "grey"
    lines = {"images": f"{figures['images']:,} of {figures['data']} ({figures['split']}, {pixels})"}
    for key, name in FIGURES.items():
        if figures[key] is not None:
            lines[name] = f"{with_error(figures, key)} nats per image"
    lines["squared error"] = f"{with_error(figures, 'squared_error', 5)} per pixel"
    lines["active units"] = number(figures["active_units"])
    return lines | describe_measures(figures)


def with_error(figures: dict[str, Any], key: str, digits: int = 2, unit: float = 1.0) -> str:
    """Return a figure and its standard error where it has one, in units of ``unit``."""
    value, error = (figures.get(name) for name in (key, f"{key}_error"))
    if value is None or error is None:
        return number(None if value is None else value / unit, digits)
    return f"{number(value / unit, digits)} ± {number(error / unit, digits)}"


def describe_measures(figures: dict[str, Any]) -> dict[str, str]:
    """Return names and values of the measures there are, under N(0, I) and where there is one the fitted prior."""
    units = {measure.key: measure.unit for measure in MEASURES}
    lines = {}
    for suffix, prior in (("", ""), (FITTED, ", fitted prior")):
        for key, name in MEASURED.items():
            if figures.get(key + suffix) is not None:
                share = units[key] == "share"
                text = with_error(figures, key + suffix, unit=0.01 if share else 1.0)
                lines[name + prior] = f"{text} {'%' if share else units[key]}"
    if figures.get(f"log_evidence{FITTED}") is not None:
        text = with_error(figures, f"log_evidence{FITTED}")
        lines[f"{FIGURES['log_evidence']}, fitted prior"] = f"{text} nats per image"
    return lines
