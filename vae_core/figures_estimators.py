"""The chart of the estimators of log p(x): how near they come as their samples grow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots

from vae_core.estimators import Estimate
from vae_core.figures import Say, styled
from vae_core.figures_inference import WARM, faded
from vae_core.palette import LIGHT, Palette

_NAMES: Final = ("prior", "importance", "iwae-100", "iwae-10", "iwae-1")


def estimator_names(say: Say = str) -> Mapping[str, str]:
    """Return what each estimator is called."""
    return {
        "prior": say("Monte Carlo from the prior"),
        "importance": say("importance sampling from q"),
        "iwae-1": say("ELBO (IWAE-1)"),
        "iwae-10": "IWAE-10",
        "iwae-100": "IWAE-100",
    }


def estimator_chart(
    estimates: Sequence[Estimate], exact: float | None, palette: Palette = LIGHT, say: Say = str
) -> go.Figure:
    """Return the estimates of log p(x) over the number of samples, with bands over repeats, above effective sizes.

    ``exact`` is log p(x) itself, drawn as a line where it is known.
    """
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.07, row_heights=[0.68, 0.32])
    colours = dict(zip(_NAMES, (palette.of_class(WARM), palette.accent, *_shades(palette)), strict=True))
    names = estimator_names(say)
    for each in sorted(estimates, key=lambda one: _NAMES.index(one.name)):
        _add_estimate(figure, each, names[each.name], colours[each.name], say)
        if each.effective is not None:
            hover = f"%{{y:.1f}} {say('of %{x:,} samples count')}<extra></extra>"
            line = go.Scatter(
                x=each.samples.tolist(), y=each.effective.tolist(), mode="lines+markers", showlegend=False,
                hovertemplate=hover,
                line={"color": colours[each.name], "width": 2}, marker={"size": 5},
            )  # fmt: skip
            figure.add_trace(line, row=2, col=1)
    if exact is not None:
        figure.add_hline(exact, row=1, col=1, line={"width": 1.5, "dash": "dot"}, annotation_text=say("exact log p(x)"))
    styled(figure, 520).update_layout(showlegend=True, legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"})
    figure.update_xaxes(type="log", dtick=1)
    figure.update_xaxes(title_text=say("samples"), row=2, col=1)
    figure.update_yaxes(title_text=say("log p(x), nats"), range=_span(estimates, exact), row=1, col=1)
    figure.update_yaxes(title_text=say("effective samples"), type="log", dtick=1, row=2, col=1)
    return figure


def _shades(palette: Palette) -> tuple[str, str, str]:
    return palette.of_class(9), palette.of_class(7), palette.unknown


def _add_estimate(figure: go.Figure, each: Estimate, name: str, colour: str, say: Say) -> None:
    around = {
        "x": torch.cat([each.samples, each.samples.flip(0)]).tolist(),
        "y": torch.cat([each.high, each.low.flip(0)]).tolist(),
        "fill": "toself",
        "fillcolor": faded(colour, 0.18),
        "line": {"width": 0},
        "mode": "lines",
        "hoverinfo": "skip",
        "showlegend": False,
        "legendgroup": each.name,
    }
    figure.add_trace(go.Scatter(**around), row=1, col=1)
    hover = f"{name}: %{{y:.2f}} {say('nats from %{x:,} samples')}<extra></extra>"
    line: dict[str, Any] = {"color": colour, "width": 2}
    middle = go.Scatter(
        x=each.samples.tolist(), y=each.median.tolist(), mode="lines+markers", name=name, line=line, marker={"size": 5},
        hovertemplate=hover, legendgroup=each.name,
    )  # fmt: skip
    figure.add_trace(middle, row=1, col=1)


def _span(estimates: Sequence[Estimate], exact: float | None) -> list[float]:
    """Return the ends of the axis: estimates from a few draws of the prior lie hundreds of nats down."""
    tops = [each.high.max().item() for each in estimates] + ([] if exact is None else [exact])
    others = [each.low.min().item() for each in estimates if each.name != "prior"]
    last = [each.low[-1].item() for each in estimates]
    top, low = max(tops), min([*others, *last, max(tops) - 10])
    low = max(low, top - 80)
    return [low - 0.05 * (top - low), top + 0.08 * (top - low)]
