"""Sections of the learn page: probabilities from energies, expectations in three ways, and maximum likelihood."""

from __future__ import annotations

from functools import cache
from typing import Final

import plotly.graph_objects as go
import streamlit as st
import torch
from torch import Tensor

from pages.common.i18n import _
from pages.common.learn_distributions import MARKS
from pages.common.learn_parts import chart, faded, formula, line, mark, number, readings, row, second, see, show
from pages.common.theme import palette
from vae_core import expectation as three_ways
from vae_core.divergence import Gauss
from vae_core.energy import boltzmann, log10_states
from vae_core.maximum_likelihood import likeliest, log_likelihood

POINTS: Final = (10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000)
DIMENSIONS: Final = (1, 2, 3, 6, 10)
SCORES: Final = torch.arange(101, dtype=torch.float64)
LEARNERS: Final = 30
MOST_BARS: Final = 300
"""More than these cannot be told apart."""


def energy() -> None:
    """Show how energies become probabilities, and that one of them changes all."""
    _explain_energy()
    with row("controls"):
        temperature = st.slider("T", 0.2, 4.0, 1.0, 0.1, key="learn.temperature", help=_("The temperature"), width=260)
        well = st.slider(
            _("Energy near 95"), -3.0, 3.0, 0.0, 0.25, key="learn.well", help=_("Added to what it was"), width=260
        )
    usual = MARKS.log_prob(SCORES)
    energies = (usual.max() - usual).clamp(max=8) + well * (-0.5 * ((SCORES - 95) / 4) ** 2).exp()
    found = boltzmann(energies, temperature)
    left, right = st.columns(2, gap="medium")
    with left:
        _curve(energies, _("energy E(x)"), "energies", _("The energy of every mark"), [-4, 9])
    with right:
        _curve(found.probabilities, _("probability"), "probabilities", _("The probability of every mark"), [0, 0.12])
    readings(
        {
            "log Z": number(found.log_partition),
            _("p(mark is at least 85)"): number(float(found.probabilities[85:].sum())),
            _("p(mark is 70)"): number(float(found.probabilities[70]), 4),
        }
    )
    st.markdown(
        _(
            "With 101 marks the sum is nothing. A black and white image of 28 × 28 pixels has 2⁷⁸⁴ states, a number of "
            "{digits} digits, and no computer will add them up. How a model deals with $Z$ is what tells the families "
            "of generative models apart. A VAE never meets it: prior and decoder are normalised by themselves."
        ).format(digits=int(log10_states(784)) + 1)
    )
    see("explorer", _("The prior and the decoder of a real VAE"), model="vae", overlays="labels,prior")


def _explain_energy() -> None:
    st.markdown(
        _(
            "A network may give any number; a probability must not be negative, and all of them together must be one. "
            "The exponential sees to the first: call the network's output an energy $E(x)$, low where $x$ is usual and "
            "high where it is not. Dividing by the sum over everything that $x$ might be sees to the second. That sum "
            "is the partition function $Z$."
        )
    )
    formula(r"p(x) = \frac{e^{-E(x)/T}}{Z}", r"Z = \sum_{x'} e^{-E(x')/T}")
    st.markdown(
        _(
            "Here are energies of the 101 marks of an exam. Lower those near 95, and all other marks become less "
            "likely, although nothing was said about them: they share one $Z$. The temperature $T$ sharpens or "
            "flattens everything."
        )
    )


def _curve(values: Tensor, title: str, key: str, alt: str, limits: list[float]) -> None:
    figure = chart(_("mark"), title, 260, legend=False)
    line(figure, SCORES, values, title, palette().accent, fill=True)
    figure.update_xaxes(range=[0, 100])
    figure.update_yaxes(range=limits)
    show(figure, key, alt)


def expectation() -> None:
    """Show one expectation exactly, on a grid and by Monte Carlo, in several dimensions."""
    _explain_expectation()
    with row("controls"):
        dimension = st.segmented_control(
            _("Dimensions of x"), DIMENSIONS, default=1, required=True, key="learn.dimension",
            help=_("How many numbers x consists of"),
        )  # fmt: skip
        points = st.select_slider(
            _("Points"), POINTS, 100, key="learn.points", help=_("How often f is evaluated"), width=320
        )
    d = int(dimension or 1)
    left, right = st.columns(2, gap="medium")
    with left:
        _looked_at(three_ways.nodes_for(points, d), min(points, 400))
    with right:
        _errors(d, points)
    nodes = three_ways.nodes_for(points, d)
    readings(
        {
            _("exactly"): f"{three_ways.exact(d):.5f}",
            _("grid of {nodes} per axis").format(nodes=nodes): f"{three_ways.grid_sum(d, nodes):.5f}",
            _("Monte Carlo, {points} draws").format(points=f"{points:,}"): f"{_means(d, points)[0]:.5f}",
        }
    )
    st.markdown(
        _(
            r"In one or two dimensions a grid is hard to beat; this app uses one for $\log p(x)$. But its nodes "
            "multiply with every dimension, and soon a few per axis are all one can afford. The error of Monte Carlo "
            r"falls with $1/\sqrt{n}$ in any dimension: slowly, but it does fall. That is why a VAE is trained with "
            "draws."
        )
    )
    see("compare", _("Measures of real models: log p(x) is the grid's, the ELBO comes of draws"), part="measures")


def _explain_expectation() -> None:
    st.markdown(
        _(
            "Most of what is wanted of a distribution is an expectation: a mean of some $f(x)$ in which each $x$ "
            "counts as much as it is likely. It is an integral. Where that has no formula, it can be added up over a "
            "grid, every node weighted by its density; or it can be averaged over draws from $p$, with no weights at "
            "all, since likely values turn up more often by themselves. The latter is Monte Carlo."
        )
    )
    formula(
        r"\mathbb{E}_{p}[f] = \int f(x)\,p(x)\,dx",
        r"\approx\; \sum_i f(x_i)\,p(x_i)\,\Delta x",
        r"\approx\; \frac{1}{n} \sum_{i=1}^{n} f(x_i),\; x_i \sim p",
        joined=True,
    )


@cache
def _means(dimension: int, points: int) -> tuple[float, ...]:
    """Several means, but only one where it is of many draws."""
    repeats = 5 if points <= 10_000 else 1
    generator = torch.Generator().manual_seed(dimension)
    return tuple(three_ways.monte_carlo(dimension, points, repeats, generator).tolist())


def _looked_at(nodes: int, draws: int) -> None:
    """Draw f p along one axis, where the grid and where the draws look at it."""
    colours, x = palette(), torch.linspace(-4, 4, 161, dtype=torch.float64)

    def value(at: Tensor) -> Tensor:
        return three_ways.integrand(at[:, None]) * Gauss(0, 1).log_prob(at).exp()

    figure = chart(_("x, one axis"), "f(x) p(x)")
    line(figure, x, value(x), "f(x) p(x)", colours.unknown, fill=True)
    at, width = three_ways.axis_nodes(min(nodes, MOST_BARS))
    bars = go.Bar(x=at.tolist(), y=value(at).tolist(), width=width, name=_("grid"))
    bars.marker = {"color": faded(colours.accent, 0.25), "line": {"color": colours.accent, "width": 1}}
    figure.add_trace(bars)
    drawn = torch.randn(draws, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mark(figure, drawn, torch.full_like(drawn, -0.02), _("draws"), second(colours), 4)
    figure.update_xaxes(range=[-4, 4])
    figure.update_yaxes(range=[-0.04, 0.45])
    show(figure, "looked-at", _("The integrand along one axis, with the bars of the grid and the places of the draws"))


def _errors(dimension: int, points: int) -> None:
    colours, true = palette(), three_ways.exact(dimension)
    figure = chart(_("points"), _("relative error"))
    grid = [three_ways.grid_sum(dimension, three_ways.nodes_for(n, dimension)) for n in POINTS]
    line(figure, POINTS, [max(1e-12, abs(value / true - 1)) for value in grid], _("grid"), colours.accent)
    expected = [three_ways.monte_carlo_error(dimension, n) for n in POINTS]
    line(figure, POINTS, expected, _("Monte Carlo"), second(colours), "dash")
    tried = [(n, abs(value / true - 1)) for n in POINTS for value in _means(dimension, n)]
    mark(figure, [n for n, _e in tried], [e for _n, e in tried], _("tried"), second(colours), 5)
    figure.add_vline(points, line_width=1, line_color=colours.unknown)
    figure.update_xaxes(type="log")
    figure.update_yaxes(type="log", range=[-12.5, 1.5], exponentformat="power", nticks=6)
    show(figure, "errors", _("The error of the grid and of Monte Carlo against the number of points, both logarithmic"))


def likelihood() -> None:
    """Show how likely a Gaussian makes some marks, for every mean and standard deviation."""
    _explain_likelihood()
    with row("controls"):
        mean = st.slider("μ", 40.0, 90.0, 55.0, 0.5, key="learn.mean", help=_("The mean"), width=260)
        std = st.slider("σ", 4.0, 30.0, 8.0, 0.5, key="learn.std", help=_("The standard deviation"), width=260)
    data = MARKS.sample(LEARNERS, torch.Generator().manual_seed(4))
    best = likeliest(data)
    left, right = st.columns(2, gap="medium")
    with left:
        _over_data(data, Gauss(mean, std))
    with right:
        _landscape(data, Gauss(mean, std), best)
    here, highest = (float(log_likelihood(data, *map(torch.tensor, q))) for q in (Gauss(mean, std), best))
    readings(
        {
            _("log-likelihood, nats"): number(here, 2),
            _("the highest there is"): number(highest, 2),
            _("nats per mark to be gained"): number((highest - here) / LEARNERS, 3),
            _("at μ, σ"): f"{number(best.mean, 1)}, {number(best.std, 1)}",
        }
    )
    st.markdown(
        _(
            "It is the divergence again. Over ever more examples the mean of the logs tends to minus the entropy of "
            r"the data minus $D_{\mathrm{KL}}(p_{\text{data}} \| p_\theta)$, so the likeliest model is the closest "
            "one. For a VAE the sum cannot be computed outright, which is what the ELBO is for."
        )
    )
    see("train", _("Watch a real model climb"))


def _explain_likelihood() -> None:
    st.markdown(
        _(
            "Which parameters are the best? Those under which the examples are the least surprising. The examples are "
            r"independent, so their densities multiply, and their logs add up. Maximum likelihood takes the $\theta$ "
            "where that sum is highest."
        )
    )
    formula(r"\hat\theta = \arg\max_\theta \sum_{n=1}^{N} \log p_\theta\big(x^{(n)}\big)")
    st.markdown(
        _(
            "Try it by hand: move the curve over the {count} marks until the sum is as high as it goes. For a Gaussian "
            "the answer has a formula, the mean and the standard deviation of the marks themselves. For a network it "
            "has none, and one climbs by the gradient."
        ).format(count=LEARNERS)
    )


def _over_data(data: Tensor, q: Gauss) -> None:
    colours, x = palette(), torch.linspace(20, 110, 181, dtype=torch.float64)
    figure = chart(_("mark"), _("density"), legend=False)
    heights = q.log_prob(data).exp()
    stems: list[float | None] = [value for at in data.tolist() for value in (at, at, None)]
    tops: list[float | None] = [value for top in heights.tolist() for value in (0, top, None)]
    figure.add_scatter(x=stems, y=tops, mode="lines", line={"color": colours.unknown, "width": 1}, hoverinfo="skip")
    line(figure, x, q.log_prob(x).exp(), "p", colours.accent)
    mark(figure, data, heights, _("examples"), second(colours), 5)
    figure.update_yaxes(range=[0, 0.1])
    show(figure, "over-data", _("The density at each of the marks"))


def _landscape(data: Tensor, here: Gauss, best: Gauss) -> None:
    colours = palette()
    means, stds = (torch.linspace(*ends, 61, dtype=torch.float64) for ends in ((40, 90), (4, 30)))
    heights = log_likelihood(data, means, stds[:, None]) / len(data)
    figure = chart("μ", "σ")
    top = float(heights.max())
    figure.add_contour(
        x=means.tolist(), y=stds.tolist(), z=heights.tolist(), showscale=False, autocontour=False,
        zmin=top - 2, zmax=top, colorscale=[[0, faded(colours.accent, 0.2)], [1, colours.accent]],
        contours={"start": top - 2, "end": top, "size": 0.1, "coloring": "lines"}, line={"width": 1.5},
        hovertemplate="μ %{x:.1f}, σ %{y:.1f}: %{z:.3f}<extra></extra>",
    )  # fmt: skip
    mark(figure, [here.mean], [here.std], _("here"), second(colours))
    mark(figure, [best.mean], [best.std], _("likeliest"), colours.unknown)
    figure.data[-1].marker.symbol = "star"
    show(figure, "landscape", _("The log-likelihood per mark for every mean and standard deviation, with its summit"))
