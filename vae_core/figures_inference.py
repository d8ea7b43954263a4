"""Charts of inference: a posterior from near by, with a q that is refined, and the gap as a bar."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import zoom

from vae_core.figures import Say, styled
from vae_core.gaps import Gaps
from vae_core.palette import LIGHT, Palette
from vae_core.posterior_raster import Box, Raster, levels
from vae_core.refinement import Course

CLOSE: Final = 400
"""Pixels of the screen that the close-up is high."""
WIDE: Final = 1.35
"""How many times wider it is than high."""
NEAR: Final = 0.4
"""The close-up is made wider by so much on each side at most, to show the posterior's foothills."""
PIXELS: Final = 600
"""Its picture of the posterior has about so many."""
SHADES: Final = (0.22, 0.2, 0.16)
"""How opaque each region makes it, the innermost first: they add up."""
FRAMES: Final = 40
WARM: Final = 6
COOL: Final = 4
"""Classes whose colours stand for the amortisation gap and the approximation gap, here and on the plane."""
_GRID = "rgba(128, 128, 128, 0.2)"
_ROUND = np.linspace(0, 2 * np.pi, 73)


def faded(colour: str, opacity: float) -> str:
    """Return a colour ``#rrggbb`` that lets what is behind it through."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return f"rgba({red}, {green}, {blue}, {opacity:.3f})"


def ellipse(mean: torch.Tensor, factor: torch.Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the outline of a Gaussian at 1 and 2 sigma as one line with a break; mean (2,), factor (2, 2)."""
    circle = np.stack([np.cos(_ROUND), np.sin(_ROUND)])
    outline = mean.double().numpy()[:, None] + factor.double().numpy() @ circle
    twice = 2 * outline - mean.double().numpy()[:, None]
    both = np.concatenate([outline, [[np.nan], [np.nan]], twice], 1)
    return both[0], both[1]


def close_up(
    raster: Raster, bounds: Sequence[float], gaps: Gaps, shown: Box, palette: Palette = LIGHT, say: Say = str
) -> go.Figure:
    """Return the posterior as the regions of 50, 90 and 99 % of it, and q on its way to the best Gaussian.

    ``shown`` is the `window`, the raster that of the posterior within, and ``bounds`` are the `levels` of all of it.

    Its frames, named by their number, move the ellipse and its trail; the group of each is its ELBO (`play_controls`).
    """
    figure = go.Figure()
    figure.add_layout_image(_regions(raster, bounds, palette.accent))
    best, start = gaps.best_q, gaps.refined
    figure.add_trace(_outline(best.mean[0], best.factor[0], palette.unknown, say("best Gaussian"), dash="dot"))
    figure.add_trace(_outline(start.mean[0, 0], start.factor[0, 0], palette.of_class(WARM), say("q of the encoder")))
    moving = len(figure.data)
    for trace in _moving(start, 0, palette, say):
        figure.add_trace(trace)
    chosen = shown_steps(start)
    figure.frames = [
        go.Frame(
            data=_moving(start, step, palette, say),
            traces=[moving, moving + 1],
            name=str(number),
            group=f"{start.elbo[step, 0]:.2f}",
        )
        for number, step in enumerate(chosen)
    ]
    styled(figure, CLOSE)
    x0, y0, x1, y1 = shown
    figure.update_xaxes(range=[x0, x1], constrain="domain", showgrid=True, gridcolor=_GRID)
    figure.update_yaxes(range=[y0, y1], scaleanchor="x", constrain="domain")
    figure.update_layout(showlegend=True, legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"})
    return figure


def _regions(raster: Raster, bounds: Sequence[float], colour: str) -> dict[str, Any]:
    """Return the regions above each bound, darker inwards, as a picture that lies under the lines.

    A picture, since Plotly drops contours while it moves lines. Edges are as soft as one of its pixels.
    """
    fine = zoom(
        raster.values, min(8, math.ceil(PIXELS / max(raster.values.shape))), order=3, grid_mode=True, mode="nearest"
    )
    steep = np.hypot(*np.gradient(fine)).clip(min=1e-6)
    shade = sum(step * ((fine - bound) / steep + 0.5).clip(0, 1) for bound, step in zip(bounds, SHADES, strict=True))
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    pixels = np.empty((*fine.shape, 4), dtype=np.uint8)
    pixels[..., :3] = red, green, blue
    pixels[..., 3] = np.round(255 * np.asarray(shade))
    buffer = io.BytesIO()
    Image.fromarray(pixels[::-1]).save(buffer, "PNG")
    # A number of the raster stands in the middle of its pixel.
    aside, up = (ends[1] - ends[0] for ends in (raster.x[:2], raster.y[:2]))
    x0, y0, x1, y1 = raster.box
    return {
        "source": "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode(),
        "xref": "x",
        "yref": "y",
        "x": x0 - aside / 2,
        "y": y1 + up / 2,
        "sizex": x1 - x0 + aside,
        "sizey": y1 - y0 + up,
        "sizing": "stretch",
        "layer": "below",
    }


def _outline(
    mean: torch.Tensor, factor: torch.Tensor, colour: str, name: str, dash: str = "solid", width: float = 1.5
) -> go.Scatter:
    x, y = ellipse(mean, factor)
    line = {"color": colour, "width": width, "dash": dash}
    return go.Scatter(x=x, y=y, mode="lines", line=line, name=name, hoverinfo="name")


def _moving(course: Course, step: int, palette: Palette, say: Say) -> list[go.Scatter]:
    moved = _outline(course.mean[step, 0], course.factor[step, 0], palette.of_class(COOL), say("q refined"), width=2.5)
    trail = course.mean[: step + 1, 0].double().numpy()
    line = {"color": palette.of_class(COOL), "width": 1.5}
    return [moved, go.Scatter(x=trail[:, 0], y=trail[:, 1], mode="lines+markers", line=line, marker={"size": 4},
                              showlegend=False, hoverinfo="skip")]  # fmt: skip


def shown_steps(course: Course) -> list[int]:
    """Return the steps of a course that are shown, its first and last among them."""
    count = min(FRAMES, len(course))
    return sorted({round(step) for step in np.linspace(0, len(course) - 1, count)})


def window(raster: Raster, gaps: Gaps) -> Box:
    """Return what the close-up shows: nine tenths of the posterior, the whole course, and the best Gaussian.

    And of the region that holds 99 % what lies near these: a slight mode far away would make all else a speck.
    """
    high, outer = (raster.values >= level for level in levels(raster)[1:])
    course, best = gaps.refined, gaps.best_q.mean[0]
    sigma = torch.sqrt((course.factor[:, 0] ** 2).sum(-1))
    centres, spans = [], []
    for axis, places in enumerate((raster.x, raster.y)):
        taken, seen = places[high.any(axis)], places[outer.any(axis)]
        centre, spread = course.mean[:, 0, axis], 2.2 * sigma[:, axis]
        low = min(taken.min(), (centre - spread).min().item(), best[axis].item())
        top = max(taken.max(), (centre + spread).max().item(), best[axis].item())
        near = seen[(seen > low - NEAR * (top - low)) & (seen < top + NEAR * (top - low))]
        low, top = min(low, near.min()), max(top, near.max())
        centres.append((low + top) / 2)
        spans.append(1.1 * (top - low))
    height = max(spans[1], spans[0] / WIDE)
    (x, y), width = centres, WIDE * height
    return (x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def play_controls(figure: go.Figure, play: str, pause: str, ink: str) -> go.Figure:
    """Add buttons that play and pause the frames, and a slider over them; ``ink`` is the colour of their words."""
    smooth = {"frame": {"duration": 70, "redraw": False}, "transition": {"duration": 60}, "fromcurrent": True}
    still = {"frame": {"duration": 0, "redraw": False}, "mode": "immediate", "transition": {"duration": 0}}
    buttons = [
        {"label": play, "method": "animate", "args": [None, {**smooth, "mode": "immediate"}]},
        {"label": pause, "method": "animate", "args": [[None], still]},
    ]
    steps = [{"label": frame.group, "method": "animate", "args": [[frame.name], still]} for frame in figure.frames]
    quiet = {"size": 13, "color": ink}
    figure.update_layout(
        margin_b=70,
        updatemenus=[
            {"type": "buttons", "direction": "left", "buttons": buttons, "x": 0, "y": -0.08, "xanchor": "left",
             "yanchor": "top", "showactive": False, "font": quiet, "bgcolor": "rgba(0,0,0,0)", "pad": {"t": 12}}
        ],
        sliders=[
            {"steps": steps, "x": 0.36, "len": 0.64, "y": -0.08, "yanchor": "top", "pad": {"t": 16},
             "currentvalue": {"prefix": "ELBO ", "font": quiet, "xanchor": "right"}, "ticklen": 0,
             "font": {"size": 1, "color": "rgba(0,0,0,0)"},
             "bordercolor": _GRID, "bgcolor": _GRID}
        ],
    )  # fmt: skip
    return figure


def ladder(gaps: Gaps, palette: Palette = LIGHT, say: Say = str) -> go.Figure:
    """Return the way from the ELBO up to log p(x) as one bar: the amortisation gap, then the approximation gap.

    The bar begins at the ELBO, since the two gaps are small beside it.
    """
    figure = go.Figure()
    parts = (
        (say("amortisation gap"), gaps.elbo, gaps.amortisation, palette.of_class(WARM)),
        (say("approximation gap"), gaps.best, gaps.approximation, palette.of_class(COOL)),
    )
    for name, base, size, colour in parts:
        figure.add_bar(
            x=[max(size, 0.0)], base=base, y=[""], orientation="h", name=name, marker_color=colour, width=0.55,
            hovertemplate=f"{name}: {size:.3f} {say('nats')}<extra></extra>",
        )  # fmt: skip
    room = 0.08 * max(gaps.log_evidence - gaps.elbo, 1e-3)
    styled(figure, 150).update_layout(barmode="overlay", showlegend=True)
    figure.update_layout(legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"}, bargap=0)
    ends = {"ELBO": gaps.elbo, "log p(x)": gaps.log_evidence}
    for name, value in ends.items():
        figure.add_vline(value, line={"width": 1.5, "color": palette.unknown})
        figure.add_annotation(
            x=value, y=-0.1, yref="paper", yanchor="top", showarrow=False, text=f"{name}<br>{value:.2f}"
        )
    figure.update_xaxes(range=[gaps.elbo - room, gaps.log_evidence + room], showticklabels=False)
    figure.update_yaxes(visible=False)
    figure.update_layout(margin={"l": 40, "r": 40, "b": 44})
    return figure
