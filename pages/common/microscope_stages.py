"""The stages of one training step as a page shows them: pictures, numbers, formulas, and the gradient's way back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import streamlit as st

from pages.common.card import MINUS
from pages.common.i18n import _, ngettext
from pages.common.measures import DASH
from vae_core import figures
from vae_core.microscope import Look
from vae_core.palette import Palette
from vae_core.training_step import BALANCE

MOST_DIMENSIONS: Final = 4
"""How many latent dimensions have their numbers shown."""
MOST_BARS: Final = 16


@dataclass(frozen=True)
class Shown:
    """A look at the newest weights, and at those before the step that led to them, where it was taken here."""

    step: int
    now: Look
    before: Look | None
    before_step: int
    palette: Palette


def forward(shown: Shown) -> None:
    """Show the digit on its way through the encoder, the draw, the decoder and the loss."""
    now = shown.now
    columns = st.columns([5, 7, 5, 5], gap="medium")
    with columns[0]:
        st.markdown(_("**1. The image** $x$"))
        _chart("x", figures.picture(now.x, _), _("The digit as the model sees it"))
    with columns[1]:
        st.markdown(_("**2. Its code** $z$"))
        _code(shown)
    with columns[2]:
        st.markdown(_("**3. The decoded means**"))
        _chart("mean", figures.picture(now.mean, _), _("The mean image that the decoder makes of z"))
    with columns[3]:
        st.markdown(_("**4. The loss of each pixel**"))
        _chart("pixels", figures.pixel_map(now.pixel_loss, shown.palette, _), _("−log p(x|z) of every pixel, in nats"))


def _chart(name: str, figure: Any, alt: str) -> None:
    st.plotly_chart(figure, key=f"microscope.{name}", config={"displayModeBar": False}, alt=alt)


def _code(shown: Shown) -> None:
    if shown.now.logvar is None:
        st.latex(r"z = \mu = \text{encoder}(x)")
        _numbers(shown, {"z": "$z$"})
        st.caption(_("An autoencoder's code is a point: nothing is drawn."))
        return
    st.latex(r"z = \mu + \sigma \odot \varepsilon")
    symbols = {
        "mu": r"$\mu$",
        "logvar": r"$\log \sigma^2$",
        "sigma": r"$\sigma$",
        "epsilon": r"$\varepsilon$",
        "z": "$z$",
    }
    _numbers(shown, symbols)


def _numbers(shown: Shown, symbols: Mapping[str, str]) -> None:
    """Show quantities of the code, one row each, one column for each of the first latent dimensions."""
    now = {name: getattr(shown.now, name).tolist() for name in symbols}
    before = {name: getattr(shown.before, name).tolist() for name in symbols} if shown.before else now
    dimensions = len(shown.now.mu)
    table = {_("dimension"): list(symbols.values())}
    for d in range(min(dimensions, MOST_DIMENSIONS)):
        table[str(d + 1)] = [_number(now[name][d], before[name][d]) for name in symbols]
    st.table(table, border="horizontal")
    if (more := dimensions - MOST_DIMENSIONS) > 0:
        st.caption(ngettext("and one more dimension", "and {n} more dimensions", more).format(n=more))


def _number(value: float, before: float) -> str:
    text = f"{value:.3f}".replace("-", MINUS)
    return text if value == before else f"{text} :small[:gray[{_change(value, before)}]]"


def _change(value: float, before: float) -> str:
    return f"{round(value - before, 3) + 0.0:+.3f}".replace("-", MINUS)  # never minus zero


def rate(shown: Shown) -> None:
    st.markdown(_("**5. The KL divergence of each dimension**"))
    kl = shown.now.kl
    if kl is None:
        st.markdown(_("An autoencoder has no $q(z|x)$ that could stray from a prior, and so no rate."))
        return
    st.latex(r"\tfrac{1}{2}\left(\mu^2 + \sigma^2 - \log \sigma^2 - 1\right)")
    bars = figures.kl_bars(kl[:MOST_BARS], shown.palette, _)
    _chart("kl", bars, _("The KL divergence of each latent dimension, in nats"))
    words = _("Their sum is the rate: {rate} nats.")
    if len(kl) > MOST_BARS:
        words = _("The first {most} of {n} dimensions; the sum of all is the rate: {rate} nats.")
    st.caption(words.format(most=MOST_BARS, n=len(kl), rate=f"{shown.now.rate:.3f}"))


def loss(shown: Shown) -> None:
    st.markdown(_("**6. The loss**"))
    now, before = shown.now, shown.before
    st.latex(_equation(now))
    if before is not None:
        names = {"distortion": _("distortion"), "rate": _("rate"), "loss": _("loss")}
        changes = (f"{word} {_change(getattr(now, name), getattr(before, name))}" for name, word in names.items())
        st.caption(_("Change in nats: {changes}").format(changes=", ".join(changes)))
    words = _("The distortion is the sum of the 784 pixels of figure 4, the rate that of the bars of figure 5.")
    if now.divisor != 1:
        words += " " + _(
            "This model learns every β at once; the divisor keeps large ones from taking all the gradient."
        )
    st.caption(words if now.kl is not None else _("The loss is the sum of the 784 pixels of figure 4."))


def _equation(now: Look) -> str:
    distortion = rf"\underbrace{{{now.distortion:.2f}}}_{{\text{{{_('distortion')}}}}}"
    result = rf"\underbrace{{{now.loss:.2f}}}_{{\text{{{_('loss, nats')}}}}}"
    if now.kl is None:
        return f"{distortion} = {result}"
    weighted = rf"\underbrace{{{now.beta:.4g}}}_{{\beta}} \cdot \underbrace{{{now.rate:.2f}}}_{{\text{{{_('rate')}}}}}"
    total = f"{distortion} + {weighted}"
    if now.divisor != 1:
        total = rf"\frac{{{total}}}{{(1 + \beta)^{{{BALANCE:g}}}}}"
    return f"{total} = {result}"


def gradients(shown: Shown) -> None:
    st.markdown(_("**7. The gradient of the loss**"))
    now, before = shown.now, shown.before
    earlier = before.gradient_norms if before else None
    norms = figures.gradient_norms(now.gradient_norms, earlier, shown.palette, _)
    _chart("gradients", norms, _("The norm of the gradient of each layer, its weights and bias together"))
    symbols = {"d_mu": r"$\partial L / \partial \mu$", "d_logvar": r"$\partial L / \partial \log \sigma^2$"}
    if now.d_logvar is None:
        del symbols["d_logvar"]
    _numbers(shown, symbols)


def reach(shown: Shown) -> None:
    st.markdown(_("**8. Where the gradient can go**"))
    if not shown.now.reach:
        st.markdown(_("Nothing is drawn, so the gradient of the distortion reaches every weight."))
        return
    names = {"encoder": _("encoder"), "mu": r"$\mu$", "logvar": r"$\log \sigma^2$", "z": "$z$", "decoder": _("decoder")}
    st.latex(_arrows())
    rows = shown.now.reach
    table = {
        _("Norm of the gradient at"): [names[row.name] for row in rows],
        r"$z = \mu + \sigma \odot \varepsilon$": [_reached(row.reparameterised) for row in rows],
        _("$z$ drawn from $q(z|x)$"): [_reached(row.drawn) for row in rows],
        _("β · KL"): [DASH if row.kl is None else _reached(row.kl) for row in rows],
    }
    st.table(table, border="horizontal")
    st.caption(
        _(
            "A draw from q(z|x) cannot be differentiated by μ and σ; written as μ + σ ⊙ ε it can, for all the chance "
            "is in ε. Without that the encoder would learn from the KL alone (Kingma & Welling 2014, section 2.4)."
        )
    )


def _arrows() -> str:
    """The way back from the distortion, with z = mu + sigma * epsilon and with z drawn directly."""
    arrow, closed = r"\leftarrow", r"\textcolor{#e0574b}{\overset{\boldsymbol{\times}}{\dashleftarrow}}"
    encoder, decoder = (rf"\text{{{word}}}" for word in (_("encoder"), _("decoder")))
    ways = (
        rf"{encoder} & {way} \mu, \log \sigma^2 & {way} {z} & {arrow} {decoder}"
        for way, z in ((arrow, r"\mu + \sigma \odot \varepsilon"), (closed, r"z \sim q"))
    )
    return r"\footnotesize\begin{array}{llll}" + r" \\[4pt] ".join(ways) + r"\end{array}"


def _reached(norm: float | None) -> str:
    return _("no path") if norm is None else f"{norm:.4g}"
