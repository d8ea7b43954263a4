"""A digit of the person's own, drawn or from a picture: the pad, the upload, and what the model makes of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import Final

import streamlit as st
import torch

from pages.common import keys
from pages.common.caches import Opened
from pages.common.i18n import _
from pages.common.layout import problem
from pages.common.plane import pad
from vae_core.data import picture_to_image
from vae_core.errors import DataError
from vae_core.evidence import log_evidence
from vae_core.inputs import model_input
from vae_core.models import Autoencoder
from vae_core.objectives import elbo
from vae_core.pictures import MAX_PICTURE_BYTES, SUFFIXES

SAMPLES: Final = 200
"""Draws from q(z|x) that the reconstruction term is the mean of."""
PICTURES: Final = [suffix.removeprefix(".") for suffix in SUFFIXES]


@dataclass(frozen=True)
class Figures:
    """What a model says of one image, in nats; an autoencoder has a reconstruction error only."""

    reconstruction: float
    kl: float | None = None
    elbo: float | None = None


@torch.no_grad()
def figures_of(model: Autoencoder, image: torch.Tensor) -> Figures:
    """Return the figures of one uint8 image (28, 28), binarised first where the likelihood is of binary pixels."""
    x = model_input(model, image[None])
    if not model.is_variational:
        return Figures(-model.log_likelihood(x, model.encode(x)[0]).item())
    terms = elbo(model, x, SAMPLES, torch.Generator().manual_seed(0))
    return Figures(terms.reconstruction.item(), terms.kl.item(), terms.elbo.item())


def digit_panel(opened: Opened, plane: str) -> None:
    """Show the pad of the plane with this key, a place for pictures, and the figures of the digit."""
    pad(plane, key="pad", picture=st.session_state.get(keys.PICTURE))
    left, right = st.columns([5, 11], gap="large")
    with left:
        st.file_uploader(
            _("Or a picture of a digit"),
            PICTURES,
            key=keys.PICTURE_FILE,
            max_upload_size=MAX_PICTURE_BYTES // 10**6,
            on_change=_take_picture,
            help=_("A photograph or scan of one digit on plain paper; it is made to look like MNIST's"),
        )
        if refused := st.session_state.get(keys.PICTURE_REFUSED):
            problem(_("This picture cannot be used."), refused)
    with right:
        drawn = st.session_state.get(keys.DRAWN)
        if drawn is None:
            st.markdown(_("Draw on the pad or upload a picture to see what the model makes of it, in nats."))
        else:
            _show_figures(opened, torch.tensor(drawn, dtype=torch.uint8).reshape(28, 28))


def _take_picture() -> None:
    file = st.session_state[keys.PICTURE_FILE]
    st.session_state[keys.PICTURE_REFUSED] = None
    if file is None:
        return
    try:
        picture = tuple(picture_to_image(file.getvalue()).flatten().tolist())
    except DataError as error:
        st.session_state[keys.PICTURE_REFUSED] = str(error)
        return
    st.session_state[keys.PICTURE] = st.session_state[keys.DRAWN] = picture


def _show_figures(opened: Opened, image: torch.Tensor) -> None:
    found = figures_of(opened.model, image)
    row = st.columns(4)
    row[0].metric(_("Reconstruction"), _nats(found.reconstruction), help=_reconstruction_help(opened.model))
    if found.kl is None or found.elbo is None:
        row[1].markdown(_("An autoencoder has no prior and no q(z|x), and so no KL, ELBO or log p(x)."))
        return
    row[1].metric(_("KL divergence"), _nats(found.kl), help=_("KL(q(z|x) ‖ p(z)), in closed form"))
    row[2].metric(_("ELBO"), _nats(found.elbo), help=_("Minus the sum of the two: a lower bound on log p(x)"))
    with row[3]:
        _evidence(opened, image)
    if opened.model.likelihood.pixels == "binary":
        st.caption(
            _(
                "This model's likelihood is of binary pixels: for these figures every grey pixel is drawn once, "
                "black or white, with its grey level as the chance of white."
            )
        )


def _nats(value: float) -> str:
    return _("{value} nats").format(value=f"{value:.2f}".replace("-", "−"))


def _reconstruction_help(model: Autoencoder) -> str:
    if not model.is_variational:
        return _("Minus log p(x|z) at the image's code")
    return _("Minus log p(x|z), its mean over {samples} draws from q(z|x)").format(samples=SAMPLES)


def _evidence(opened: Opened, image: torch.Tensor) -> None:
    """Offer the exact log p(x), which takes longer than the rest."""
    x = model_input(opened.model, image[None])
    asked = f"{opened.atlas.id}/{hashlib.sha256(x.numpy().tobytes()).hexdigest()}"
    if st.session_state.get(keys.EVIDENCE) != asked:
        st.button(
            _("Exact log p(x)"),
            key="evidence",
            on_click=partial(st.session_state.__setitem__, keys.EVIDENCE, asked),
            help=_("The integral of p(x|z) p(z) over the whole plane, by quadrature"),
        )
        return
    # The same height before and after, so that nothing moves.
    place = st.empty()
    place.metric(_("log p(x), exact"), "…")
    value = _log_evidence(asked, opened.model, x)
    place.metric(_("log p(x), exact"), _nats(value), help=_("The integral of p(x|z) p(z) over the whole plane"))


@st.cache_data(max_entries=256, show_spinner=False)
def _log_evidence(asked: str, _model: Autoencoder, _x: torch.Tensor) -> float:
    return log_evidence(_model, _x).item()
