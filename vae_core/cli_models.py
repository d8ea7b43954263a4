"""The command ``models``: the bundled models and their figures."""

from __future__ import annotations

import argparse
from typing import Any

from vae_core.cli_output import print_json, print_table, say
from vae_core.config import to_json
from vae_core.registry import Card, list_models, model_problems

COLUMNS = ("elbo", "log_evidence", "iwae", "kl", "reconstruction")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``models``."""
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")


def describe(card: Card) -> dict[str, Any]:
    """Return a card as JSON values, with what outside programs ask for first at the top."""
    own = {"name": card.name, "kind": card.kind, "beta": card.beta, "latent_dim": card.latent_dim}
    return {**own, "likelihood": card.model.likelihood, **to_json(card)}


def run(arguments: argparse.Namespace) -> None:
    """Print the models whose cards can be read; a line on standard error says what is wrong with any other."""
    cards, problems = list_models(), model_problems()
    for problem in problems:
        say(f"warning: {problem}")
    if arguments.json:
        print_json({"models": [describe(card) for card in cards], "problems": problems})
        return
    rows = [
        [
            card.name,
            card.kind,
            card.latent_dim,
            card.beta,
            card.model.likelihood,
            card.figures.get("pixels"),
            *(card.figures.get(key) for key in COLUMNS),
        ]
        for card in cards
    ]
    heads = ("name", "kind", "d", "beta", "likelihood", "pixels", "ELBO", "log p(x)", "IWAE", "KL", "reconstruction")
    print_table(heads, rows)
    print("\nFigures in nats per image of the test set; binary and grey pixels do not compare.")
