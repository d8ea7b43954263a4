"""The inference page's shareable view, and what it computes of one digit, kept for all sessions."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

import streamlit as st
import torch
from torch import Tensor

from pages.common import keys, state
from pages.common.caches import Pack, pack_inputs
from pages.common.geometry_panel import GEOMETRY
from pages.common.image_sets import Shown
from pages.common.own_models import model_parameter
from pages.common.parameters import PINS, Parameter, Z, choice, whole
from pages.common.plane_options import Drawing
from pages.common.plane_view import COLOUR, HIDDEN, MODE, SHOWN
from pages.common.sides import Side
from vae_core.data import binarisation_levels
from vae_core.evidence import Posterior, posterior
from vae_core.gaps import Gaps, Identity, gaps, identity
from vae_core.gaussians import Gaussians, of_encoder
from vae_core.inputs import model_input
from vae_core.modes import Modes, find_modes
from vae_core.posterior_raster import Raster, posterior_raster
from vae_core.quadrature import MAX_DIMENSION, Survey, needed_half_width
from vae_core.registry import BUNDLED

PARTS: Final = ("gaps", "estimators", "digits", "inpainting", "geometry")
ORDERS: Final = ("gap", "amortisation", "approximation", "modes", "number")
DIGITS: Final = 10_000
MODEL: Final = model_parameter("model", BUNDLED[0])
DIGIT: Final = whole("digit", DIGITS - 1)
SOURCE: Final = choice("source", ("test", "own"))
PART: Final = choice("part", PARTS)
ORDER: Final = choice("by", ORDERS)
VIEW: Final[tuple[Parameter[Any], ...]] = (
    MODEL, SOURCE, DIGIT, Z, PINS, COLOUR, SHOWN, HIDDEN, MODE, PART, ORDER, GEOMETRY,
)  # fmt: skip


@dataclass(frozen=True)
class Subject:
    """One image, as it is drawn and as the model sees it."""

    key: str
    """By which caches tell it from others, of any model."""
    image: Tensor
    """Grey levels, uint8 (28, 28)."""
    x: Tensor
    """Pixels of the kind that the model's likelihood is a density of, (1, 1, 28, 28)."""
    label: int | None = None


@dataclass(frozen=True)
class Look:
    """The exact posterior of one image, and what belongs to it."""

    posterior: Posterior
    modes: Modes
    raster: Raster | None
    """None where the latent space is a line."""
    q: Gaussians | None
    """None for an autoencoder."""


def is_exact(side: Side) -> bool:
    """Whether the model's latent space is small enough for exact inference."""
    return side.model.config.latent_dim <= MAX_DIMENSION


def subject(side: Side, shown: Shown) -> Subject | None:
    """Return the image that the person asks for; None while nothing is drawn."""
    if state.get(SOURCE) == "own":
        drawn = st.session_state.get(keys.DRAWN)
        return None if drawn is None else own_subject(side, drawn)
    return test_subject(side, shown, state.get(DIGIT))


def own_subject(side: Side, drawn: tuple[int, ...]) -> Subject:
    """Return an image given by its 784 grey levels."""
    image = torch.tensor(drawn, dtype=torch.uint8).reshape(28, 28)
    return Subject(f"own/{hashlib.sha256(bytes(drawn)).hexdigest()}", image, model_input(side.model, image[None]))


def drawing(side: Side) -> Drawing:
    """Return what the browser needs for the posterior to follow the pen."""
    levels = binarisation_levels().flatten().tolist() if side.model.likelihood.pixels == "binary" else None
    return Drawing(st.session_state.get(keys.DRAWN), levels)


def test_subject(side: Side, shown: Shown, number: int) -> Subject:
    """Return a digit of the test set; binary pixels are those of the whole set binarised once."""
    x = inputs(side, shown)[number : number + 1]
    return Subject(f"{shown.key}/{number}", shown.images.images[number], x, int(shown.images.labels[number]))


def inputs(side: Side, shown: Shown) -> Tensor:
    """Return all images as the pixels that the model's likelihood is a density of, (N, 1, 28, 28)."""
    return _inputs(shown.key, side.model.likelihood.pixels, side, shown)


@st.cache_resource(max_entries=4, show_spinner=False)
def _inputs(images_key: str, pixels: str, _side: Side, _shown: Shown) -> Tensor:
    return model_input(_side.model, _shown.images.images)


def input_pack(side: Side, shown: Shown) -> Pack | None:
    """Return all of them for the browser to infer from; None where it cannot, without a plane or a prior."""
    if side.atlas is None or not side.model.is_variational:
        return None
    return pack_inputs(shown.key, side.model.likelihood.pixels, inputs(side, shown))


@torch.no_grad()
def half_width(side: Side, x: Tensor) -> float:
    """Return how far a grid has to reach for an image."""
    return needed_half_width(side.model.encode(x)[0]).max().item()


def survey(side: Side, x: Tensor) -> Survey:
    """Return the coarsest cells of the model's plane, decoded once."""
    return _survey(side.key, half_width(side, x), side)


@st.cache_resource(max_entries=8, show_spinner=False)
def _survey(key: str, width: float, _side: Side) -> Survey:
    return Survey(_side.model, width)


def look(side: Side, chosen: Subject) -> Look:
    """Return the posterior of an image, with its modes, and q."""
    return _look(side.key, chosen.key, side, chosen)


@st.cache_resource(max_entries=64, show_spinner=False)
def _look(key: str, image: str, _side: Side, _chosen: Subject) -> Look:
    model, x = _side.model, _chosen.x
    found = posterior(model, x, survey=survey(_side, x))
    modes = find_modes(model, x, found)
    raster = posterior_raster(found) if model.config.latent_dim == 2 else None
    return Look(found, modes, raster, of_encoder(model, x) if model.is_variational else None)


def terms(side: Side, chosen: Subject) -> Identity:
    """Return log p(x), the ELBO and the KL of an image, each computed on its own."""
    return _terms(side.key, chosen.key, side, chosen)


@st.cache_resource(max_entries=256, show_spinner=False)
def _terms(key: str, image: str, _side: Side, _chosen: Subject) -> Identity:
    return identity(_side.model, _chosen.x)


def known_split(side: Side, chosen: Subject) -> Gaps | None:
    """Return the gaps of an image if the person asked for them on the plane: it waits for nothing."""
    return split(side, chosen) if st.session_state.get(keys.COURSE) == (side.key, chosen.key) else None


def show_course(side: Side, chosen: Subject) -> None:
    """Lay the refined q over the plane from the next run on."""
    st.session_state[keys.COURSE] = (side.key, chosen.key)


def split(side: Side, chosen: Subject) -> Gaps:
    """Return the gaps of an image, with the course of its q refined."""
    return _split(side.key, chosen.key, side, chosen)


@st.cache_resource(max_entries=256, show_spinner=False)
def _split(key: str, image: str, _side: Side, _chosen: Subject) -> Gaps:
    found = look(_side, _chosen)
    return gaps(_side.model, _chosen.x, found.posterior, found.modes)
