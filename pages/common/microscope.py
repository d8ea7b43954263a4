"""One step under the microscope: a digit's way through the newest weights of a run, and the gradient's way back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import streamlit as st
import torch
from torch import Tensor

from pages.common import microscope_stages as stages
from pages.common.i18n import _
from pages.common.layout import problem
from pages.common.microscope_stages import Shown
from pages.common.theme import palette
from vae_core import run_keyframes
from vae_core.config import RunConfig
from vae_core.errors import LatentExplorerError
from vae_core.microscope import Look, look, take_step, weights_of
from vae_core.models import Autoencoder
from vae_core.run_trainer import probe_images
from vae_core.training_step import prepare_batch

DIGIT: Final = "microscope.digit"
DRAW: Final = "microscope.draw"
STEPPED: Final = "microscope.stepped"
_DRAWS: Final = 1_000_003


@dataclass(frozen=True)
class _Stepped:
    """The step that was taken here last, from one keyframe to another."""

    run: Path
    before: int
    after: int


@st.fragment
def microscope(run: Path, config: RunConfig, beta: float, can_step: bool) -> None:
    """Show every number of one training step on one of the run's probe digits, at the newest weights and this beta."""
    try:
        images, _labels = probe_images(config.train.data)
        number = _controls(run, len(images), can_step)
        shown = _look(run, images[number], number, beta)
    except LatentExplorerError as error:
        problem(_("This step cannot be shown."), str(error))
        return
    _headline(shown, can_step)
    stages.forward(shown)
    left, right = st.columns([5, 6], gap="large")
    with left:
        stages.rate(shown)
    with right:
        stages.loss(shown)
    left, right = st.columns([5, 6], gap="large")
    with left:
        stages.gradients(shown)
    with right:
        stages.reach(shown)


def _controls(run: Path, digits: int, can_step: bool) -> int:
    """Show the controls, take a step where it is asked for, and return the number of the digit, from 0."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="microscope-controls"):
        st.session_state[DIGIT] = min(st.session_state.get(DIGIT) or 1, digits)
        chosen = st.number_input(
            _("Digit"),
            1,
            digits,
            key=DIGIT,
            width=140,
            help=_("One of the digits of the test set that the run records; + takes the next one"),
        )
        st.button(
            _("Resample"),
            key="microscope.resample",
            on_click=_resample,
            icon=":material/casino:",
            help=_("Draw another epsilon; the digit's pixels and the weights stay"),
        )
        step = st.button(
            _("Next batch"),
            key="microscope.next",
            disabled=not can_step,
            icon=":material/skip_next:",
            help=_("Pause the run and take exactly one optimiser step, on its next batch")
            if can_step
            else _("The run has to be running or paused: resume it to take a step"),
        )
    if step:
        _next_batch(run)
    return int(chosen or 1) - 1


def _resample() -> None:
    st.session_state[DRAW] = st.session_state.get(DRAW, 0) + 1


def _next_batch(run: Path) -> None:
    with st.spinner(_("The trainer takes one step…")):
        try:
            before = take_step(run)
        except LatentExplorerError as error:
            problem(_("No step was taken."), str(error))
            return
    st.session_state[STEPPED] = _Stepped(run, before, run_keyframes.steps(run)[-1])


def _look(run: Path, image: Tensor, number: int, beta: float) -> Shown:
    step, model = weights_of(run)
    see = partial(_see, image=image, number=number, beta=beta, draw=st.session_state.get(DRAW, 0))
    colours = palette()
    stepped = st.session_state.get(STEPPED)
    if stepped is None or (stepped.run, stepped.after) != (run, step):
        return Shown(step, see(model), None, step, colours)
    before_step, earlier = run_keyframes.load(run, stepped.before)
    return Shown(step, see(model), see(earlier), before_step, colours)


def _see(model: Autoencoder, image: Tensor, number: int, beta: float, draw: int) -> Look:
    """Look with noise that follows from the digit and the number of the draw alone, so that weights can be compared."""
    pixels = torch.Generator().manual_seed(number)
    x = prepare_batch(image.reshape(1, -1), model.likelihood.pixels, pixels)
    return look(model, image, beta, torch.Generator().manual_seed(number * _DRAWS + draw), x)


def _headline(shown: Shown, can_step: bool) -> None:
    words = _("Weights after step {step}.").format(step=f"{shown.step:,}")
    if shown.now.kl is not None:
        words = _("Weights after step {step}, β = {beta}.").format(step=f"{shown.step:,}", beta=f"{shown.now.beta:.4g}")
    if shown.before is not None:
        words += " " + _("Small figures: the change since step {step}.").format(step=f"{shown.before_step:,}")
    elif can_step:
        words += " " + _("After **Next batch**, each number shows its change.")
    how = _(
        "Computed here in float32, from the newest weights that the run has kept, rounded to float16. Gradients are "
        "shown before any clipping. For a binary likelihood the pixels are drawn once for each digit."
    )
    st.caption(words, help=how)
