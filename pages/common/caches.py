"""What is loaded once for all sessions: models, what the browser needs of them, and the recogniser."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import streamlit as st

from vae_core import atlas
from vae_core.data import load_images
from vae_core.errors import LatentExplorerError
from vae_core.models import Autoencoder
from vae_core.registry import load_model, read_card

MOST_MODELS = 8


@dataclass(frozen=True)
class Opened:
    """A model that is ready to be shown. Sessions share it, so nobody may change it."""

    name: str
    model: Autoencoder
    atlas_id: str
    atlas: bytes
    """The test set encoded by it, and its networks, packed for the browser."""


def open_model(name: str) -> Opened:
    """Return a bundled model; rebuilt weights are noticed, because their card has changed with them.

    Raises:
        LatentExplorerError: the model or the images cannot be read; the message says what to do.
    """
    return _open(name, read_card(name).sha256)


def first_that_opens(names: Iterable[str]) -> tuple[Opened | None, list[LatentExplorerError]]:
    """Return the first of these models that can be opened, and what was wrong with those before it."""
    errors: list[LatentExplorerError] = []
    for name in names:
        try:
            return open_model(name), errors
        except LatentExplorerError as error:
            errors.append(error)
    return None, errors


@st.cache_resource(max_entries=MOST_MODELS, show_spinner=False)
def _open(name: str, sha256: str) -> Opened:
    model = load_model(name)
    images, labels = load_images("mnist", "test")
    packed = atlas.pack(atlas.of_model(name, model, images, labels))
    return Opened(name, model, atlas.read_header(packed)["id"], packed)
