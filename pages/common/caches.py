"""What is loaded once for all sessions: models and the recogniser, with what the browser needs of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import streamlit as st

from vae_core import atlas
from vae_core.data import load_images
from vae_core.errors import LatentExplorerError
from vae_core.models import Autoencoder
from vae_core.recogniser import recogniser_card, recogniser_pack
from vae_core.registry import load_model, read_card

MOST_MODELS: Final = 8


@dataclass(frozen=True)
class Pack:
    """A block of bytes for the browser, and the id by which the plane finds it there."""

    id: str
    content: bytes


@dataclass(frozen=True)
class Opened:
    """A model that is ready to be shown. Sessions share it, so nobody may change it."""

    name: str
    model: Autoencoder
    atlas: Pack
    """The test set encoded by it, and its networks."""


def open_model(name: str) -> Opened:
    """Return a bundled model; one rebuilt while the app runs is noticed, because its card changes with it.

    Raises:
        LatentExplorerError: the model or the images cannot be read; the message says what to do.
    """
    return _open_model(name, read_card(name).sha256)


def first_that_opens(names: Iterable[str]) -> tuple[Opened | None, list[LatentExplorerError]]:
    """Return the first of these models that can be opened, and what was wrong with those before it."""
    errors: list[LatentExplorerError] = []
    for name in names:
        try:
            return open_model(name), errors
        except LatentExplorerError as error:
            errors.append(error)
    return None, errors


def open_recogniser() -> Pack:
    """Return the bundled recogniser.

    Raises:
        LatentExplorerError: it cannot be read; the message says what to do.
    """
    return _open_recogniser(recogniser_card().sha256)


# The digest is a part of the key: a file that was rebuilt is read again.
@st.cache_resource(max_entries=MOST_MODELS, show_spinner=False)
def _open_model(name: str, sha256: str) -> Opened:
    model = load_model(name)
    images, labels = load_images("mnist", "test")
    return Opened(name, model, _pack(atlas.pack(atlas.of_model(name, model, images, labels)), "atlas"))


@st.cache_resource(max_entries=1, show_spinner=False)
def _open_recogniser(sha256: str) -> Pack:
    return _pack(recogniser_pack(), "recogniser")


def _pack(content: bytes, kind: str) -> Pack:
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return Pack(json.loads(header["__metadata__"][kind])["id"], content)
