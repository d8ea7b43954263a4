"""The panel that says what a beta is called where the loss is written in another way."""

from __future__ import annotations

import streamlit as st

from pages.common.i18n import _
from vae_core.conventions import gaussian_variance, normalised_beta, pixel_mean_weight


def conventions(beta: float, latent_dim: int) -> None:
    """Show this beta under the usual conventions."""
    st.markdown(
        _(
            "Here the loss is **reconstruction + β · KL** in nats per image, summed over pixels and over latent "
            "dimensions, with **β = {beta}**. Elsewhere the same weight has other names:"
        ).format(beta=shown(beta))
    )
    st.table(dict(zip((_("Where"), _("Value")), map(list, zip(*_names(beta, latent_dim), strict=True)), strict=True)))


def _names(beta: float, latent_dim: int) -> list[tuple[str, str]]:
    return [
        (_("The loss is a mean over the 784 pixels: β / 784"), shown(pixel_mean_weight(beta))),
        (
            _("Normalised β of the β-VAE paper, with d = {d} latent dimensions: β · d / 784").format(d=latent_dim),
            shown(normalised_beta(beta, latent_dim)),
        ),
        (
            _("Half the squared error with this β: a plain VAE whose Gaussian likelihood has the fixed variance c = β"),
            _("c = {variance}").format(variance=shown(gaussian_variance(beta))),
        ),
    ]


def shown(number: float) -> str:
    """Return a positive number with four significant digits and without an exponent."""
    text = f"{number:#.4g}"
    text = f"{number:.10f}" if "e" in text else text
    return text.rstrip("0").rstrip(".") if "." in text else text
