"""The two models of the comparison: bundled ones, and a person's own runs of whatever latent size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import streamlit as st
import torch
from torch import Tensor

from pages.common import caches, keys, own_models
from pages.common.caches import Pack
from pages.common.i18n import _
from pages.common.image_sets import Shown
from vae_core.data import ImageSet
from vae_core.evaluation import evaluate
from vae_core.inputs import model_input
from vae_core.models import Autoencoder
from vae_core.recogniser import load_recogniser
from vae_core.registry import Card

PLANE: Final = 2
_CHUNK: Final = 500


@dataclass(frozen=True)
class Side:
    """One model of the comparison, with images that it has encoded. Sessions share it: nobody may change it."""

    key: str
    """By which caches tell it from others."""
    card: Card
    """A run's has no figures: nobody has measured it yet."""
    model: Autoencoder
    images: ImageSet
    codes: Tensor
    """Where each image lies in its latent space, (N, d)."""
    atlas: Pack | None
    """Its plane; None where its latent space is not one."""

    @property
    def name(self) -> str:
        """The name of the model or of the run."""
        return self.card.name


Pair = tuple[Side, Side]


def open_side(name: str, shown: Shown) -> Side:
    """Return a bundled model, or the newest model of a person's own run, with these images encoded.

    Raises:
        LatentExplorerError: it cannot be read; the message says what to do.
    """
    card = own_models.card_of(name)
    if card.latent_dim != PLANE:
        return _open_without_plane(name, own_models.version(name), shown.key, shown.images)
    opened = caches.open_model(name, shown)
    return Side(opened.atlas.id, card, opened.model, opened.images, opened.codes, opened.atlas)


@st.cache_resource(max_entries=4, show_spinner=False)
def _open_without_plane(name: str, version: str, images_key: str, _images: ImageSet) -> Side:
    model = own_models.load(name)
    key = f"{name}/{version}/{images_key}"
    return Side(key, own_models.card_of(name), model, _images, _codes(model, _images.images), None)


@torch.no_grad()
def _codes(model: Autoencoder, images: Tensor) -> Tensor:
    return torch.cat([model.encode(chunk)[0] for chunk in model_input(model, images).split(_CHUNK)])


def measured(side: Side) -> Card:
    """Return the card of a model with its figures; a run's are taken when they are asked for, which is offered here."""
    if side.card.figures:
        return side.card
    if side.key in st.session_state.get(keys.MEASURED, ()):
        with st.spinner(_("Measuring {name} on 10,000 images: a minute or so…").format(name=side.name)):
            return replace(side.card, figures=_figures(side.key, side))
    st.button(
        _("Measure {name}").format(name=side.name),
        key=f"measure-{side.name}",
        on_click=partial(_ask_for, side.key),
        help=_("Measures this run on the images that the bundled models were measured on: a minute or so"),
    )
    return side.card


def _ask_for(key: str) -> None:
    st.session_state[keys.MEASURED] = {*st.session_state.get(keys.MEASURED, ()), key}


@st.cache_data(max_entries=32, show_spinner=False)
def _figures(key: str, _side: Side) -> Mapping[str, Any]:
    return _measure(_side)


def _measure(side: Side) -> Mapping[str, Any]:
    return evaluate(
        side.model, side.images.images, samples=1, iwae_samples=0, measures=True, recogniser=load_recogniser()
    )


def limits(pair: Pair) -> list[str]:
    """Return what cannot be compared of two models, or is to be known of them, in sentences."""
    first, second = (side.model.config.latent_dim for side in pair)
    words = []
    for side in pair:
        if side.card.config.train.data != "mnist":
            words.append(
                _("{name} was trained on other images than MNIST's, which it encodes here.").format(name=side.name)
            )
    if first != second:
        sentence = _(
            "Their latent spaces have {first} and {second} dimensions: reconstructions, samples, paths and measures "
            "compare, places do not, so there is no shared pointer and no morph."
        )
        words.append(sentence.format(first=first, second=second))
    elif first != PLANE:
        sentence = _(
            "Their latent spaces have {size} dimensions, and so no planes to be drawn: reconstructions, samples, "
            "paths and measures compare."
        )
        words.append(sentence.format(size=first))
    return words
