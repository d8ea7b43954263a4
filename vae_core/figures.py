"""Charts: Plotly figures from arrays, so that they can be tested and saved without a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike
from plotly.subplots import make_subplots

from vae_core.errors import LatentExplorerError
from vae_core.palette import LIGHT, Palette

DIGITS = tuple("0123456789")
HEIGHT = 220
BINS = 40
_GRID = "rgba(128, 128, 128, 0.2)"
_CLEAR = "rgba(0, 0, 0, 0)"


def _styled(figure: go.Figure, height: int = HEIGHT) -> go.Figure:
    """Give a figure the house style: nothing but data, axes and their units, on whatever lies behind it."""
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        paper_bgcolor=_CLEAR,
        plot_bgcolor=_CLEAR,
        showlegend=False,
        bargap=0.2,
        dragmode=False,
        hoverlabel={"namelength": 0},
    )
    figure.update_xaxes(showgrid=False, zeroline=False, automargin=True, fixedrange=True)
    figure.update_yaxes(gridcolor=_GRID, zeroline=False, automargin=True, fixedrange=True)
    return figure


def counts_per_class(labels: ArrayLike, classes: Sequence[str] = DIGITS, palette: Palette = LIGHT) -> go.Figure:
    """Return bars of how many images each class has; labels (N,) are class numbers, -1 where there is none.

    Images without a label get a bar of their own, where there are any.
    """
    numbers = np.asarray(labels, dtype=np.int64)
    counts = [int((numbers == number).sum()) for number in range(len(classes))]
    names, colours = list(classes), [palette.of_class(number) for number in range(len(classes))]
    if unlabelled := int((numbers < 0).sum()):
        names, counts, colours = [*names, "none"], [*counts, unlabelled], [*colours, palette.of_class(-1)]
    bars = go.Bar(x=names, y=counts, marker_color=colours, hovertemplate="%{x}: %{y:,} images<extra></extra>")
    # Two of the ten colours are greys; hatching tells no class at all from them.
    bars.marker.pattern.shape = ["/" if colour == palette.unknown else "" for colour in colours]
    figure = _styled(go.Figure(bars))
    figure.update_xaxes(type="category")
    figure.update_yaxes(title_text="images", rangemode="tozero", tickformat=",d")
    return figure


def class_probabilities(
    probabilities: ArrayLike, classes: Sequence[str] = DIGITS, palette: Palette = LIGHT
) -> go.Figure:
    """Return bars of the probability of each class, (C,), on an axis from 0 to 100 %.

    Raises LatentExplorerError where there is not one probability in [0, 1] for each class.
    """
    values = np.asarray(probabilities, dtype=np.float64)
    if values.shape != (len(classes),) or not ((values >= 0) & (values <= 1 + 1e-6)).all():
        raise LatentExplorerError(f"a chart of {len(classes)} classes needs as many probabilities between 0 and 1")
    colours = [palette.of_class(number) for number in range(len(classes))]
    bars = go.Bar(x=list(classes), y=values, marker_color=colours, hovertemplate="%{x}: %{y:.1%}<extra></extra>")
    figure = _styled(go.Figure(bars))
    figure.update_xaxes(type="category")
    figure.update_yaxes(title_text="probability", range=[0, 1], tickformat=".0%")
    return figure


def error_histogram(
    selection: ArrayLike,
    everything: ArrayLike,
    unit: str = "nats per image",
    bins: int = BINS,
    palette: Palette = LIGHT,
) -> go.Figure:
    """Return the reconstruction errors of a selection (M,) over those of all images (N,), as shares in equal bins.

    Both are shares of their own images, so that a small selection can be compared with all.
    Raises LatentExplorerError where either is empty.
    """
    chosen, every = np.asarray(selection, dtype=np.float64), np.asarray(everything, dtype=np.float64)
    if not chosen.size or not every.size:
        raise LatentExplorerError("a histogram needs at least one image: select some")
    edges = np.histogram_bin_edges(np.concatenate([chosen, every]), bins)
    centres = (edges[:-1] + edges[1:]) / 2
    figure = go.Figure()
    for name, values, colour in (("all", every, palette.unknown), ("selection", chosen, palette.accent)):
        shares = np.histogram(values, edges)[0] / values.size
        hover = f"%{{y:.1%}} of {name} near %{{x:.1f}} {unit}<extra></extra>"
        figure.add_bar(x=centres, y=shares, name=name, marker_color=colour, opacity=0.6, hovertemplate=hover)
    _styled(figure).update_layout(barmode="overlay", bargap=0, showlegend=True, legend=_LEGEND)
    figure.update_xaxes(title_text=f"reconstruction error, {unit}")
    figure.update_yaxes(title_text="share of images", tickformat=".0%", rangemode="tozero")
    return figure


_LEGEND = {"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "top"}


def training_curves(metrics: Sequence[Mapping[str, Any]], palette: Palette = LIGHT) -> go.Figure:
    """Return the ELBO, the distortion and the rate over training steps, each on its own axis, in nats per image.

    ``metrics`` are the lines of a run's metrics log; the ELBO is minus the sum of the other two, whatever beta was.
    """
    steps = np.array([line["step"] for line in metrics], dtype=np.int64)
    distortion = np.array([line["reconstruction"] for line in metrics], dtype=np.float64)
    rate = np.array([line["kl"] for line in metrics], dtype=np.float64)
    curves = {"ELBO": -(distortion + rate), "distortion": distortion, "rate": rate}
    figure = make_subplots(rows=len(curves), cols=1, shared_xaxes=True, vertical_spacing=0.06)
    for row, (name, values) in enumerate(curves.items(), 1):
        hover = f"step %{{x:,}}: {name} %{{y:.2f}} nats<extra></extra>"
        line = go.Scatter(x=steps, y=values, name=name, mode="lines", line_color=palette.accent, hovertemplate=hover)
        figure.add_trace(line, row=row, col=1)
        figure.update_yaxes(title_text=f"{name}, nats", row=row, col=1)
    _styled(figure, 2 * HEIGHT)
    figure.update_xaxes(title_text="step", row=len(curves), col=1)
    return figure
