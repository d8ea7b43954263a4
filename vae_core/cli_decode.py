"""The command ``decode``: the mean image of p(x|z) at one z, as a PNG."""

from __future__ import annotations

import argparse
import io
import math
from pathlib import Path

import torch
from PIL import Image

from vae_core.cli_beta import at_beta, configure_beta
from vae_core.cli_output import print_json
from vae_core.errors import LatentExplorerError
from vae_core.files import write_atomically
from vae_core.registry import load_model


def coordinates(text: str) -> tuple[float, ...]:
    """Parse ``0.25,-1.5``."""
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = (math.nan,)
    if not all(map(math.isfinite, values)):
        raise argparse.ArgumentTypeError(f"'{text}' is no point: write finite numbers with commas, as in 0.25,-1.5")
    return values


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``decode``."""
    parser.add_argument("model", metavar="MODEL", help="a bundled model, a run directory or a checkpoint file")
    parser.add_argument(
        "--z", type=coordinates, required=True, metavar="X,Y", help="the point, a number for each latent dimension"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE.png", help="where the image goes, 28 x 28 grey"
    )
    configure_beta(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")


def grey(mean: torch.Tensor) -> torch.Tensor:
    """Return the grey levels round(255 * mean), uint8, of a mean image in [0, 1]."""
    return (mean * 255).round().to(torch.uint8)


@torch.no_grad()
def run(arguments: argparse.Namespace) -> None:
    """Decode the point and write the image."""
    model, beta = at_beta(load_model(arguments.model), arguments.beta)
    z, latent_dim = arguments.z, model.config.latent_dim
    if len(z) != latent_dim:
        raise LatentExplorerError(
            f"--z has {len(z)} of the {latent_dim} numbers of a point of {arguments.model}: give exactly {latent_dim}"
        )
    image = Image.fromarray(grey(model.decode(torch.tensor([z])))[0, 0].numpy())
    png = io.BytesIO()
    image.save(png, "PNG")
    write_atomically(arguments.out, png.getvalue())
    if arguments.json:
        fixed = {} if beta is None else {"beta": beta}
        print_json({"model": arguments.model, **fixed, "z": list(z), "out": str(arguments.out)})
    else:
        print(f"wrote {arguments.out}")
