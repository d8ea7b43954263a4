"""Sections of the learn page: what generation is, and the two ways to a density."""

from __future__ import annotations

from typing import Final

import streamlit as st
import torch
from torch import Tensor

from pages.common.i18n import _
from pages.common.learn_parts import chart, line, mark, number, palette, readings, row, second, see, show
from vae_core.divergence import kl_on_grid
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
    st.latex(r"x^{(1)}, \dots, x^{(N)} \sim p_{\text{data}}(x) \qquad p_{\theta}(x) \approx p_{\text{data}}(x)")
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
