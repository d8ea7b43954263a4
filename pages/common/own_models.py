"""The models there are to choose: the bundled ones, and a person's own runs by the names of their folders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pages.common.i18n import _
from pages.common.parameters import RUN, Parameter
from pages.common.text import quoted
from vae_core.models import Autoencoder
from vae_core.registry import BUNDLED, CHECKPOINT_NAME, Card, load_model, read_card
from vae_core.run_folder import list_runs, read_about, read_config, root


def runs() -> list[str]:
    """Return the names of the person's own runs that have a model by now, the newest first."""
    return [run.name for run in list_runs(root()) if _has_name(run.name) and _checkpoint(run.name).is_file()]


def _has_name(name: str) -> bool:
    try:
        return name not in BUNDLED and RUN.read(name) == name
    except ValueError:
        return False


def _checkpoint(name: str) -> Path:
    return root() / name / CHECKPOINT_NAME


def model_parameter(name: str, default: str) -> Parameter[str]:
    """Return the parameter that is a bundled model or one of the person's runs."""

    def read(text: str) -> str:
        if text not in BUNDLED and text not in runs():
            raise ValueError(text)
        return text

    def expected() -> str:
        names = ", ".join(map(quoted, BUNDLED))
        return _("one of {names}, or the name of a run in {folder}").format(names=names, folder=quoted(root().name))

    return Parameter(name, default, read, str, expected)


def title(name: str) -> str:
    """Return what a model is called: its own name, or what the person calls the run."""
    return name if name in BUNDLED else _("{name} (own run)").format(name=read_about(root() / name).name)


def version(name: str) -> str:
    """Return what tells a model that was trained anew from the one before, for caches.

    Raises:
        LatentExplorerError: the card of a bundled model is missing or damaged.
    """
    if name in BUNDLED:
        return read_card(name).sha256
    checkpoint = _checkpoint(name)
    return f"{root().resolve()}/{checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0}"


def load(name: str) -> Autoencoder:
    """Return the model, or the newest one of a run; an any-beta model stands at beta 1.

    Raises:
        LatentExplorerError: it cannot be read; the message says what to do.
    """
    model = load_model(name if name in BUNDLED else root() / name)
    return model.at(1.0) if model.config.beta_range else model


def card_of(name: str) -> Card:
    """Return the card of a bundled model; that of a run has no figures, since nobody has measured it yet.

    Raises:
        LatentExplorerError: it cannot be read; the message says what to do.
    """
    if name in BUNDLED:
        return read_card(name)
    config = read_config(root() / name)
    shown = replace(config, model=replace(config.model, beta_range=()))
    return Card(name, read_about(root() / name).note, shown, {}, 0.0, "", "", _size(name))


def _size(name: str) -> int:
    checkpoint = _checkpoint(name)
    return checkpoint.stat().st_size if checkpoint.exists() else 0
