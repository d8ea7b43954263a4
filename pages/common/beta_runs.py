"""A person's own run on the beta page: its place beside the curve of the any-beta model."""

from __future__ import annotations

from typing import Final

import streamlit as st

from pages.common import own_models, state
from pages.common.i18n import _
from pages.common.layout import problem
from pages.common.parameters import RUN
from pages.common.plane import RateMark
from pages.common.text import quoted
from vae_core.data import load_images
from vae_core.errors import LatentExplorerError, ModelError
from vae_core.inputs import model_input
from vae_core.objectives import elbo
from vae_core.run_folder import config_path, read_about, read_config, root

SAMPLES: Final = 3


def choose_run() -> None:
    """Draw the choice of a run to stand on the chart, where there is one that can."""
    names = [name for name in own_models.runs() if not unfit(name)]
    chosen = state.get(RUN)
    if names or chosen:
        st.selectbox(
            _("Your run"),
            [None, *names] if chosen in (None, *names) else [None, chosen, *names],
            key=RUN.key,
            width=260,
            format_func=lambda name: own_models.title(name) if name in names else (name or _("none")),
            help=_("A VAE that you trained on MNIST, marked on the rate-distortion chart at its own β"),
        )


def run_marks() -> list[RateMark]:
    """Return the mark of the run that is chosen; say so where it cannot stand on the chart."""
    name = state.get(RUN)
    if name is None:
        return []
    try:
        if reason := unfit(name):
            raise ModelError(reason)
        with st.spinner(_("Measuring your run…")):
            return [measured_mark(name, own_models.version(name))]
    except LatentExplorerError as error:
        problem(_("{name} cannot stand on the chart.").format(name=quoted(name)), str(error))
        return []


def unfit(name: str) -> str:
    """Return why the figures of a run mean something else than those of the any-beta model; empty where they do not."""
    if not config_path(root() / name).is_file():
        return _("There is no run {name}: choose another.").format(name=quoted(name))
    config = read_config(root() / name)
    if config.model.kind != "vae" or config.model.likelihood != "bernoulli" or config.train.data != "mnist":
        return _("It is not a VAE of binary MNIST digits, and nats of other pixels do not compare: choose another run.")
    if not config.train.beta > 0:
        return _("It ends with a β of 0, which has no place on a logarithmic dial: choose another run.")
    return ""


@st.cache_resource(max_entries=16, show_spinner=False)
def measured_mark(name: str, version: str) -> RateMark:
    """Measure a run on all test digits, as the models of one beta were."""
    model = own_models.load(name)
    terms = elbo(model, model_input(model, load_images("mnist", "test")[0]), SAMPLES)
    rate, distortion = terms.kl.mean().item(), terms.reconstruction.mean().item()
    return RateMark(read_about(root() / name).name or name, read_config(root() / name).train.beta, rate, distortion)
