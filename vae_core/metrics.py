"""Measures of a regular latent space: how smooth, how full and how informative it is, and at what price."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import torch
from torch import Tensor

from vae_core.aggregate import (
    GRID_DIMENSION,
    HOLES_DIMENSION,
    clamp_information,
    holes,
    information,
    population_posterior,
)
from vae_core.bounds import Bounds, estimate_bounds
from vae_core.data import to_pixels
from vae_core.errors import ConfigError, DataError
from vae_core.fitted_prior import with_fitted_prior
from vae_core.generation import Generation, generate, judge, recognise
from vae_core.geometry import jacobian_norm
from vae_core.inputs import model_input
from vae_core.models import Autoencoder
from vae_core.recogniser import Recogniser
from vae_core.standard_errors import Errors, of_mean, of_quantile, of_share

ACTIVE_THRESHOLD = 0.01
PRIORS: Final = ("standard", "fitted")
"""N(0, I), and for an AE the Gaussian fitted to its codes."""
FITTED: Final = "_fitted"
"""What the key of a measure ends in where it is taken under the fitted prior."""
PRIOR_SAMPLES: Final = 10_000
IMAGES: Final = 10_000
"""Where all pairs of images are looked at, at most so many are, drawn from those there are."""
_CHUNK: Final = 500
_STEEPEST: Final = 0.99
_DERIVATIVES: Final = 200_000
"""Columns of Jacobians to compute at most: of a large latent space, fewer points are looked at."""


@dataclass(frozen=True)
class Measure:
    """What a page needs to know of a measure to show it beside another model's."""

    key: str
    unit: Literal["nats", "share", "count", "pixels/z", "features²"]
    """Nats per image; a share of 1; a number of dimensions; pixel values per unit of z; squared features."""
    better: Literal["lower", "higher", "neither"]
    under_prior: bool
    """Whether it depends on the prior, so that an AE has it a second time, under the fitted one."""


MEASURES: Final = (
    Measure("continuity", "pixels/z", "lower", True),
    Measure("continuity_p99", "pixels/z", "lower", True),
    Measure("completeness", "share", "higher", True),
    Measure("precision", "share", "higher", True),
    Measure("recall", "share", "higher", True),
    Measure("frechet", "features²", "lower", True),
    Measure("holes", "share", "lower", True),
    Measure("rate", "nats", "neither", False),
    Measure("distortion", "nats", "lower", False),
    Measure("elbo", "nats", "higher", False),
    Measure("log_evidence", "nats", "higher", True),
    Measure("active_units", "count", "neither", False),
    Measure("mutual_information", "nats", "neither", False),
)
"""Every measure, in the order of the fields of `Measures`, whose names are the keys."""


@dataclass(frozen=True)
class Measures:
    """The measures of one model under one prior; None where one is not defined."""

    continuity: float
    """Mean over the prior of the Frobenius norm of the decoder's Jacobian (`geometry.jacobian_norm`)."""
    continuity_p99: float
    """The 99th percentile of that norm: how steep the steepest places are."""
    completeness: float | None
    """Share of images decoded from the prior that the recogniser accepts as a digit (`generation.completeness`)."""
    precision: float | None
    """Share of generated images that lie among the real ones (`generation.precision_recall`)."""
    recall: float | None
    """Share of real images that lie among the generated ones (`generation.precision_recall`)."""
    frechet: float | None
    """Fréchet distance between generated and real images (`generation.frechet_distance`)."""
    holes: float | None
    """Share of the prior's mass where the aggregate posterior has next to none (`aggregate.holes`, of
    `aggregate.population_posterior`); for a latent size of up to 10."""
    rate: float | None
    """Mean of KL(q(z|x) || p(z)) over images, in nats; an AE has none (Alemi et al. 2018)."""
    distortion: float
    """Mean of -E_q[log p(x|z)] over images, in nats; for an AE at its code (Alemi et al. 2018)."""
    elbo: float | None
    """-(distortion + rate), in nats (Kingma & Welling 2014, eq. 3)."""
    log_evidence: float | None
    """Mean of log p(x) over images, in nats, by quadrature; for a latent size of 1 or 2 (`evidence.log_evidence`)."""
    active_units: int
    """Latent dimensions that depend on the image (`active_units`)."""
    mutual_information: float | None
    """I_q(x; z) in nats (`aggregate.mutual_information`); None for an AE, whose codes tell all images apart."""
    errors: Errors
    """The standard errors by the names above: over images, or over draws from the prior. None of the Fréchet distance,
    whose bias exceeds its spread, of active units, and of holes on a grid, which are summed exactly."""


def latent_activity(mu: Tensor) -> Tensor:
    """Return the variance over images of each latent mean, Cov_x(E_q[z]), for mu (N, d); shape (d,)."""
    return mu.var(0, unbiased=False)


def active_units(mu: Tensor) -> int:
    """Return how many latent dimensions depend on the image, for mu (N, d).

    A unit is active where its activity exceeds 0.01 (Burda et al. 2016, sec. 5.2).
    """
    return int((latent_activity(mu) > ACTIVE_THRESHOLD).sum())


@torch.no_grad()
def _encode(model: Autoencoder, x: Tensor) -> tuple[Tensor, Tensor | None]:
    """Return the codes of all images, mu and logvar, each (N, d)."""
    mu, logvar = zip(*[model.encode(chunk) for chunk in x.split(_CHUNK)], strict=True)
    return torch.cat(mu), torch.cat(logvar) if model.is_variational else None


def _some(count: int, generator: torch.Generator | None) -> Tensor:
    """Return which of ``count`` images are compared pair by pair: all, or `IMAGES` of them."""
    return torch.arange(count) if count <= IMAGES else torch.randperm(count, generator=generator)[:IMAGES]


def _steepness(model: Autoencoder, samples: int, generator: torch.Generator | None) -> Tensor:
    """Return the norm of the decoder's Jacobian at draws from N(0, I)."""
    dimension = model.config.latent_dim
    count = max(1, min(samples, _DERIVATIVES // dimension))
    return jacobian_norm(model, torch.randn(count, dimension, generator=generator).to(next(model.parameters())))


def _judge(
    model: Autoencoder, images: Tensor, recogniser: Recogniser, samples: int, generator: torch.Generator | None
) -> Generation:
    """Return the measures of images decoded from N(0, I), as many as real ones where sets are compared."""
    images = images[_some(len(images), generator)]
    generated = recognise(recogniser, generate(model, max(samples, len(images)), generator))
    return judge(recognise(recogniser, to_pixels(images)), generated)


def _empty_share(mu: Tensor, logvar: Tensor | None, samples: int, generator: torch.Generator | None) -> float | None:
    """Return the share of the prior that is holes, None where there are too many dimensions to say."""
    if mu.shape[1] > HOLES_DIMENSION:
        return None
    chosen = _some(len(mu), generator)
    return holes(population_posterior(mu[chosen], None if logvar is None else logvar[chosen]), samples, generator)


def measure(
    model: Autoencoder,
    images: Tensor,
    recogniser: Recogniser | None = None,
    generator: torch.Generator | None = None,
    prior: str = "standard",
    bounds: Bounds | None = None,
    exact: bool = True,
    samples: int = PRIOR_SAMPLES,
    report: Callable[[float], None] = lambda share: None,
) -> Measures:
    """Return every measure of ``model`` on uint8 images (N, 28, 28), under one prior.

    ``prior`` is "standard", N(0, I), or for an AE "fitted": the Gaussian fitted to its codes, where a unit of z is
    a standard deviation of it. ``samples`` draws from the prior stand for it. Without a ``recogniser`` what is
    measured in its features is None. ``bounds`` known already are not estimated again; ``exact`` False leaves
    log p(x) out. ``report`` is called with the share that is done.

    Raises DataError where there are no images, ConfigError for an unknown prior, ModelError for a VAE's "fitted".
    """
    if prior not in PRIORS:
        raise ConfigError(f"unknown prior '{prior}': choose one of {', '.join(PRIORS)}")
    if len(images) == 0:
        raise DataError("there are no images to measure on: choose a data set that has some")
    x = model_input(model, images)
    mu, logvar = _encode(model, x)
    active = active_units(mu)
    if prior == "fitted":
        model = with_fitted_prior(model, mu)
        mu, logvar = _encode(model, x)
    report(0.05)
    steepness = _steepness(model, samples, generator)
    report(0.2)
    judged = Generation(None, None, None, None, {})
    if recogniser is not None:
        judged = _judge(model, images, recogniser, samples, generator)
    report(0.5)
    told = None if logvar is None else information(mu, logvar, generator=generator)
    empty = _empty_share(mu, logvar, samples, generator)
    report(0.6)
    bounds = bounds or estimate_bounds(model, x, generator=generator, exact=exact)
    report(1.0)
    return Measures(
        continuity=steepness.mean().item(),
        continuity_p99=steepness.quantile(_STEEPEST).item(),
        completeness=judged.completeness,
        precision=judged.precision,
        recall=judged.recall,
        frechet=judged.frechet,
        holes=empty,
        rate=bounds.rate,
        distortion=bounds.distortion,
        elbo=bounds.elbo,
        log_evidence=bounds.log_evidence,
        active_units=active,
        mutual_information=None if told is None else clamp_information(told.mean().item(), len(mu)),
        errors={
            "continuity": of_mean(steepness),
            "continuity_p99": of_quantile(steepness, _STEEPEST),
            **judged.errors,
            "holes": None if mu.shape[1] <= GRID_DIMENSION else of_share(empty, samples),
            **bounds.errors,
            "mutual_information": None if told is None else of_mean(told),
        },
    )


def as_figures(standard: Measures, fitted: Measures | None = None) -> dict[str, Any]:
    """Return measures and their standard errors as one flat dictionary.

    The key of a measure under the fitted prior ends in "_fitted", that of a standard error in "_error" after that.
    """
    flat = {}
    for measure in MEASURES:
        for suffix, measures in (("", standard), (FITTED, fitted)):
            if not suffix or measure.under_prior:
                key = measure.key + suffix
                flat[key] = None if measures is None else getattr(measures, measure.key)
                flat[f"{key}_error"] = None if measures is None else measures.errors.get(measure.key)
    return flat
