"""Sections of the learn page: what a decoder says of a pixel, why c and beta are one knob, and why samples blur."""

from __future__ import annotations

import math
from functools import cache
from typing import Final

import plotly.graph_objects as go
import streamlit as st
import torch
from torch import Tensor

from pages.common.i18n import _
from pages.common.learn_models import choose_digit, code, digits, real
from pages.common.learn_parts import (
    chart,
    faded,
    formula,
    line,
    mark,
    number,
    place,
    readings,
    row,
    second,
    see,
    show,
    strip,
)
from pages.common.theme import palette
from vae_core.blur import nearest, rms_difference, running_means, undecided
from vae_core.data import to_pixels
from vae_core.export import to_grey
from vae_core.likelihoods import Bernoulli, Gaussian, Likelihood
from vae_core.linear_vae import LinearVae, Spectrum, best_linear_vae, spectrum

VARIANCES: Final = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
BETAS: Final = (0.1, 0.3, 1.0, 3.0, 10.0)
COMPONENTS: Final = 120
"""Principal components that are drawn."""
MOST: Final = 300
CLOSEST: Final = 12


def decoder() -> None:
    """Show what two likelihoods charge for every mean that the decoder could have given one pixel."""
    st.markdown(
        _(
            "A decoder does not give an image, but a distribution of images: for each pixel the parameters of one. "
            "Which family that is, is a choice, and it decides what reconstruction means. A **Bernoulli** decoder says "
            "how likely the pixel is to be white; minus its log is the cross-entropy. A **Gaussian** one of fixed "
            "variance $c$ says where the grey value lies; minus its log is the squared error."
        )
    )
    formula(r"-\log p(x|z) = -x \log m", r"{} - (1 - x) \log (1 - m)", joined=True)
    formula(r"-\log p(x|z) = \frac{(x - m)^2}{2c} + \tfrac12 \log 2\pi c")
    st.markdown(
        _(
            "Both are least where the mean $m$ is the pixel $x$. The cross-entropy is merciless near 0 and 1: it costs "
            "without limit to be sure and wrong. The squared error is mild there, and $c$ says how mild. For grey "
            "pixels a Bernoulli is no distribution, although many use it; densities of grey pixels may exceed one, and "
            "their nats are not comparable with those of black and white."
        )
    )
    with row("controls"):
        pixel = st.slider("x", 0.0, 1.0, 1.0, 0.05, key="learn.pixel", help=_("The pixel's grey value"), width=240)
        variance = st.select_slider("c", VARIANCES, 0.1, key="learn.c", help=_("The Gaussian's variance"), width=240)
    _charged(pixel, variance)
    cost = {name: _cost(kind, pixel, 0.5) for name, kind in _likelihoods(variance).items()}
    readings({_("{name}, undecided (m = 0.5)").format(name=name): number(value) for name, value in cost.items()})
    see("compare", _("A Bernoulli and a Gaussian VAE side by side"), model="vae", other="vae-gaussian",
        part="reconstructions")  # fmt: skip


def _likelihoods(variance: float) -> dict[str, Likelihood]:
    return {_("Bernoulli"): Bernoulli("grey"), _("Gaussian"): Gaussian(variance)}


def _cost(likelihood: Likelihood, pixel: float, mean: float) -> float:
    """Return what a decoder that gives this mean is charged for the pixel, in nats."""
    params = torch.tensor([[mean]], dtype=torch.float64).logit()
    return -float(likelihood.pixel_log_prob(torch.tensor([pixel], dtype=torch.float64), params))


def _charged(pixel: float, variance: float) -> None:
    colours, means = palette(), torch.linspace(0.004, 0.996, 249, dtype=torch.float64)
    figure = chart(_("m, the mean that the decoder gives"), _("cost of the pixel, nats"))
    for (name, likelihood), colour in zip(
        _likelihoods(variance).items(), (colours.accent, second(colours)), strict=True
    ):
        line(figure, means, [_cost(likelihood, pixel, mean) for mean in means.tolist()], name, colour)
    figure.add_vline(pixel, line_width=1, line_dash="dot", line_color=colours.unknown)
    figure.update_xaxes(range=[-0.01, 1.01])
    figure.update_yaxes(range=[-2.2, 6])
    show(figure, "charged", _("What a Bernoulli and a Gaussian decoder are charged for every mean"))


def knob() -> None:
    """Show the best linear VAE of the real digits for any c and beta: only their product counts."""
    _explain_knob()
    with row("controls"):
        variance = st.select_slider(
            "c", VARIANCES, 0.1, key="learn.knob.c", help=_("The variance of the decoder's Gaussian"), width=240
        )
        beta = st.select_slider("β", BETAS, 1.0, key="learn.knob.beta", help=_("The weight of the KL"), width=240)
    model = best_linear_vae(_components(), variance, beta)
    _spectrum(model)
    grey = to_pixels(digits().grey[list(digits().examples)])
    strip(to_grey(torch.cat([grey, model.reconstruct(grey).float()])), _("Digits above, reconstructed below"), 10)
    readings(
        {
            "cβ": f"{model.threshold:.4g}",
            _("latent dimensions in use"): f"{model.active:,}",
            _("KL, nats"): number(model.rate, 1),
            _("squared error of an image"): number(model.squared_error, 1),
        }
    )
    see("beta", _("What the β of a real model is called elsewhere"), beta="4", panel="names")


def _explain_knob() -> None:
    st.markdown(
        _(
            "With a Gaussian decoder, multiply the loss by $c$: half the squared error remains, and the KL has the "
            r"weight $c\beta$. So a VAE that assumes noisy pixels and one with a large β are the same thing. Whoever "
            "trains with the mean squared error and no $c$ has chosen one all the same."
        )
    )
    formula(
        r"c\,\Big(\frac{|x - f(z)|^2}{2c} + \beta\, D_{\mathrm{KL}}\Big)",
        r"= \tfrac12 |x - f(z)|^2 + c\beta\, D_{\mathrm{KL}}",
        joined=True,
    )
    st.markdown(
        _(
            "For linear networks the best VAE has a closed form, here of the 10,000 test digits. Each latent dimension "
            r"takes one principal component, but only where its variance exceeds $c\beta$; the others are not worth "
            "their KL and collapse. Turn $c$ up and β down by the same factor: nothing changes."
        )
    )


@cache
def _components() -> Spectrum:
    return spectrum(to_pixels(digits().grey))


def _spectrum(model: LinearVae) -> None:
    colours, values = palette(), model.spectrum.variances[:COMPONENTS]
    shades = [colours.accent if value > model.threshold else colours.unknown for value in values.tolist()]
    bars = go.Bar(x=list(range(1, COMPONENTS + 1)), y=values.tolist(), marker_color=shades)
    bars.hovertemplate = "%{x}: %{y:.4f}<extra></extra>"
    figure = chart(_("principal component"), _("variance, squared pixels"), 260, legend=False)
    figure.add_trace(bars)
    figure.add_hline(model.threshold, line_color=second(colours), line_width=2)
    figure.add_annotation(
        text="cβ", xref="paper", x=1, xanchor="right", y=math.log10(model.threshold), yanchor="bottom", showarrow=False
    )
    figure.update_yaxes(type="log", range=[-3.8, 1.3], dtick=1)
    show(figure, "spectrum", _("The variance along each principal component of the digits, and the threshold cβ"))


def blur() -> None:
    """Show that a decoded image is the mean of the digits that share a code."""
    st.markdown(
        _(
            "Many different digits end up at nearly the same code, more than a few numbers can tell apart. The decoder "
            "must answer with one mean for all of them, and the mean that makes them likeliest is their average: grey "
            "wherever they disagree. The blur is not a fault of the network; it is what the likelihood asks for."
        )
    )
    formula(r"f^*(z) = \arg\max_m\; \mathbb{E}\big[\log p(x|m)\big] = \mathbb{E}[x\,|\,z]")
    with row("controls"):
        kind = choose_digit("blur", "8")
        count = st.slider(
            _("Nearest digits averaged"), 1, MOST, 40, key="learn.nearest", width=280,
            help=_("Those test digits whose codes lie nearest to the chosen one's"),
        )  # fmt: skip
    mu, _logvar = code(kind)
    _averages(mu, count)
    st.markdown(
        _(
            "Drawing pixels from $p(x|z)$ does not help: they are drawn one by one, so that the grey becomes speckle "
            "and not a stroke. Sharper samples need more latent dimensions, or a decoder whose pixels know of one "
            "another, or another way to judge images."
        )
    )
    see("explorer", _("Mean, draw and standard deviation at any point"), model="vae", mode="std", z=place(mu))


def _averages(mu: Tensor, count: int) -> None:
    """Show the digits around a code, their average, and what the decoder makes of it."""
    around = digits().binary[nearest(real("vae").mu, mu, MOST)]
    means, decoded = running_means(around), real("vae").model.decode(mu[None])
    st.caption(_("The {count} nearest digits, black and white as the model learned them").format(count=CLOSEST))
    strip(to_grey(around[:CLOSEST]), _("The digits with the nearest codes"), 6, 480)
    left, right = st.columns([2, 3], gap="medium")
    with left:
        drawn = real("vae").model.likelihood.sample(
            real("vae").model.decode_params(mu[None]), torch.Generator().manual_seed(0)
        )
        st.caption(_("Their average, the decoder's mean, and a draw of its pixels"))
        three = torch.cat([means[[count - 1]], decoded, drawn.reshape(1, 1, 28, 28)])
        strip(to_grey(three), _("The average of the nearest digits, the decoded mean, and pixels drawn from it"))
    with right:
        _undecided(means, decoded, count)
    readings(
        {
            _("greyness of the average"): number(float(undecided(means[[count - 1]])), 2),
            _("greyness of the decoder's mean"): number(float(undecided(decoded)), 2),
            _("difference of the two, a pixel"): number(float(rms_difference(means[[count - 1]], decoded))),
        }
    )


def _undecided(means: Tensor, decoded: Tensor, count: int) -> None:
    colours, counts = palette(), list(range(1, len(means) + 1))
    values = undecided(means)
    figure = chart(_("digits averaged"), _("greyness"), 260)
    line(figure, counts, values, _("their average"), colours.accent)
    line(figure, counts, [float(undecided(decoded))] * len(counts), _("the decoder's mean"), second(colours), "dash")
    mark(figure, [count], [float(values[count - 1])], "", colours.accent)
    figure.data[-1].showlegend = False
    figure.update_yaxes(rangemode="tozero")
    figure.update_traces(fillcolor=faded(colours.accent, 0))
    show(figure, "undecided", _("How grey the average of the nearest digits is, beside the decoder's mean"))
