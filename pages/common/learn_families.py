"""Section of the learn page: a map of the families of generative models, and how each draws one number."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Final

import plotly.graph_objects as go
import streamlit as st
import torch
from plotly.subplots import make_subplots
from torch import Tensor

from pages.common.i18n import _
from pages.common.learn_distributions import MARKS
from pages.common.learn_families_words import known, latent, names, paragraphs, step_name
from pages.common.learn_map import family_map
from pages.common.learn_parts import faded, number, readings, row, second, see, show
from pages.common.theme import palette
from vae_core.families import FAMILIES, generate, misfit
from vae_core.figures import styled
from vae_core.mixtures import Mixture

CENTRE: Final = 68.0
UNIT: Final = 15.0
"""Marks are drawn in units of so many, about the centre."""
STEPS: Final = (1, 2, 3, 4, 6, 8, 16, 32, 64, 128)
DRAWS: Final = 4000
WAYS: Final = 60
"""Draws whose way is shown."""
BIN: Final = 2.5


def families() -> None:
    """Show the map, and for one family how it draws."""
    st.markdown(
        _(
            r"All of them want the same thing, a $p_\theta(x)$ near $p_{\text{data}}(x)$, and all stumble over the "
            "same stone: a flexible density has to be normalised. They differ in how they go around it, and so in what "
            "they know of $p(x)$ and in how they draw."
        )
    )
    with row("controls"):
        family = st.selectbox(
            _("Family"), tuple(FAMILIES), key="learn.family", format_func=names().__getitem__, width=280,
            help=_("Which of them is explained"),
        )  # fmt: skip
        steps = 1
        if FAMILIES[family].stepped:
            steps = st.select_slider(
                step_name(family), STEPS, 8, key="learn.steps", width=280, help=_("How finely it draws")
            )
    left, right = st.columns([4, 5], gap="medium")
    with left:
        st.graphviz_chart(
            family_map(family, names(), palette(), st.context.theme.type == "dark"),
            width="stretch",
            alt=_("A map of the families by what they know of p(x)"),
        )
    with right:
        st.markdown(paragraphs()[family])
        ways = _ways(family, steps)
        _drawn(ways)
    readings(
        {
            "log p(x)": known(FAMILIES[family].likelihood),
            _("latent variable"): latent(family),
            _("of {count} draws out of place").format(count=f"{DRAWS:,}"): _percent(family, steps),
        }
    )
    st.markdown(
        _(
            "The figure is the exam again, with every family given the best it could have learned, so that only its "
            "way of drawing is seen, from left to right. Some {percent} out of place is chance with so many draws."
        ).format(percent=f"{100 * _chance():.0f}\N{NO-BREAK SPACE}%")
    )
    see("explorer", _("The family of this app, on real digits"), model="vae")


@cache
def _target() -> Mixture:
    return replace(MARKS, means=(MARKS.means - CENTRE) / UNIT, stds=MARKS.stds / UNIT)


@cache
def _ways(family: str, steps: int) -> Tensor:
    """Return the way of every draw, in marks, (T, DRAWS)."""
    return CENTRE + UNIT * generate(family, _target(), DRAWS, steps, torch.Generator().manual_seed(0))


def _percent(family: str, steps: int) -> str:
    return f"{number(100 * misfit(_target(), (_ways(family, steps)[-1] - CENTRE) / UNIT), 1)}\N{NO-BREAK SPACE}%"


@cache
def _chance() -> float:
    return misfit(_target(), _target().sample(DRAWS, torch.Generator().manual_seed(1)))


def _drawn(ways: Tensor) -> None:
    """Draw the way of some draws, and beside them what all of them make."""
    colours = palette()
    figure = make_subplots(1, 2, shared_yaxes=True, column_widths=[0.7, 0.3], horizontal_spacing=0.02)
    time = torch.linspace(0, 1, len(ways)).tolist()
    gaps: list[float | None] = []
    values: list[float | None] = []
    for way in ways[:, :WAYS].T.tolist():
        gaps += [*time, None]
        values += [*way, None]
    thin = {"color": faded(colours.accent, 0.4), "width": 1}
    figure.add_trace(go.Scatter(x=gaps, y=values, mode="lines", line=thin, hoverinfo="skip"), 1, 1)
    ends = {"color": second(colours), "size": 4}
    figure.add_scatter(
        x=[1] * WAYS, y=ways[-1, :WAYS].tolist(), mode="markers", marker=ends, hoverinfo="skip", row=1, col=1
    )
    centres = torch.arange(10, 115, BIN, dtype=torch.float64) + BIN / 2
    counts = torch.histc(ways[-1], len(centres), 10, 115) / (DRAWS * BIN)
    bars = go.Bar(y=centres.tolist(), x=counts.tolist(), orientation="h", marker_color=faded(second(colours), 0.6))
    figure.add_trace(bars, 1, 2)
    true = go.Scatter(y=centres.tolist(), x=MARKS.log_prob(centres).exp().tolist(), mode="lines")
    figure.add_trace(true.update(line={"color": colours.unknown, "width": 2}), 1, 2)
    styled(figure, 330)
    figure.update_layout(bargap=0, hovermode=False)
    figure.update_xaxes(title_text=_("from noise to mark"), showticklabels=False, row=1, col=1)
    figure.update_xaxes(title_text=_("density"), showticklabels=False, range=[0, 0.06], row=1, col=2)
    figure.update_yaxes(title_text=_("mark"), row=1, col=1, range=[15, 112])
    figure.update_yaxes(row=1, col=2, range=[15, 112])
    show(figure, "drawn", _("How draws come about from noise, and what all of them make beside the true density"))
