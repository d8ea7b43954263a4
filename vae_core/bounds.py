"""What a model makes of images on average: rate, distortion, the ELBO and where it can be had log p(x)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import torch
from torch import Tensor

from vae_core.evidence import log_evidence
from vae_core.models import Autoencoder
from vae_core.objectives import elbo_terms
from vae_core.quadrature import MAX_DIMENSION
from vae_core.standard_errors import Errors, of_mean

_CHUNK: Final = 500


@dataclass(frozen=True)
class Bounds:
    """What `vae_core.evaluate` estimates in any case: means over images in nats, None where not defined."""

    rate: float | None
    distortion: float
    elbo: float | None
    log_evidence: float | None
    errors: Errors = field(default_factory=dict)
    """Their standard errors over images."""


@torch.no_grad()
def estimate_bounds(
    model: Autoencoder, x: Tensor, samples: int = 10, generator: torch.Generator | None = None, exact: bool = True
) -> Bounds:
    """Return the bounds on images (N, 1, 28, 28), with ``samples`` draws of z each; log p(x) if ``exact``."""
    terms = [elbo_terms(model, chunk, samples, generator) for chunk in x.split(_CHUNK)]
    estimates = {"distortion": torch.cat([term.reconstruction for term in terms])}
    if model.is_variational:
        estimates["rate"] = torch.cat([term.kl for term in terms])
        estimates["elbo"] = -(estimates["distortion"] + estimates["rate"])
    if exact and model.config.latent_dim <= MAX_DIMENSION:
        estimates["log_evidence"] = log_evidence(model, x)
    means = {key: values.double().mean().item() for key, values in estimates.items()}
    return Bounds(
        means.get("rate"),
        means["distortion"],
        means.get("elbo"),
        means.get("log_evidence"),
        {key: of_mean(values) for key, values in estimates.items()},
    )
