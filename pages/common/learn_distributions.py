"""Sections of the learn page: what generation is, and the two ways to a density."""

from __future__ import annotations

from typing import Final

import plotly.graph_objects as go
import streamlit as st
import torch
from plotly.subplots import make_subplots
from torch import Tensor

from pages.common.i18n import _
from pages.common.learn_parts import chart, faded, formula, line, mark, number, readings, row, second, see, show
from pages.common.theme import palette
from vae_core.divergence import kl_on_grid
from vae_core.figures import styled
from vae_core.latent_curve import LatentCurve, two_bumps
from vae_core.likelihoods import LOG_2PI
from vae_core.mixtures import Mixture, fit_mixture, mixture

MARKS: Final = mixture((3, 42, 6), (13, 68, 8), (4, 88, 5))
"""The running example: the marks of a large course, most near 70, some near 40, some near 90."""
CELL: Final = 0.25
SIZES: Final = (10, 30, 100, 300, 1000, 10_000)
NEW: Final = 40


def grid() -> Tensor:
    """Return the midpoints of cells that hold all that the running example can be."""
    return torch.arange(0, 120, CELL, dtype=torch.float64) + CELL / 2


def generation() -> None:
    """Show what a model learns from a sample, and what it then draws itself."""
    st.markdown(
        _(
            "Somebody hands you a heap of examples and asks for more of the same kind. The examples are taken to be "
            r"independent draws from one distribution, $p_{\text{data}}(x)$, which nobody has ever seen. A generative "
            r"model is a distribution $p_{\theta}(x)$ of a known form whose parameters $\theta$ are turned until it "
            r"lies as close to $p_{\text{data}}$ as the examples can tell. Drawing from it then makes new examples."
        )
    )
    formula(r"x^{(1)}, \dots, x^{(N)} \sim p_{\text{data}}(x)", r"p_{\theta}(x) \approx p_{\text{data}}(x)")
    st.markdown(
        _(
            "Here $x$ is one number, a mark in an exam, so that both can be drawn. The model is a sum of bell curves. "
            "With few examples or too few curves it misses the shape; with many curves and few examples it learns the "
            "examples by heart and not the distribution."
        )
    )
    with row("controls"):
        size = st.select_slider(
            _("Examples"), SIZES, 100, key="learn.size", help=_("How many marks the model learns from"), width=320
        )
        curves = st.slider(
            _("Bell curves"), 1, 6, 3, key="learn.curves", help=_("How flexible the model is"), width=240
        )
    data = MARKS.sample(size, torch.Generator().manual_seed(1))
    _learned(data, fit_mixture(data, curves))
    st.markdown(
        _(
            "A digit of MNIST is 784 numbers instead of one; the task is the same. There nobody can draw "
            r"$p_{\text{data}}$, and a model is judged by its samples and by how likely it finds digits it has never "
            "seen."
        )
    )
    see("compare", _("Samples of two real models, from the same noise"), part="samples")


def _learned(data: Tensor, model: Mixture) -> None:
    x, colours = grid(), palette()
    figure = chart(_("mark"), _("density"))
    line(figure, x, MARKS.log_prob(x).exp(), _("p_data, never seen"), colours.unknown, fill=True)
    line(figure, x, model.log_prob(x).exp(), _("p_θ, learned"), colours.accent)
    mark(figure, data[:200], torch.full_like(data[:200], -0.0012), _("examples"), colours.unknown, 5)
    new = model.sample(NEW, torch.Generator().manual_seed(2))
    mark(figure, new, torch.full_like(new, -0.0035), _("new draws"), second(colours), 5)
    figure.update_xaxes(range=[15, 110])
    figure.update_yaxes(range=[-0.005, 0.045])
    show(
        figure, "generation", _("The density of the data, the learned one, the examples, and new draws from the model")
    )
    fresh = MARKS.sample(20_000, torch.Generator().manual_seed(3))
    readings(
        {
            _("log p_θ of its examples, nats each"): number(float(model.log_prob(data).mean())),
            _("of 20,000 new ones"): number(float(model.log_prob(fresh).mean())),
            _("KL(p_data ‖ p_θ), nats"): number(kl_on_grid(MARKS.log_prob(x), model.log_prob(x), CELL)),
        }
    )


def density() -> None:
    """Show a density that comes of a latent variable: the joint one, and what is left of it where z is summed away."""
    _explain_density()
    with row("controls"):
        noise = st.slider(
            _("Noise of p(x|z)"), 0.1, 1.5, 0.4, 0.05, key="learn.noise", help=_("Its standard deviation"), width=260
        )
        at = st.slider("x", -4.0, 4.0, 1.0, 0.1, key="learn.x", help=_("Where the density is asked for"), width=260)
    model = two_bumps(noise)
    z, x = model.sample(20_000, torch.Generator().manual_seed(1))
    _joint(model, at, z[:300], x[:300])
    here = torch.tensor(at, dtype=torch.float64)
    readings(
        {
            _("p(x), summed over z"): number(float(model.log_prob(here).exp())),
            _("share of 20,000 draws near x, per unit"): number(float(((x - at).abs() < 0.1).double().mean() / 0.2)),
        }
    )
    st.markdown(
        _(
            "A VAE takes the second way, with a network for $f$ and 784 pixels for $x$. With two latent dimensions the "
            "sum over $z$ can still be done, on a grid; with twenty it cannot, and that is where the trouble begins."
        )
    )
    see("explorer", _("Draw a digit, and sum over all z for its log p(x)"), model="vae", panel="draw")


def _explain_density() -> None:
    st.markdown(
        _(
            "There are two ways to a distribution over $x$. One writes $p(x)$ down directly, with a formula or a "
            "network that gives the density of any $x$. The other brings in a latent variable $z$ that nobody "
            "observes: a simple prior $p(z)$, and a conditional $p(x|z)$ that says what each $z$ makes. What is seen "
            "of it is the sum over all $z$."
        )
    )
    formula(r"p(x) = \int p(z)\, p(x|z)\, dz")
    st.markdown(
        _(
            "Two simple pieces make something that neither is: here the prior has one bump, every $p(x|z)$ has one "
            r"bump around $f(z) = 2 \tanh 3z$, and $p(x)$ has two. Drawing is easy: first $z$, then $x$ given $z$. The "
            "density at one $x$ takes the whole row of the picture, the shaded area above it."
        )
    )


def _joint(model: LatentCurve, at: float, z: Tensor, x: Tensor) -> None:
    """Draw p(z) p(x|z) as a map, with its slice at one x above it and p(x) beside it."""
    colours = palette()
    across, up = (torch.linspace(-end, end, 121, dtype=torch.float64) for end in (3.0, 4.5))
    joint = model.log_joint(up[:, None], across).exp()
    figure = make_subplots(
        2, 2, shared_xaxes=True, shared_yaxes=True, column_widths=[0.72, 0.28], row_heights=[0.3, 0.7],
        horizontal_spacing=0.03, vertical_spacing=0.05,
    )  # fmt: skip
    scale = [[0, faded(colours.accent, 0)], [1, faded(colours.accent, 0.9)]]
    heat = go.Heatmap(
        x=across.tolist(), y=up.tolist(), z=joint.tolist(), colorscale=scale, showscale=False, hoverinfo="skip"
    )
    figure.add_trace(heat, 2, 1)
    dots = {"size": 3, "color": second(colours)}
    figure.add_scatter(x=z.tolist(), y=x.tolist(), mode="markers", marker=dots, row=2, col=1, hoverinfo="skip")
    figure.add_scatter(
        x=[-3, 3], y=[at, at], mode="lines", line={"color": colours.unknown, "dash": "dot"}, row=2, col=1
    )
    prior = (-0.5 * (across**2 + LOG_2PI)).exp()
    slice_ = model.log_joint(torch.tensor(at, dtype=torch.float64), across).exp()
    for values, colour, fill in ((prior, colours.unknown, None), (slice_, colours.accent, "tozeroy")):
        curve = go.Scatter(x=across.tolist(), y=values.tolist(), mode="lines", line_color=colour, fill=fill)
        figure.add_trace(curve, 1, 1)
    figure.add_scatter(
        x=model.log_prob(up).exp().tolist(), y=up.tolist(), mode="lines", line_color=colours.accent, row=2, col=2
    )
    styled(figure, 420)
    figure.update_layout(hovermode=False)
    figure.update_xaxes(title_text="z", row=2, col=1, range=[-3, 3])
    figure.update_yaxes(title_text="x", row=2, col=1, range=[-4.5, 4.5])
    figure.update_yaxes(title_text="p(z), p(z) p(x|z)", row=1, col=1, rangemode="tozero")
    figure.update_xaxes(title_text="p(x)", row=2, col=2, rangemode="tozero")
    show(
        figure,
        "density",
        _("The joint density of z and x with draws from it, its slice at the chosen x above, and p(x) beside it"),
    )
