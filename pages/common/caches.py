"""What is loaded once for all sessions: models and the recogniser, with what the browser needs of them."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import streamlit as st
from torch import Tensor

from pages.common import own_models
from pages.common.image_sets import Shown, published
from vae_core import atlas, image_pack
from vae_core.data import ImageSet
from vae_core.errors import LatentExplorerError
from vae_core.models import Autoencoder
from vae_core.recogniser import recogniser_card, recogniser_pack

MOST_MODELS: Final = 8
T = TypeVar("T")


@dataclass(frozen=True)
class Pack:
    """A block of bytes for the browser, and the id by which the plane finds it there."""

    id: str
    content: bytes


@dataclass(frozen=True)
class Opened:
    """A model that is ready to be shown, with images that it has encoded. Sessions share it: nobody may change it."""

    name: str
    model: Autoencoder
    images: ImageSet
    codes: Tensor
    """Where each image lies on the plane, (N, 2)."""
    errors: Tensor
    """The reconstruction error of each, -log p(x|z) at its code, in nats; (N,)."""
    atlas: Pack
    """All of this for the browser, with the model's networks."""


def open_model(name: str, shown: Shown | None = None) -> Opened:
    """Return a model, bundled or of a run, and the images to be shown: MNIST's test images where nothing else is said.

    A model that is trained anew while the app runs is noticed.

    Raises:
        LatentExplorerError: the model or the images cannot be read; the message says what to do.
    """
    shown = shown or published("mnist", "test")
    opened = _open_model(name, own_models.version(name), shown.key, shown.images)
    _spare_the_collector()
    return opened


def first_that_opens(names: Iterable[str], open_one: Callable[[str], T]) -> tuple[T | None, list[LatentExplorerError]]:
    """Return the first of these models that can be opened, and what was wrong with those before it."""
    errors: list[LatentExplorerError] = []
    for name in names:
        try:
            return open_one(name), errors
        except LatentExplorerError as error:
            errors.append(error)
    return None, errors


def open_recogniser() -> Pack:
    """Return the bundled recogniser.

    Raises:
        LatentExplorerError: it cannot be read; the message says what to do.
    """
    return _open_recogniser(recogniser_card().sha256)


@st.cache_resource(max_entries=2, show_spinner=False)
def pack_inputs(images_key: str, pixels: str, _x: Tensor) -> Pack:
    """Return images as pixels of this kind, (N, 1, 28, 28), for the browser to infer from."""
    return _pack(image_pack.pack_images(_x), image_pack.IMAGES)


# The version is a part of the key: a file that was rebuilt is read again. The images are told apart by theirs.
@st.cache_resource(max_entries=MOST_MODELS, show_spinner=False)
def _open_model(name: str, version: str, images_key: str, _images: ImageSet) -> Opened:
    model = _load_model(name, version)
    # No more than the digits have colours of their own; the others are one class to the plane.
    made = replace(atlas.of_model(name, model, _images.images, _images.labels), classes=_images.classes)
    codes, errors = made.positions[0], made.values["reconstruction"]
    return Opened(name, model, _images, codes, errors, _pack(atlas.pack(made), "atlas"))


@st.cache_resource(max_entries=MOST_MODELS, show_spinner=False)
def _load_model(name: str, version: str) -> Autoencoder:
    return own_models.load(name)


@st.cache_resource(show_spinner=False)
def _spare_the_collector() -> None:
    """Take what is loaded for good out of what Python's garbage collector looks through.

    Streamlit collects after every run and holds up what the run has just said: a quarter of a second for torch alone.
    """
    gc.collect()
    gc.freeze()


@st.cache_resource(max_entries=1, show_spinner=False)
def _open_recogniser(sha256: str) -> Pack:
    return _pack(recogniser_pack(), "recogniser")


def _pack(content: bytes, kind: str) -> Pack:
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return Pack(json.loads(header["__metadata__"][kind])["id"], content)
