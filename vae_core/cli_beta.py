"""The option ``--beta`` of the commands that look at a model: which beta an any-beta model stands at."""

from __future__ import annotations

import argparse
import math

from vae_core.errors import ConfigError
from vae_core.models import Autoencoder


def configure_beta(parser: argparse.ArgumentParser) -> None:
    """Add the option."""
    # Read once the model is there, whose range the complaint names.
    parser.add_argument("--beta", metavar="B", help="the beta that an any-beta model is fixed at (1)")


def at_beta(model: Autoencoder, text: str | None) -> tuple[Autoencoder, float | None]:
    """Return the model fixed at the beta that was written, and that beta; without one the model as it is.

    Raises ConfigError for a beta that is no number of the model's range, and for a model of one beta.
    """
    if text is None:
        return model, None
    if not model.config.beta_range:
        raise ConfigError("this model was trained for a single beta: leave --beta out, or take vae-any-beta")
    low, high = model.config.beta_range
    try:
        beta = float(text)
    except ValueError:
        beta = math.nan
    if not low <= beta <= high:
        raise ConfigError(f"--beta is '{text}': give a number from {low:g} to {high:g}")
    return model.at(beta), beta
