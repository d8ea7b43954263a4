"""Section of the learn page: log p(x) = ELBO + KL, with the numbers of a real digit and any Gaussian for q."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import plotly.graph_objects as go
import streamlit as st
import torch
from torch import Tensor

from pages.common.i18n import _
from pages.common.learn_models import choose_digit, digits, example, real
from pages.common.learn_parts import chart, faded, formula, line, mark, number, readings, row, second, see, show
from pages.common.theme import palette
from vae_core.evidence import posterior
from vae_core.gaps import elbo_of, kl_to_posterior
from vae_core.gaussians import Gaussians, of_encoder
from vae_core.posterior_raster import Raster, levels, posterior_raster

WIDTHS: Final = (0.2, 0.3, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0, 4.0, 6.0, 8.0)
BELOW: Final = 25.0
"""Nats below log p(x) that are drawn."""


@dataclass(frozen=True)
class _Exact:
    """The true posterior of one digit, and its evidence."""

    log_evidence: float
    raster: Raster


def elbo() -> None:
    """Show that what q misses of log p(x) is its divergence from the true posterior, whatever q is."""
    _explain_elbo()
    with row("controls"):
        kind = choose_digit("elbo", "2")
        width = st.select_slider(
            _("Width, as a multiple of σ"), WIDTHS, 1.0, key="learn.elbo.width", width=240,
            help=_("1 is the encoder's own q(z|x)"),
        )  # fmt: skip
    exact, q = _exact(kind), _widened(kind, (width,))
    bound, divergence = _bound(kind, (width,))[0], _divergence(kind, width)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        _terms(kind, width, exact.log_evidence, bound + divergence)
    with right:
        _posterior(exact.raster, q)
    readings(
        {
            "ELBO": number(bound, 2),
            "KL(q(z|x) ‖ p(z|x))": number(divergence, 2),
            _("their sum"): number(bound + divergence, 2),
            _("log p(x), by quadrature"): number(exact.log_evidence, 2),
        }
    )
    st.markdown(
        _(
            "All are nats for one image. Where the posterior has two modes, no Gaussian closes the gap, and widening "
            "$q$ to reach both costs more than it brings."
        )
    )
    see("inference", _("The same for any digit, and what the gap consists of"), digit=str(digits().examples[kind]))


def _explain_elbo() -> None:
    st.markdown(
        _(
            r"The model's log-likelihood of an image, $\log p(x)$, needs the sum over all $z$. Put any distribution "
            "$q(z|x)$ in between, and it falls into two parts: one that can be estimated from draws of $q$, the "
            "evidence lower bound, and the divergence of $q$ from the true posterior, which is never negative."
        )
    )
    formula(
        r"\log p(x) = \underbrace{\mathbb{E}_{q}\Big[\log \frac{p(x, z)}{q(z|x)}\Big]}_{\text{ELBO}}",
        r"+ \underbrace{D_{\mathrm{KL}}(q(z|x)\,\|\,p(z|x))}_{\ge\, 0}",
        joined=True,
    )
    st.markdown(
        _(
            "So raising the ELBO does two things at once: it raises the likelihood, and it draws $q$ to the posterior. "
            "Here all three are computed, each without the others. Make $q$ wrong on purpose: the ELBO falls, the "
            "divergence grows by as much, and the sum stays."
        )
    )


@st.cache_resource(show_spinner=False, max_entries=16)
def _exact(kind: int) -> _Exact:
    model, x = real("vae").model, example(kind)
    found = posterior(model, x)
    return _Exact(float(found.log_evidence[0]), posterior_raster(found))


def _widened(kind: int, widths: tuple[float, ...]) -> Gaussians:
    """Return the encoder's q(z|x) made so many times as wide, one Gaussian for each width."""
    q = of_encoder(real("vae").model, example(kind))
    return Gaussians(q.mean.expand(len(widths), -1), q.factor * torch.tensor(widths)[:, None, None])


@cache
def _bound(kind: int, widths: tuple[float, ...]) -> list[float]:
    values: list[float] = elbo_of(
        real("vae").model, example(kind).expand(len(widths), -1, -1, -1), _widened(kind, widths)
    ).tolist()
    return values


@cache
def _divergence(kind: int, width: float) -> float:
    return float(kl_to_posterior(real("vae").model, example(kind), _widened(kind, (width,)))[0])


def _terms(kind: int, width: float, log_evidence: float, total: float) -> None:
    """Draw the ELBO for every width, under the evidence, and the gap between them."""
    colours = palette()
    bounds = _bound(kind, WIDTHS)
    figure = chart(_("width of q, as a multiple of the encoder's σ"), _("nats"), 320)
    line(figure, WIDTHS, [log_evidence] * len(WIDTHS), "log p(x)", colours.unknown)
    line(figure, WIDTHS, bounds, "ELBO", colours.accent)
    figure.data[-1].update(fill="tonexty", fillcolor=faded(second(colours), 0.15))
    here = _bound(kind, (width,))[0]
    figure.add_scatter(
        x=[width, width], y=[here, total], mode="lines+markers", name=_("KL, added to the ELBO"),
        line={"color": second(colours), "width": 3}, marker={"size": 9}, hoverinfo="skip",
    )  # fmt: skip
    figure.update_xaxes(type="log", tickvals=[0.2, 0.5, 1, 2, 4, 8])
    figure.update_yaxes(range=[log_evidence - BELOW, log_evidence + 2])
    show(figure, "terms", _("The ELBO under log p(x) for every width of q, and the divergence that fills the gap"))


def _posterior(raster: Raster, q: Gaussians) -> None:
    """Draw the regions of the posterior's mass, and q at one and two standard deviations."""
    colours = palette()
    figure = chart("z₁", "z₂", 320, legend=False)
    bounds = sorted(levels(raster))
    for opacity, level in zip((0.2, 0.45, 0.8), bounds, strict=True):
        figure.add_contour(
            x=raster.x.tolist(), y=raster.y.tolist(), z=raster.values.tolist(), showscale=False, hoverinfo="skip",
            contours={"type": "constraint", "operation": "<", "value": level}, fillcolor=faded(colours.accent, opacity),
            line={"width": 0},
        )  # fmt: skip
    angle = torch.linspace(0, 2 * torch.pi, 91)
    circle = torch.stack([angle.cos(), angle.sin()], 1)
    for reach in (1, 2):
        _ring(figure, q.mean[0] + reach * circle @ q.factor[0].T, second(colours))
    mark(figure, q.mean[:, 0], q.mean[:, 1], "μ", second(colours), 6)
    show(figure, "posterior", _("The true posterior, its regions of 50, 90 and 99 %, and q over it"))


def _ring(figure: go.Figure, ring: Tensor, colour: str) -> None:
    figure.add_scatter(
        x=ring[:, 0].tolist(), y=ring[:, 1].tolist(), mode="lines", hoverinfo="skip", line={"color": colour, "width": 2}
    )
