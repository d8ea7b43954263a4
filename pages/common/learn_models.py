"""What the sections on real models share: bundled models with the codes of the test digits, and one digit of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import streamlit as st
import torch
from torch import Tensor

from pages.common import own_models
from pages.common.i18n import _
from vae_core.comparison import one_of_each
from vae_core.data import binarize_once, load_images
from vae_core.models import Autoencoder

CLASSES: Final = tuple("0123456789")
SEED: Final = 8
"""Which of the test digits are the examples."""


@dataclass(frozen=True)
class Digits:
    """MNIST's test digits; sessions share them."""

    grey: Tensor
    """uint8 (N, 28, 28)."""
    binary: Tensor
    """The same in black and white, (N, 1, 28, 28): what the likelihood of the models is of."""
    labels: Tensor
    examples: tuple[int, ...]
    """Which of them are the examples, one of each class."""


@dataclass(frozen=True)
class Real:
    """A bundled model, and what it makes of the test digits; sessions share it."""

    model: Autoencoder
    mu: Tensor
    """(N, 2)."""
    logvar: Tensor | None
    """(N, 2); None of an autoencoder."""


@st.cache_resource(show_spinner=False)
def digits() -> Digits:
    """Return the test digits.

    Raises:
        LatentExplorerError: they cannot be read; the message says what to do.
    """
    grey, labels = load_images()
    return Digits(grey, binarize_once(grey), labels, tuple(one_of_each(labels, SEED)))


def real(name: str) -> Real:
    """Return a bundled model.

    Raises:
        LatentExplorerError: it cannot be read; the message says what to do.
    """
    return _real(name, own_models.version(name))


@st.cache_resource(max_entries=4, show_spinner=False)
def _real(name: str, version: str) -> Real:
    model = own_models.load(name)
    return Real(model, *model.encode(digits().binary))


def example(kind: int) -> Tensor:
    """Return the example of a class in black and white, (1, 1, 28, 28)."""
    return digits().binary[[digits().examples[kind]]]


def code(kind: int) -> tuple[Tensor, Tensor]:
    """Return mu and logvar of the example of a class, each (2,), as the VAE encodes it."""
    vae, number = real("vae"), digits().examples[kind]
    return vae.mu[number], torch.zeros(2) if vae.logvar is None else vae.logvar[number]


def choose_digit(section: str, default: str) -> int:
    """Offer one test digit of each class; return the class that is chosen."""
    chosen = st.segmented_control(
        _("Test digit"), CLASSES, default=default, required=True, key=f"learn.{section}.digit",
        help=_("One of each class"), wrap=True,
    )  # fmt: skip
    return int(chosen or default)
