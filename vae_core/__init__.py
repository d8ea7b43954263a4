"""Autoencoders and variational autoencoders of small images, with exact inference where two dimensions allow it.

The public interface, loaded at first use so that ``import vae_core`` stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vae_core.data import load_images
    from vae_core.errors import LatentExplorerError
    from vae_core.evaluation import evaluate
    from vae_core.evidence import iwae, log_evidence, posterior
    from vae_core.objectives import elbo
    from vae_core.registry import list_models, load_model

__version__ = "0.1.0"

_HOMES = {
    "LatentExplorerError": "errors",
    "elbo": "objectives",
    "evaluate": "evaluation",
    "iwae": "evidence",
    "list_models": "registry",
    "load_images": "data",
    "load_model": "registry",
    "log_evidence": "evidence",
    "posterior": "evidence",
}

__all__ = [  # noqa: RUF022 (in the order a reader meets them)
    "load_images",
    "list_models",
    "load_model",
    "elbo",
    "log_evidence",
    "posterior",
    "iwae",
    "evaluate",
    "LatentExplorerError",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'vae_core' has no attribute '{name}'")
    return getattr(import_module(f"vae_core.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
