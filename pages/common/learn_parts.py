"""What the sections of the learn page are made of: their frame, charts in the app's colours, readings, links."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from torch import Tensor

from pages.common.card import MINUS
from pages.common.parameters import write_point
from vae_core.export import grid_png
from vae_core.figures import styled
from vae_core.palette import Palette

HEIGHT: Final = 300
LEGEND: Final = {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"}
ZOOM: Final = 4
"""Pixels of a picture for each pixel of a digit: what the screen makes larger or smaller stays sharp."""

Values = Tensor | Sequence[float]


@dataclass(frozen=True)
class Section:
    """One section of the page; its key is what the address calls it."""

    key: str
    title: Callable[[], str]
    draw: Callable[[], None]


def second(colours: Palette) -> str:
    """Return the colour of what stands beside the accent."""
    return colours.digits[6]


def number(value: float, decimals: int = 3) -> str:
    """Return a number with so many decimals, with a minus sign that is one, and never minus zero."""
    return f"{round(value, decimals) + 0.0:,.{decimals}f}".replace("-", MINUS)


def chart(x: str, y: str, height: int = HEIGHT, legend: bool = True) -> go.Figure:
    """Return an empty chart in the app's look; what its axes are is said beside them."""
    figure = styled(go.Figure(), height)
    figure.update_layout(showlegend=legend, legend=LEGEND, margin={"t": 32 if legend else 8, "b": 16})
    figure.update_xaxes(title_text=x)
    figure.update_yaxes(title_text=y)
    return figure


def plain(values: Values) -> list[float]:
    """Return numbers as Plotly takes them."""
    return values.tolist() if isinstance(values, Tensor) else list(values)


def line(
    figure: go.Figure, x: Values, y: Values, name: str, colour: str, dash: str = "solid", fill: bool = False
) -> None:
    """Add a curve to a chart, with the area under it filled if asked for."""
    figure.add_scatter(
        x=plain(x),
        y=plain(y),
        name=name,
        mode="lines",
        line={"color": colour, "width": 2, "dash": dash, "simplify": False},
        fill="tozeroy" if fill else None,
        fillcolor=faded(colour, 0.15),
        hovertemplate=f"{name}: %{{y:.4g}} (%{{x:.4g}})<extra></extra>",
    )


def mark(figure: go.Figure, x: Values, y: Values, name: str, colour: str, size: int = 11) -> None:
    """Add points to a chart."""
    marker = {"color": colour, "size": size}
    hover = f"{name}: %{{y:.4g}} (%{{x:.4g}})<extra></extra>"
    figure.add_scatter(x=plain(x), y=plain(y), name=name, mode="markers", marker=marker, hovertemplate=hover)


def faded(colour: str, opacity: float) -> str:
    """Return a colour that lets through what is behind it."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return f"rgba({red}, {green}, {blue}, {opacity:.3f})"


def show(figure: go.Figure, key: str, alt: str) -> None:
    """Show a chart; ``alt`` says what is on it to who cannot see it."""
    st.plotly_chart(figure, key=f"learn.{key}", config={"displayModeBar": False}, alt=alt)


def strip(images: Tensor, alt: str, columns: int | None = None, width: int | Literal["stretch"] = "stretch") -> None:
    """Show uint8 images (N, 28, 28) as one strip, or in so many columns."""
    st.image(grid_png(images, columns, ZOOM, background=128), alt=alt, width=width)


def row(name: str) -> DeltaGenerator:
    """Return a place for controls or readings side by side, which stand in several lines where there is no room."""
    return st.container(horizontal=True, vertical_alignment="bottom", key=f"learn-row-{name}")


def formula(*parts: str, joined: bool = False) -> None:
    """Show formulas, or the parts of one, in one line, or under one another where there is no room."""
    with st.container(horizontal=True, horizontal_alignment="center", key=f"learn-formula-{joined}"):
        for part in parts:
            st.latex(part, width="content")


def readings(values: Mapping[str, str]) -> None:
    """Show what was computed, each with its name; they stand in a row where there is room."""
    with row("readings"):
        for name, value in values.items():
            st.metric(name, value, width="content")


def place(z: Tensor) -> str:
    """Return a latent point (2,) as addresses have it."""
    x, y = z.tolist()
    return write_point((x, y))


def see(page: str, label: str, **view: str) -> None:
    """Link to the page, and the view of it, where this can be seen on a real model."""
    st.page_link(f"pages/{page}.py", label=label, icon=":material/arrow_forward:", query_params=view)
