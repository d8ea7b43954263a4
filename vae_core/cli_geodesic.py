"""The command ``geodesic``: how far two latent points are apart by the images on the way, and straight."""

from __future__ import annotations

import argparse

import torch

from vae_core.atlas import encode_images
from vae_core.cli_beta import at_beta, configure_beta
from vae_core.cli_decode import coordinates
from vae_core.cli_output import number, print_json, print_pairs
from vae_core.data import load_images
from vae_core.geodesics import geodesic
from vae_core.latent_graph import build_graph
from vae_core.registry import load_model


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``geodesic``."""
    parser.add_argument("model", metavar="MODEL", help="a bundled model, a run directory or a checkpoint file")
    for option, what in (("--from", "where it begins"), ("--to", "where it ends")):
        parser.add_argument(
            option,
            type=coordinates,
            required=True,
            metavar="X,Y",
            dest=option.strip("-") + "_point",
            help=f"{what}, a number for each latent dimension",
        )
    configure_beta(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")


def run(arguments: argparse.Namespace) -> None:
    """Find the geodesic, and print its length and that of the straight line."""
    model, beta = at_beta(load_model(arguments.model), arguments.beta)
    ends = [torch.tensor(point) for point in (arguments.from_point, arguments.to_point)]
    planar = model.config.latent_dim == 2
    graph = build_graph(model, encode_images(model, load_images("mnist", "test")[0])[0]) if planar else None
    found = geodesic(model, ends[0], ends[1], graph)
    if arguments.json:
        fixed = {} if beta is None else {"beta": beta}
        lengths = {"length": found.curve.length, "straight_length": found.straight.length}
        print_json({"model": arguments.model, **fixed, **lengths, "points": found.curve.points.tolist()})
    else:
        print_pairs(
            {
                "geodesic": f"{number(found.curve.length)} pixel values",
                "straight line": f"{number(found.straight.length)} pixel values",
            }
        )
