"""Sections of the learn page: encoding by a function or a distribution, and why an autoencoder cannot generate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from typing import Final

import plotly.graph_objects as go
import streamlit as st
import torch
from torch import Tensor

from pages.common.i18n import _
from pages.common.learn_models import choose_digit, code, digits, real
from pages.common.learn_parts import chart, formula, mark, number, place, readings, row, second, see, show, strip
from pages.common.theme import palette
from vae_core.aggregate import HOLE, population_posterior
from vae_core.blur import rms_difference
from vae_core.export import to_grey
from vae_core.fitted_prior import with_fitted_prior
from vae_core.interpolation import path
from vae_core.likelihoods import LOG_2PI
from vae_core.metrics import FITTED
from vae_core.models import Autoencoder
from vae_core.objectives import kl_divergence, reparameterise
from vae_core.registry import read_card

DRAWS: Final = 12
TWO_ROWS: Final = 480
"""Pixels of the screen that six digits side by side take, where there is room."""
SHOWN: Final = 2500
"""Codes that are drawn: more of them only hide one another."""
ENCODED: Final = 5000
PROBES: Final = 300
STEPS: Final = 60
FIRST, LAST = 1, 7
"""The digits at the ends of the path."""


def encoder() -> None:
    """Show what a code's neighbourhood decodes to, from a point to a region."""
    _explain_encoder()
    with row("controls"):
        kind = choose_digit("encoder", "4")
        width = st.slider(
            _("Width, as a multiple of σ"), 0.0, 20.0, 1.0, 0.5, key="learn.width", width=260,
            help=_("0 makes a function of it, 1 is the encoder's own distribution"),
        )  # fmt: skip
    model = real("vae").model
    mu, logvar = code(kind)
    wider = logvar + 2 * torch.tensor(max(width, 1e-6)).log()
    noise = torch.randn(DRAWS, 2, generator=torch.Generator().manual_seed(5))
    z = reparameterise(mu, wider, noise)
    images = model.decode(z)
    _around(mu, wider, z)
    strip(to_grey(images), _("What the draws decode to"), 6, TWO_ROWS)
    readings(
        {
            "σ₁, σ₂": ", ".join(number(value, 4) for value in (0.5 * wider).exp().tolist()) if width else "0, 0",
            _("difference between the images, a pixel"): number(float(rms_difference(images, images.mean(0)).mean())),
            _("KL to the prior, nats"): number(float(kl_divergence(mu, wider)), 2) if width else "∞",
        }
    )
    see("explorer", _("The same digit's place among all the codes"), model="vae", z=place(mu))


def _explain_encoder() -> None:
    st.markdown(
        _(
            "An encoder can be a function: $z = f(x)$, one point for each image, the same every time. It sums up what "
            "it was shown, and says nothing of what lies beside. Or it can be a distribution: $q(z|x)$ says of every "
            "$z$ how well it goes with $x$. Then a code is not a point but a region, and the decoder must make sense "
            "of all of it."
        )
    )
    formula("z = f(x)", r"z \sim q(z|x) = \mathcal{N}\big(\mu(x), \sigma^2(x)\big)")
    st.markdown(
        _(
            "The network is the same either way; in the second case it puts out a mean and a variance, the parameters "
            "of the distribution, and a code is drawn. Widen it here: at 0 all draws are one point, at 1 it is what "
            "the encoder of the VAE really says, beyond that the draws leave their digit."
        )
    )


def _around(mu: Tensor, logvar: Tensor, z: Tensor) -> None:
    """Draw the codes around one code, its distribution at one and two standard deviations, and draws from it."""
    colours, codes = palette(), real("vae").mu
    near = (codes - mu).abs().amax(1) < 1.2
    figure = chart("z₁", "z₂", 360, legend=False)
    _codes(figure, codes[near], digits().labels[near])
    angle = torch.linspace(0, 2 * torch.pi, 91)
    circle = torch.stack([angle.cos(), angle.sin()], 1)
    for reach in (1, 2):
        ring = mu + reach * (0.5 * logvar).exp() * circle
        figure.add_scatter(
            x=ring[:, 0].tolist(), y=ring[:, 1].tolist(), mode="lines", hoverinfo="skip",
            line={"color": colours.accent, "width": 2},
        )  # fmt: skip
    mark(figure, z[:, 0], z[:, 1], _("draws"), second(colours), 7)
    figure.update_xaxes(range=[float(mu[0]) - 1.2, float(mu[0]) + 1.2])
    figure.update_yaxes(range=[float(mu[1]) - 0.6, float(mu[1]) + 0.6])
    show(figure, "around", _("The codes of test digits around the chosen one, its distribution, and draws from it"))


def _codes(figure: go.Figure, codes: Tensor, labels: Tensor) -> None:
    """Add codes as small points in the colours of their digits."""
    colours = palette()
    shades = [colours.of_class(label) for label in labels.tolist()]
    figure.add_scattergl(
        x=codes[:, 0].tolist(), y=codes[:, 1].tolist(), mode="markers", hoverinfo="skip",
        marker={"size": 3, "color": shades, "opacity": 0.6},
    )  # fmt: skip


@dataclass(frozen=True)
class _Space:
    """A latent space, and draws from its prior."""

    model: Autoencoder
    """An autoencoder in coordinates in which the Gaussian fitted to its codes is N(0, I)."""
    codes: Tensor
    probes: Tensor
    """Draws from the prior, (S, 2)."""
    empty: Tensor
    """Which of them lie where hardly any code is, (S,)."""
    figures: dict[str, float]
    """What was measured of the model under this prior."""


@st.cache_resource(show_spinner=False)
def _space_of(name: str) -> _Space:
    model, codes, widths = real(name).model, real(name).mu, real(name).logvar
    suffix = ""
    if not model.is_variational:
        model, suffix = with_fitted_prior(model, codes), FITTED
        codes = torch.cat([model.encode(x)[0] for x in digits().binary.split(ENCODED)])
    aggregate = population_posterior(codes[:SHOWN], None if widths is None else widths[:SHOWN])
    probes = torch.randn(PROBES, 2, generator=torch.Generator().manual_seed(0))
    log_prior = -0.5 * ((probes.double() ** 2).sum(1) + 2 * LOG_2PI)
    empty = aggregate.log_density(probes) < log_prior + math.log(HOLE)
    measured = read_card(name).figures
    keys = ("holes", "completeness")
    return _Space(model, codes, probes, empty, {key: float(measured[key + suffix]) for key in keys})


def autoencoder() -> None:
    """Show the latent space of an autoencoder beside that of a VAE, drawn from and walked through."""
    _explain_autoencoder()
    with row("controls"):
        name = st.segmented_control(
            _("Latent space of"), ("ae", "vae"), default="ae", required=True, key="learn.space",
            format_func=str.upper, help=_("Two bundled models with the same networks, one of them variational"),
        )  # fmt: skip
        start = st.slider(
            _("Draws, by the dozen"), 0, PROBES // DRAWS - 1, 0, key="learn.draws", width=260,
            help=_("Which dozen of the draws from the prior is decoded"),
        )  # fmt: skip
    found = _space_of(str(name))
    some = slice(start * DRAWS, (start + 1) * DRAWS)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        _space(found, some)
    with right:
        _walk(found)
    strip(
        to_grey(found.model.decode(found.probes[some])), _("What a dozen draws from the prior decode to"), 6, TWO_ROWS
    )
    readings(
        {
            _("of the prior is holes"): _percent(found.figures["holes"]),
            _("of draws are recognised as a digit"): _percent(found.figures["completeness"]),
            _("largest step of a path, mean of 45 pairs"): number(_largest_change(str(name))),
        }
    )
    st.markdown(
        _(
            "To be fair, the autoencoder is given a prior here: the Gaussian fitted to its codes, with $z$ in its "
            "standard deviations. In a plane even gaps tend to decode to something that looks like a digit; what gives "
            "the autoencoder away is how much of any prior lies where it never learned anything, and the cliffs."
        )
    )
    see("compare", _("Both models side by side, under one pointer"), model="ae", other="vae")


def _explain_autoencoder() -> None:
    st.markdown(
        _(
            "An autoencoder is trained to give back what it was given, through a narrow middle. Nothing in its loss "
            "says where codes should lie, so it puts them wherever that is convenient: scattered, stretched, with gaps "
            "in between. It compresses well. But to generate, one must pick a $z$, and nobody knows from which "
            "distribution."
        )
    )
    st.markdown(
        _(
            "Two properties make a latent space fit for it. **Continuity**: neighbouring points decode to similar "
            "images. **Completeness**: whatever is drawn decodes to something meaningful, because codes fill the prior "
            "and leave no holes. A VAE asks for both; an autoencoder gets neither but by luck."
        )
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f}\N{NO-BREAK SPACE}%"


def _space(found: _Space, some: slice) -> None:
    colours, labels = palette(), digits().labels
    figure = chart("z₁", "z₂", 340)
    _codes(figure, found.codes[:SHOWN], labels[:SHOWN])
    figure.data[0].showlegend = False
    for empty, name, colour in ((False, _("draws"), colours.unknown), (True, _("draws in a hole"), second(colours))):
        z = found.probes[:150][found.empty[:150] == empty]
        mark(figure, z[:, 0], z[:, 1], name, colour, 5)
    z = found.probes[some]
    mark(figure, z[:, 0], z[:, 1], _("decoded below"), colours.accent, 9)
    figure.data[-1].marker.symbol = "circle-open"
    figure.update_xaxes(range=[-4, 4])
    figure.update_yaxes(range=[-4, 4])
    show(figure, "codes", _("The codes of the test digits, and draws from the prior, those in holes apart"))


@torch.no_grad()
def _changes(found: _Space, first: int, last: int) -> Tensor:
    """Return how much the image changes in each step of a straight path between the examples of two classes."""
    ends = found.codes[[digits().examples[first], digits().examples[last]]]
    images = found.model.decode(path(ends, STEPS + 1))
    return rms_difference(images[1:], images[:-1])


@st.cache_data(show_spinner=False)
def _largest_change(name: str) -> float:
    """Return the largest of these changes, as a mean over all pairs of classes."""
    pairs = combinations(range(10), 2)
    return fmean(float(_changes(_space_of(name), *pair).max()) for pair in pairs)


def _walk(found: _Space) -> None:
    change = _changes(found, FIRST, LAST)
    figure = chart(
        _("step of {steps}, from {first} to {last}").format(steps=STEPS, first=FIRST, last=LAST),
        _("change of the image, a pixel"), 340, legend=False,
    )  # fmt: skip
    figure.add_bar(x=list(range(1, STEPS + 1)), y=change.tolist(), marker_color=palette().accent)
    figure.update_traces(hovertemplate="%{x}: %{y:.3f}<extra></extra>")
    figure.update_yaxes(range=[0, 0.2])
    show(figure, "walk", _("How far the image moves in each step of a straight path between two digits"))
