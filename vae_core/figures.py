"""Charts: Plotly figures from arrays, so that they can be tested and saved without a page.

A chart that a page shows takes its words through ``say``, which translates them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray
from plotly.subplots import make_subplots

from vae_core.errors import LatentExplorerError
from vae_core.palette import LIGHT, Palette

Say = Callable[[str], str]

DIGITS = tuple("0123456789")
HEIGHT = 220
BINS = 40
GRID = "rgba(128, 128, 128, 0.2)"
_CLEAR = "rgba(0, 0, 0, 0)"


def styled(figure: go.Figure, height: int = HEIGHT) -> go.Figure:
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
    figure.update_yaxes(gridcolor=GRID, zeroline=False, automargin=True, fixedrange=True)
    return figure


def counts_per_class(
    labels: ArrayLike, classes: Sequence[str] = DIGITS, palette: Palette = LIGHT, say: Say = str
) -> go.Figure:
    """Return bars of how many images each class has; labels (N,) are class numbers, -1 where there is none.

    Images without a label get a bar of their own, where there are any.
    """
    numbers = np.asarray(labels, dtype=np.int64)
    counts = [int((numbers == number).sum()) for number in range(len(classes))]
    names, colours = list(classes), [palette.of_class(number) for number in range(len(classes))]
    if unlabelled := int((numbers < 0).sum()):
        names, counts, colours = [*names, say("none")], [*counts, unlabelled], [*colours, palette.of_class(-1)]
    bars = go.Bar(
        x=names, y=counts, marker_color=colours, hovertemplate=f"%{{x}}: %{{y:,}} {say('images')}<extra></extra>"
    )
    # Two of the ten colours are greys; hatching tells no class at all from them.
    bars.marker.pattern.shape = ["/" if colour == palette.unknown else "" for colour in colours]
    figure = styled(go.Figure(bars))
    figure.update_xaxes(type="category")
    figure.update_yaxes(title_text=say("images"), rangemode="tozero", tickformat=",d")
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
    figure = styled(go.Figure(bars))
    figure.update_xaxes(type="category")
    figure.update_yaxes(title_text="probability", range=[0, 1], tickformat=".0%")
    return figure


def _room(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the ends of an axis that holds these values, some way apart even where the values are not."""
    low, high = float(values.min()), float(values.max())
    return (low, high) if high - low > 1e-9 * max(1.0, abs(low), abs(high)) else (low - 0.5, high + 0.5)


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
    edges = np.linspace(*_room(np.concatenate([chosen, every])), bins + 1)
    centres = (edges[:-1] + edges[1:]) / 2
    figure = go.Figure()
    for name, values, colour in (("all", every, palette.unknown), ("selection", chosen, palette.accent)):
        shares = np.histogram(values, edges)[0] / values.size
        hover = f"%{{y:.1%}} of {name} near %{{x:.1f}} {unit}<extra></extra>"
        figure.add_bar(x=centres, y=shares, name=name, marker_color=colour, opacity=0.6, hovertemplate=hover)
    styled(figure).update_layout(barmode="overlay", bargap=0, showlegend=True, legend=LEGEND)
    figure.update_xaxes(title_text=f"reconstruction error, {unit}")
    figure.update_yaxes(title_text="share of images", tickformat=".0%", rangemode="tozero")
    return figure


LEGEND = {"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "top"}


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
    styled(figure, 2 * HEIGHT)
    figure.update_xaxes(title_text="step", row=len(curves), col=1)
    return figure


def pixel_map(values: ArrayLike, palette: Palette = LIGHT, say: Say = str) -> go.Figure:
    """Return what every pixel (H, W) costs, in nats, with its scale; zero is as clear as the paper behind it.

    Densities can earn nats too: what is below zero has a colour of its own.
    """
    pixels = np.asarray(values, dtype=np.float64)
    low, high = min(0.0, float(pixels.min())), max(1e-6, float(pixels.max()))
    zero = abs(low) / (high - low)
    scale = [[zero, _faded(palette.accent, 0)], [1, _faded(palette.accent, 1)]]
    if low < 0:
        earning = palette.digits[6]
        scale = [[0, _faded(earning, -low / max(high, -low))], [zero, _faded(earning, 0)], *scale]
        scale[-1][1] = _faded(palette.accent, high / max(high, -low))
    heatmap = _heatmap(
        pixels, scale, (low, high), f"{say('row %{y}, column %{x}')}: %{{z:.3f}} {say('nats')}<extra></extra>"
    )
    heatmap.update(showscale=True, colorbar={**_BELOW, "title": {"text": say("nats"), "side": "bottom"}})
    return _square(go.Figure(heatmap), beside=8, below=60)


def picture(values: ArrayLike, say: Say = str) -> go.Figure:
    """Return grey values (H, W) in [0, 1], zero black; as large as a `pixel_map`, so that they stand side by side."""
    hover = f"{say('row %{y}, column %{x}')}: %{{z:.3f}}<extra></extra>"
    heatmap = _heatmap(np.asarray(values, dtype=np.float64), [[0, "#000000"], [1, "#ffffff"]], (0.0, 1.0), hover)
    return _square(go.Figure(heatmap))


SIDE = 220
"""Pixels of the screen that a picture is wide and high, where there is room."""
_BELOW = {
    "orientation": "h",
    "x": 0,
    "xanchor": "left",
    "xpad": 0,
    "y": 0,
    "yanchor": "top",
    "lenmode": "pixels",
    "len": SIDE,
    "thickness": 8,
    "outlinewidth": 0,
    "nticks": 4,
}


def _faded(colour: str, opacity: float) -> str:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return f"rgba({red}, {green}, {blue}, {opacity:.3f})"


def _heatmap(pixels: Any, scale: list[Any], limits: tuple[float, float], hover: str) -> go.Heatmap:
    return go.Heatmap(
        z=pixels, colorscale=scale, zmin=limits[0], zmax=limits[1], showscale=False, hovertemplate=hover, zsmooth=False
    )


def _square(figure: go.Figure, beside: int = 0, below: int = 0) -> go.Figure:
    """Show a heatmap as a picture: its first row at the top, its pixels square, room for a scale and its labels."""
    margin = {"l": beside, "r": beside, "t": 0, "b": below, "autoexpand": False}
    styled(figure, SIDE + below).update_layout(margin=margin)
    figure.update_xaxes(visible=False, constrain="domain", constraintoward="left")
    figure.update_yaxes(visible=False, constrain="domain", constraintoward="top", scaleanchor="x")
    figure.update_yaxes(autorange="reversed")
    return figure


def kl_bars(kl: ArrayLike, palette: Palette = LIGHT, say: Say = str) -> go.Figure:
    """Return bars of the KL divergence of each latent dimension, (d,), in nats."""
    values = np.asarray(kl, dtype=np.float64)
    names = [str(number) for number in range(1, values.size + 1)]
    hover = f"{say('dimension')} %{{x}}: %{{y:.3f}} {say('nats')}<extra></extra>"
    figure = styled(go.Figure(go.Bar(x=names, y=values, marker_color=palette.accent, hovertemplate=hover)), 170)
    figure.update_layout(bargap=0.5)
    figure.update_xaxes(type="category", title_text=say("latent dimension"))
    figure.update_yaxes(title_text=say("KL, nats"), rangemode="tozero")
    return figure


def gradient_norms(
    norms: Mapping[str, float],
    before: Mapping[str, float] | None = None,
    palette: Palette = LIGHT,
    say: Say = str,
) -> go.Figure:
    """Return bars of the gradient norm of each layer, the first layer at the top; ``before`` marks earlier norms."""
    layers, values = list(norms), list(norms.values())
    hover = "%{y}: %{x:.4g}<extra></extra>"
    figure = go.Figure(go.Bar(x=values, y=layers, orientation="h", marker_color=palette.accent, hovertemplate=hover))
    if before is not None:
        marks = {"symbol": "line-ns", "size": 14, "line": {"width": 2, "color": palette.unknown}}
        earlier = [before.get(layer) for layer in layers]
        figure.add_scatter(x=earlier, y=layers, mode="markers", marker=marks, hovertemplate=f"{say('before')}: {hover}")
    styled(figure, 60 + 30 * len(layers))
    figure.update_xaxes(title_text=say("norm, nats per unit of weight"), rangemode="tozero")
    figure.update_xaxes(showgrid=True, gridcolor=GRID)
    figure.update_yaxes(type="category", autorange="reversed", title_text=say("layer"), showgrid=False)
    return figure
