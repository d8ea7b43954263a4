"""Sections of the learn page: the KL divergence, and what its two directions do."""

from __future__ import annotations

from functools import cache
from typing import Final

import streamlit as st
import torch
from torch import Tensor

from pages.common.i18n import _
from pages.common.learn_parts import chart, faded, formula, line, mark, number, readings, row, second, see, show
from pages.common.theme import palette
from vae_core.divergence import DIRECTIONS, Gauss, closest_gaussian, kl_on_grid, kl_terms
from vae_core.mixtures import Mixture, mixture

CELL: Final = 0.02
STEPS: Final = torch.linspace(0.01, 0.99, 99, dtype=torch.float64)


def divergence() -> None:
    """Show the divergence of two outcomes, term by term."""
    _explain_divergence()
    with row("controls"):
        p = st.slider("$p(A)$", 0.01, 0.99, 0.9, 0.01, key="learn.p", help=_("How often A happens"), width=280)
        q = st.slider("$q(A)$", 0.01, 0.99, 0.1, 0.01, key="learn.q", help=_("How often A is predicted"), width=280)
    truth, prediction = _both(p), _both(q)
    terms, reverse = kl_terms(truth, prediction), kl_terms(prediction, truth)
    left, right = st.columns(2, gap="medium")
    with left:
        _penalties(terms)
    with right:
        _directions(p, q)
    readings(
        {
            _("penalty of A"): number(float(terms[0])),
            _("penalty of B"): number(float(terms[1])),
            "KL(p ‖ q)": number(float(terms.sum())),
            "KL(q ‖ p)": number(float(reverse.sum())),
        }
    )
    st.markdown(
        _(
            "It is no distance: exchanging $p$ and $q$ changes it. For 0.9 against 0.1 the two happen to agree, since "
            "one is the other with A and B exchanged; set $q(A)$ to 0.5 and they part."
        )
    )
    see("explorer", _("Each digit's KL between its code and the prior, as colour"), model="vae", colour="kl")


def _explain_divergence() -> None:
    st.markdown(
        _(
            "How far is a prediction $q$ from the truth $p$? The Kullback–Leibler divergence charges every outcome the "
            "log of how wrong the prediction is about it, weighted by how often it really happens."
        )
    )
    formula(r"D_{\mathrm{KL}}(p \,\|\, q) = \sum_x p(x) \log \frac{p(x)}{q(x)}")
    st.markdown(
        _(
            "Take two outcomes, A and B. With $p(A) = 0.9$ and $q(A) = 0.1$ the prediction is badly wrong where it "
            "matters, and pays dearly for A; about B, which hardly ever happens, it errs as much and even gets a "
            "little back. The sum is never negative, and zero only where both agree."
        )
    )


def _both(share: float) -> Tensor:
    return torch.tensor([share, 1 - share], dtype=torch.float64)


def _penalties(terms: Tensor) -> None:
    colours = palette()
    figure = chart(_("outcome"), _("p log(p / q), nats"), legend=False)
    shades = [colours.accent if term >= 0 else second(colours) for term in terms]
    figure.add_bar(
        x=["A", "B"], y=terms.tolist(), marker_color=shades, width=0.5, hovertemplate="%{x}: %{y:.3f}<extra></extra>"
    )
    figure.add_hline(0, line_width=1, line_color=faded(colours.unknown, 0.6))
    figure.update_yaxes(range=[-1, 4])
    show(figure, "penalties", _("What each outcome adds to KL(p ‖ q)"))


def _directions(p: float, q: float) -> None:
    colours = palette()
    truth, predictions = _both(p), torch.stack([STEPS, 1 - STEPS], 1)
    curves = {
        "KL(p ‖ q)": (kl_terms(truth.expand(99, 2), predictions).sum(1), colours.accent),
        "KL(q ‖ p)": (kl_terms(predictions, truth.expand(99, 2)).sum(1), second(colours)),
    }
    figure = chart("q(A)", _("nats"))
    for name, (values, colour) in curves.items():
        line(figure, STEPS, values, name, colour)
    here = [float(kl_terms(truth, _both(q)).sum()), float(kl_terms(_both(q), truth).sum())]
    mark(figure, [q, q], here, "q", colours.unknown)
    figure.data[-1].showlegend = False
    figure.update_xaxes(range=[0, 1])
    figure.update_yaxes(range=[-0.1, 4])
    show(figure, "directions", _("Both directions of the divergence for every prediction q(A)"))


def directions() -> None:
    """Show the Gaussian that is closest to two modes, in either direction of the divergence."""
    st.markdown(
        _(
            "The direction decides what a model does with a shape it cannot match. Let $p$ have two modes and $q$ be a "
            r"single Gaussian. To minimise $D_{\mathrm{KL}}(p \| q)$, $q$ must be large wherever $p$ is: it covers "
            r"both modes, and the gap between them too. To minimise $D_{\mathrm{KL}}(q \| p)$, $q$ must be small "
            "wherever $p$ is: it settles on one mode and ignores the other."
        )
    )
    with row("controls"):
        direction = st.segmented_control(
            _("What is minimised"), DIRECTIONS, default="forward", required=True, key="learn.direction",
            format_func={"forward": "KL(p ‖ q)", "reverse": "KL(q ‖ p)"}.__getitem__,
            help=_("Which of the two distributions the expectation is taken under"),
        )  # fmt: skip
        apart = st.slider(
            _("Distance of the modes"), 0.0, 8.0, 5.0, 0.25, key="learn.apart", help=_("In units of x"), width=280
        )
    p = mixture((0.6, -apart / 2, 1), (0.4, apart / 2, 1))
    q = _closest(apart, str(direction))
    _fit(p, q)
    x = _line()
    log_p, log_q = p.log_prob(x), q.log_prob(x)
    readings(
        {
            "KL(p ‖ q)": number(kl_on_grid(log_p, log_q, CELL)),
            "KL(q ‖ p)": number(kl_on_grid(log_q, log_p, CELL)),
            _("mean of q"): number(q.mean, 2),
            _("standard deviation of q"): number(q.std, 2),
        }
    )
    st.markdown(
        _(
            "A VAE meets both. Training by maximum likelihood is the first direction, from the data to the model: "
            "every digit must be covered, even at the price of blends that are none. The encoder's error is the "
            "second, from $q(z|x)$ to the true posterior: where a digit has two explanations, it prefers one of them."
        )
    )
    see("inference", _("Real posteriors, those with two modes first"), part="digits", by="modes")


def _line() -> Tensor:
    return torch.arange(-12, 12, CELL, dtype=torch.float64) + CELL / 2


@cache
def _closest(apart: float, direction: str) -> Gauss:
    return closest_gaussian(mixture((0.6, -apart / 2, 1), (0.4, apart / 2, 1)).log_prob, _line(), direction)


def _fit(p: Mixture, q: Gauss) -> None:
    x, colours = _line()[::10], palette()
    figure = chart("x", _("density"))
    line(figure, x, p.log_prob(x).exp(), "p", colours.unknown, fill=True)
    line(figure, x, q.log_prob(x).exp(), _("closest q"), colours.accent)
    figure.update_xaxes(range=[-9, 9])
    figure.update_yaxes(range=[0, 0.42])
    show(figure, "directions.fit", _("A density with two modes, and the Gaussian that is closest to it"))
