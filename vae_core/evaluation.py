"""Evaluation: every figure of one model on one data set, in nats per image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from vae_core.bounds import Bounds
from vae_core.data import to_pixels
from vae_core.errors import LatentExplorerError
from vae_core.evidence import iwae, log_evidence
from vae_core.inputs import model_input
from vae_core.metrics import active_units, as_figures, latent_activity, measure
from vae_core.models import Autoencoder
from vae_core.objectives import elbo_terms
from vae_core.quadrature import MAX_DIMENSION
from vae_core.recogniser import Recogniser
from vae_core.standard_errors import of_mean

SEED = 0
CHUNK = 500


@torch.no_grad()
def _estimators(
    model: Autoencoder,
    x: Tensor,
    samples: int,
    iwae_samples: int,
    exact: bool,
    report: Callable[[str, float], None],
) -> dict[str, Tensor]:
    """Return the per-image estimates a model admits, keyed as in `evaluate`."""
    generator = torch.Generator().manual_seed(SEED)
    estimates: dict[str, list[Tensor]] = {"reconstruction": [], "kl": [], "elbo": [], "iwae": [], "log_evidence": []}
    for done, chunk in enumerate(x.split(CHUNK)):
        terms = elbo_terms(model, chunk, samples, generator)
        estimates["reconstruction"].append(terms.reconstruction)
        if model.is_variational:
            estimates["kl"].append(terms.kl)
            estimates["elbo"].append(terms.elbo)
            if iwae_samples:
                estimates["iwae"].append(iwae(model, chunk, iwae_samples, generator))
        report("bounds", min(1.0, (done + 1) * CHUNK / len(x)))
    if exact and model.config.latent_dim <= MAX_DIMENSION:
        report("evidence", 0.0)
        estimates["log_evidence"].append(log_evidence(model, x))
        report("evidence", 1.0)
    return {key: torch.cat(values) for key, values in estimates.items() if values}


def evaluate(
    model: Autoencoder,
    images: Tensor,
    samples: int = 10,
    iwae_samples: int = 500,
    exact: bool = True,
    report: Callable[[str, float], None] = lambda stage, share: None,
    measures: bool = False,
    recogniser: Recogniser | None = None,
) -> dict[str, Any]:
    """Return every figure of ``model`` on uint8 images (N, 28, 28) as one flat dictionary.

    Means over images in nats per image under ``elbo``, ``reconstruction``, ``kl``, ``log_evidence``, ``iwae``; None
    where a figure is not defined (the bounds of an AE, the exact evidence beyond two dimensions) or not asked for
    (``iwae_samples`` of 0, ``exact`` of False). ``squared_error`` is per pixel, on grey values.
    ``measures`` adds those of `vae_core.metrics` under their keys, and for an AE under the Gaussian fitted to its
    codes with keys that end in ``_fitted``; without a ``recogniser`` those in its features are None.
    Every figure has its standard error under its key and ``_error``, over images or over draws from the prior; None
    where none is defined (`metrics.Measures.errors`, or a single image).
    ``report`` is called with a stage, "bounds", "evidence" or "regularity", and the share of it that is done.
    Raises LatentExplorerError where there is no image or no sample.
    """
    if len(images) == 0:
        raise LatentExplorerError("there are no images to evaluate on: choose a data set that has some")
    if samples < 1:
        raise LatentExplorerError(f"the ELBO needs at least one sample, not {samples}")
    x = model_input(model, images)
    figures: dict[str, Any] = {
        "images": len(images),
        "pixels": model.likelihood.pixels,
        "samples": samples,
        "iwae_samples": iwae_samples if model.is_variational and iwae_samples else None,
    }
    estimates = _estimators(model, x, samples, iwae_samples, exact, report)
    for key in ("elbo", "reconstruction", "kl", "log_evidence", "iwae"):
        values = estimates.get(key)
        figures[key] = None if values is None else values.double().mean().item()
        figures[f"{key}_error"] = None if values is None else of_mean(values)
    with torch.no_grad():
        mu = torch.cat([model.encode(chunk)[0] for chunk in x.split(CHUNK)])
        errors = torch.cat(
            [
                (model.decode(z) - to_pixels(some)).double().square().flatten(1).mean(1)
                for z, some in zip(mu.split(CHUNK), images.split(CHUNK), strict=True)
            ]
        )
    figures |= {"squared_error": errors.mean().item(), "squared_error_error": of_mean(errors)}
    figures["active_units"] = active_units(mu)
    if measures:
        figures |= _measures(model, images, figures, exact, recogniser, report)
    return figures


def _measures(
    model: Autoencoder,
    images: Tensor,
    figures: dict[str, Any],
    exact: bool,
    recogniser: Recogniser | None,
    report: Callable[[str, float], None],
) -> dict[str, Any]:
    """Return the measures of a regular latent space, flat: of an AE under either prior."""
    generator = torch.Generator().manual_seed(SEED)
    keys = {"rate": "kl", "distortion": "reconstruction", "elbo": "elbo", "log_evidence": "log_evidence"}
    bounds = Bounds(
        **{name: figures[key] for name, key in keys.items()},
        errors={name: figures[f"{key}_error"] for name, key in keys.items()},
    )
    priors = 1 if model.is_variational else 2

    def first(share: float) -> None:
        report("regularity", share / priors)

    def second(share: float) -> None:
        report("regularity", (1 + share) / priors)

    standard = measure(model, images, recogniser, generator, bounds=bounds, report=first)
    if model.is_variational:
        return as_figures(standard)
    return as_figures(standard, measure(model, images, recogniser, generator, "fitted", exact=exact, report=second))


@torch.no_grad()
def beta_curves(model: Autoencoder, images: Tensor, betas: Sequence[float], samples: int = 3) -> dict[str, list[float]]:
    """Return what an any-beta model gives at each of ``betas`` on uint8 images (N, 28, 28), a list a quantity.

    ``distortion`` and ``rate`` are means over images in nats; ``activity.0``, ``activity.1``, ... is the variance of
    each latent mean over images (Burda et al. 2016, sec. 5.2). The noise is the same at every beta.
    Raises ConfigError for a beta out of the model's range.
    """
    x = model_input(model, images)
    curves: dict[str, list[float]] = {}
    for fixed in map(model.at, betas):
        generator = torch.Generator().manual_seed(SEED)
        terms = [elbo_terms(fixed, chunk, samples, generator) for chunk in x.split(CHUNK)]
        mu = torch.cat([fixed.encode(chunk)[0] for chunk in x.split(CHUNK)])
        point = {
            "distortion": torch.cat([term.reconstruction for term in terms]).mean().item(),
            "rate": torch.cat([term.kl for term in terms]).mean().item(),
            **{f"activity.{unit}": value for unit, value in enumerate(latent_activity(mu).tolist())},
        }
        for name, value in point.items():
            curves.setdefault(name, []).append(value)
    return curves
