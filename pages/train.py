"""The training page: start runs, watch their latent space form, and turn beta while it does."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Final

import streamlit as st

from pages.common import caches, keys, state
from pages.common.i18n import _
from pages.common.layout import open_page, problem
from pages.common.microscope import microscope
from pages.common.parameters import RUN
from pages.common.plane import carry
from pages.common.text import quoted
from pages.common.train_controls import buttons, show_problem, turnable
from pages.common.train_live import SECONDS, base, growing
from pages.common.train_panels import choose_panel, compare, fork, manage, overlays, settings
from pages.common.train_setup import setup, take_in
from pages.common.train_view import ACTIVE, PANEL, VIEW, chosen, folder, follow, names, title
from vae_core import run_folder, run_queue
from vae_core.errors import LatentExplorerError

NEW: Final = ""


def pick(run: Path | None) -> None:
    """Draw the choice among the runs there are, and a new one."""
    there = [NEW, *names()]
    st.session_state[keys.TRAIN_PICK] = run.name if run else NEW
    st.selectbox(
        _("Run"), there, key=keys.TRAIN_PICK, on_change=_go, width=240,
        format_func=lambda name: title(folder() / name) if name else _("New run…"),
        help=_("The runs in the folder {folder}, the newest first").format(folder=quoted(str(run_folder.root()))),
    )  # fmt: skip


def _go() -> None:
    state.put(RUN, st.session_state[keys.TRAIN_PICK] or None)
    for key in (keys.TRAIN_PLACE, keys.TRAIN_BASE):
        st.session_state.pop(key, None)


def recogniser() -> caches.Pack | None:
    """Return the recogniser; without it the plane works, and names nothing."""
    try:
        return caches.open_recogniser()
    except LatentExplorerError:
        return None


def watch(run: Path, status: str) -> None:
    """Show a run of some status: the plane that grows, and the panels."""
    view = follow(run)
    show_problem()
    if not view.frames or not view.labels.numel():
        # Nothing to see before the first snapshot: look again until it has come.
        st.fragment(waiting, run_every=SECONDS)(run, status)
        return
    pack = recogniser()
    base_id, content = base(view)
    # Streamlit collects garbage after every update: what there is by now need not be looked through each time.
    gc.freeze()
    every = SECONDS if status in ACTIVE else None
    st.fragment(growing, run_every=every)(run, base_id, pack, overlays(run), status)
    carry(content, key="train-base")
    if pack:
        carry(pack.content, key="train-recogniser")
    choose_panel()
    _panel(run, status)


def waiting(run: Path, drawn_status: str) -> None:
    """Say that a run is about to begin; starts the page again when there is something to see."""
    now = run_folder.read_state(run)
    if now.status != drawn_status or follow(run).frames:
        st.rerun(scope="app")
    if now.status == "queued":
        st.info(_("Starting the trainer. If as many runs train as may at once, this one waits for its turn."))
    elif now.status in ACTIVE:
        st.info(_("The trainer is reading its images."))
    else:
        st.info(_("This run has recorded nothing yet."))


def _panel(run: Path, status: str) -> None:
    panel = state.get(PANEL)
    if panel == "settings":
        settings(run)
    elif panel == "compare":
        compare(run)
    elif panel == "fork":
        fork(run, follow(run))
    elif panel == "manage":
        manage(run, status)
    elif panel == "microscope":
        beta = follow(run).curves["beta"]
        config = run_folder.read_config(run)
        microscope(run, config, beta[-1] if beta else config.train.beta, status in ("running", "paused"))


def main() -> None:
    """Draw the page."""
    state.restore("train", VIEW)
    open_page(_("Train"))
    wanted = state.get(RUN)
    run = chosen()
    if wanted and run is None:
        problem(_("There is no run {name}; start one, or choose another.").format(name=quoted(wanted)))
        state.put(RUN, None)
    run_queue.wake(folder())
    bar = st.container(horizontal=True, vertical_alignment="center", key="inline-train")
    with bar:
        pick(run)
    if run is None:
        setup()
        take_in()
    else:
        try:
            # Read once for all that it decides: the fragment compares with it, and would miss what changed between.
            status = run_folder.read_state(run).status
            with bar:
                buttons(run, status)
                turnable(run, status)
            watch(run, status)
        except (LatentExplorerError, OSError) as error:
            problem(_("This run cannot be shown."), str(error))
    state.publish(VIEW)


main()
