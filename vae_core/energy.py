"""Energies and the probabilities they stand for: the Boltzmann distribution of finitely many states."""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor

from vae_core.errors import ConfigError


class Boltzmann(NamedTuple):
    """p(x) = exp(-E(x) / T) / Z."""

    log_partition: float
    """log Z, Z being the sum of exp(-E(x) / T) over all states."""
    probabilities: Tensor
    """One a state; they sum to one."""


def boltzmann(energies: Tensor, temperature: float = 1.0) -> Boltzmann:
    """Return the distribution of states with these energies (S,), in units of the temperature.

    Raises ConfigError unless the temperature is positive.
    """
    if not temperature > 0:
        raise ConfigError(f"a temperature is above 0 and this one is {temperature:g}")
    exponents = -energies / temperature
    log_partition = exponents.logsumexp(0)
    return Boltzmann(float(log_partition), (exponents - log_partition).exp())


def log10_states(sites: int, levels: int = 2) -> float:
    """Return how many digits, less one, the number of states has of so many sites with so many levels each."""
    return sites * math.log10(levels)
