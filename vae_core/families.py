"""Families of generative models, each at its simplest: how it draws one number from a known mixture of Gaussians.

Nothing is learned here. Every family is given the best it could have learned, in closed form, so that what is left to
see is how it draws. All values are in units in which the mixture has about mean 0 and variance 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, Literal

import torch
from torch import Tensor

from vae_core.errors import ConfigError
from vae_core.mixtures import Mixture

REACH: Final = 6.0
_FINE: Final = torch.linspace(-REACH, REACH, 6001, dtype=torch.float64)
LANGEVIN: Final = 0.05
"""The size of a Langevin step, in units of variance."""
NOISIEST: Final = 0.02
"""The share of the signal, a, that diffusion starts from."""
DETAIL: Final = 0.8
"""The decoder's noise of the VAE and of latent diffusion, as a share of the narrowest component's width."""
CODED: Final = 20_000
"""Draws that a codebook is made of."""

Draw = Callable[[Mixture, int, int, torch.Generator], Tensor]


@dataclass(frozen=True)
class Family:
    """One family."""

    likelihood: Literal["exact", "bound", "unnormalised", "none"]
    """What it knows of log p(x)."""
    draw: Draw
    """Returns the way of every draw from noise to value, (T, count), for so many steps."""
    stepped: bool = True
    """Whether the number of steps means anything to it."""


def quantiles(target: Mixture, share: Tensor) -> Tensor:
    """Return the values of a mixture below which these shares of its mass lie, of the shape of ``share``."""
    mass = target.log_prob(_FINE).softmax(0).cumsum(0)
    return _FINE[torch.searchsorted(mass, share.contiguous()).clamp(max=len(_FINE) - 1)]


def _normal(count: int, generator: torch.Generator) -> Tensor:
    return torch.randn(count, generator=generator, dtype=torch.float64)


def _mass_below(z: Tensor) -> Tensor:
    mass: Tensor = torch.special.ndtr(z)
    return mass


def _autoregressive(target: Mixture, count: int, steps: int, generator: torch.Generator) -> Tensor:
    """One binary digit after the other: which half of the interval so far, by its exact conditional probability."""
    mass = torch.cat([torch.zeros(1, dtype=torch.float64), target.log_prob(_FINE).softmax(0).cumsum(0)])
    low, width = torch.full((count,), -REACH, dtype=torch.float64), 2 * REACH

    def below(x: Tensor) -> Tensor:
        return mass[((x + REACH) / (2 * REACH) * (len(mass) - 1)).round().long()]

    ways = [torch.zeros(count, dtype=torch.float64)]
    for _step in range(steps):
        width /= 2
        total = (below(low + 2 * width) - below(low)).clamp(min=1e-300)
        upper = torch.rand(count, generator=generator, dtype=torch.float64) * total >= below(low + width) - below(low)
        low = low + width * upper
        ways.append(low + width / 2)
    return torch.stack(ways)


def _flow(target: Mixture, count: int, steps: int, generator: torch.Generator) -> Tensor:
    """Noise, moved by an increasing map in so many layers: nothing is torn and nothing glued."""
    z = _normal(count, generator)
    x = quantiles(target, _mass_below(z))
    return torch.stack([z + (x - z) * step / steps for step in range(steps + 1)])


def _gan(target: Mixture, count: int, steps: int, generator: torch.Generator) -> Tensor:
    """Noise, mapped in one step by a generator that may fold: all that is asked is that the values look right."""
    z = _normal(count, generator)
    return torch.stack([z, quantiles(target, (2 * _mass_below(z)) % 1)])


def _without_detail(target: Mixture) -> tuple[Mixture, float]:
    """Return the mixture that becomes the target where noise is added, and the noise's standard deviation."""
    detail = DETAIL * float(target.stds.min())
    return replace(target, stds=(target.stds**2 - detail**2).sqrt()), detail


def _vae(target: Mixture, count: int, steps: int, generator: torch.Generator) -> Tensor:
    """A latent number, decoded to a mean, and noise about it."""
    smooth, detail = _without_detail(target)
    z = _normal(count, generator)
    mean = quantiles(smooth, _mass_below(z))
    return torch.stack([z, mean, mean + detail * _normal(count, generator)])


def codebook(target: Mixture, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return so many codes and how often each is used, from draws of the target by Lloyd's algorithm (1982)."""
    data = target.sample(CODED, generator)
    codes = quantiles(target, (torch.arange(size, dtype=torch.float64) + 0.5) / size)
    for _round in range(30):
        nearest = torch.bucketize(data, (codes[1:] + codes[:-1]) / 2)
        used = torch.bincount(nearest, minlength=size)
        sums = torch.zeros_like(codes).index_add(0, nearest, data)
        codes = torch.where(used > 0, sums / used.clamp(min=1), codes).sort().values
    return codes, used / len(data)


def _vector_quantised(target: Mixture, count: int, steps: int, generator: torch.Generator) -> Tensor:
    """A code from a book of so many, by how often it is used, and what it stands for."""
    codes, shares = codebook(target, steps, generator)
    chosen = torch.multinomial(shares, count, replacement=True, generator=generator)
    places = torch.linspace(-2, 2, steps, dtype=torch.float64) if steps > 1 else torch.zeros(1, dtype=torch.float64)
    return torch.stack([places[chosen], codes[chosen]])


def _score(target: Mixture, x: Tensor) -> Tensor:
    """The gradient of log p(x)."""
    share = target.log_joint(x).softmax(-1)
    return (share * (target.means - x[..., None]) / target.stds**2).sum(-1)


def _energy(target: Mixture, count: int, steps: int, generator: torch.Generator) -> Tensor:
    """Noise, shaken downhill on the energy: Langevin dynamics, which knows -log p(x) only up to log Z."""
    ways = [_normal(count, generator)]
    for _step in range(steps):
        drift = 0.5 * LANGEVIN * _score(target, ways[-1])
        ways.append(ways[-1] + drift + math.sqrt(LANGEVIN) * _normal(count, generator))
    return torch.stack(ways)


def denoised(target: Mixture, x: Tensor, signal: float) -> Tensor:
    """Return E[x0 | x] for x = signal x0 + sqrt(1 - signal^2) noise and x0 from the target, of the shape of x."""
    noise = 1 - signal**2
    blurred = Mixture(target.weights, signal * target.means, (signal**2 * target.stds**2 + noise).sqrt())
    # Tweedie's formula (Efron 2011): the noisy value, moved along the score of its density.
    return (x + noise * _score(blurred, x)) / signal


def _diffusion(target: Mixture, count: int, steps: int, generator: torch.Generator) -> Tensor:
    """Noise, denoised step by step, without further chance (DDIM: Song et al. 2021, eq. 12)."""
    angles = torch.linspace(math.acos(NOISIEST), 0, steps + 1).cos().tolist()
    ways = [_normal(count, generator)]
    for signal, cleaner in pairwise(angles):
        clean = denoised(target, ways[-1], signal)
        noise = (ways[-1] - signal * clean) / math.sqrt(1 - signal**2)
        ways.append(cleaner * clean + math.sqrt(max(0.0, 1 - cleaner**2)) * noise)
    return torch.stack(ways)


def _latent_diffusion(target: Mixture, count: int, steps: int, generator: torch.Generator) -> Tensor:
    """Diffusion of what is left without detail, and a decoder that adds the detail."""
    smooth, detail = _without_detail(target)
    ways = _diffusion(smooth, count, steps, generator)
    return torch.cat([ways, ways[-1:] + detail * _normal(count, generator)])


FAMILIES: Final[Mapping[str, Family]] = {
    "autoregressive": Family("exact", _autoregressive),
    "flow": Family("exact", _flow),
    "vae": Family("bound", _vae, stepped=False),
    "vector-quantised": Family("bound", _vector_quantised),
    "diffusion": Family("bound", _diffusion),
    "latent-diffusion": Family("bound", _latent_diffusion),
    "energy": Family("unnormalised", _energy),
    "gan": Family("none", _gan, stepped=False),
}


def generate(family: str, target: Mixture, count: int, steps: int, generator: torch.Generator) -> Tensor:
    """Return how ``count`` values come about, (T, count), the first row noise and the last the values.

    ``steps`` are binary digits, layers, codes or steps, as the family has it. Raises ConfigError for an unknown family
    and for less than one step.
    """
    if family not in FAMILIES:
        raise ConfigError(f"unknown family '{family}': choose one of {', '.join(FAMILIES)}")
    if steps < 1:
        raise ConfigError(f"a draw takes one step at least, not {steps}")
    return FAMILIES[family].draw(target, count, steps, generator)


def misfit(target: Mixture, values: Tensor, bins: int = 48) -> float:
    """Return the total variation between values (N,) and a mixture, in equal bins: the share that is out of place.

    Even of the mixture's own draws some is: about sqrt(bins / (2 pi N)).
    """
    edges = torch.linspace(-REACH / 2, REACH / 2, bins + 1, dtype=torch.float64)
    cells = torch.bucketize(_FINE, edges)
    mass = torch.zeros(bins + 2, dtype=torch.float64).index_add(0, cells, target.log_prob(_FINE).softmax(0))
    found = torch.bincount(torch.bucketize(values, edges), minlength=bins + 2) / len(values)
    return float(0.5 * (found - mass).abs().sum())
