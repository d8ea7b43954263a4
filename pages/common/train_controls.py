"""What steers a run from its page: the buttons, and what can be turned while it trains."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import streamlit as st

from pages.common import keys
from pages.common.i18n import _
from pages.common.layout import problem
from pages.common.setting_names import schedule_title
from pages.common.train_view import ACTIVE
from vae_core import run_control, run_folder, run_queue
from vae_core.atlas import log_spaced
from vae_core.config import BETA_SCHEDULES
from vae_core.errors import LatentExplorerError
from vae_core.run_trainer import prepare_to_resume

BETAS: Final = (0.0, *(float(f"{beta:.3g}") for beta in log_spaced(0.01, 200.0, 44)))
RATES: Final = tuple(float(f"{rate:.2g}") for rate in log_spaced(1e-6, 1.0, 37))


def turnable(run: Path, status: str) -> None:
    """Draw what can be turned while a run trains: beta and the learning rate."""
    _live(run, "beta", "β", BETAS, status, _("Turn β while the run trains; it acts within half a second"))
    help_text = _("Set the learning rate while the run trains; its schedule waits meanwhile")
    _live(run, "learning_rate", _("Learning rate"), RATES, status, help_text)
    if status not in ACTIVE:
        return
    with st.popover(_("Schedule of β"), help=_("Send β to a value over some epochs")):
        _course(run)
    if not _is_by_schedule(run):
        st.button(
            _("By schedule"), key="by-schedule", on_click=partial(_ask, run, beta=None, learning_rate=None),
            type="tertiary", help=_("Give β and the learning rate back to their schedules"),
        )  # fmt: skip


def buttons(run: Path, status: str) -> None:
    """Draw the buttons that let a run of some status go on, wait, take a step or end."""
    running, paused = status == "running", status == "paused"
    if running:
        st.button(
            _("Pause"), key="train-pause", icon=":material/pause:", on_click=partial(_ask, run, paused=True),
            help=_("Wait after the step it is at; a checkpoint is written"),
        )  # fmt: skip
    else:
        st.button(
            _("Resume"), key="train-resume", icon=":material/play_arrow:", on_click=partial(_resume, run),
            disabled=status in ("queued", "finished"),
            type="primary" if paused or status == "stopped" else "secondary",
            help=_("Go on exactly where it stands"),
        )  # fmt: skip
    st.button(
        _("Step"), key="train-step", icon=":material/skip_next:",
        on_click=partial(_ask, run, paused=True, more_steps=1),
        disabled=not (running or paused), help=_("Take exactly one optimiser step, and wait"),
    )  # fmt: skip
    st.button(
        _("Stop"), key="train-stop", icon=":material/stop:", on_click=partial(_ask, run, stop=True),
        disabled=status not in ACTIVE,
        help=_("Write a checkpoint and end the trainer; the run can be resumed"),
    )  # fmt: skip


def _ask(run: Path, **changes: Any) -> None:
    """Bring a wish into the control file; what is wrong with it is shown above the plane."""
    try:
        run_control.change_control(run, **changes)
        if changes.get("stop") and not run_folder.is_alive(run_folder.read_state(run)):
            run_queue.stop(run, 0.0)
    except (LatentExplorerError, OSError) as error:
        st.session_state[keys.TRAIN_PROBLEM] = str(error)


def _resume(run: Path) -> None:
    try:
        if run_folder.read_state(run).status == "paused":
            run_control.change_control(run, paused=False)
            return
        prepare_to_resume(run)
        run_queue.enqueue(run, time.time())
    except (LatentExplorerError, OSError) as error:
        st.session_state[keys.TRAIN_PROBLEM] = str(error)


def _control(run: Path) -> run_control.Control:
    try:
        return run_control.read_control(run)
    except LatentExplorerError:
        return run_control.Control()


def _is_by_schedule(run: Path) -> bool:
    control = _control(run)
    return control.beta is None and control.learning_rate is None


def _live(run: Path, name: str, label: str, values: Sequence[float], status: str, help_text: str) -> None:
    """Draw a control of a setting that may be turned while the run trains; another browser may have turned it."""
    asked = getattr(_control(run), name)
    config = run_folder.read_config(run).train
    current = float(getattr(config, name) if asked is None else asked)
    options = tuple(sorted({*values, current}))
    key = f"train.{name}.{run.name}"
    st.session_state[key] = current
    st.select_slider(
        label, options, key=key, format_func=lambda value: f"{value:g}", width=170, help=help_text,
        disabled=status not in ACTIVE, on_change=partial(_turn, run, name, key),
    )  # fmt: skip


def _course(run: Path) -> None:
    """Draw what sends beta to a value on a schedule, from where it is."""
    asked, base = _control(run), run_folder.read_config(run).train
    prefix = f"train.course.{run.name}."
    names = [name for name in BETA_SCHEDULES if name != "constant"]
    st.selectbox(
        _("Its schedule"), names, key=f"{prefix}schedule", format_func=schedule_title,
        help=_("In a straight line from where β is, or up from 0 again and again"),
    )  # fmt: skip
    beta = base.beta if asked.beta is None else asked.beta
    st.number_input(
        "β", 0.0, BETAS[-1], min(float(beta), BETAS[-1]), format="%g", key=f"{prefix}beta", help=_("Where it leads")
    )
    st.number_input(
        _("Epochs"), 0.01, float(max(base.epochs, 1)), min(10.0, float(base.epochs)), format="%g",
        key=f"{prefix}epochs", help=_("How long it takes; the period, where it repeats"),
    )  # fmt: skip
    st.button(_("Apply"), key=f"{prefix}apply", on_click=partial(_send, run, prefix), help=_("From the next step on"))


def _send(run: Path, prefix: str) -> None:
    chosen = {name: st.session_state[f"{prefix}{name}"] for name in ("schedule", "beta", "epochs")}
    course = {"beta_schedule": chosen["schedule"], "beta_epochs": float(chosen["epochs"])}
    _ask(run, beta=float(chosen["beta"]), **course)


def _turn(run: Path, name: str, key: str) -> None:
    _ask(run, **{name: float(st.session_state[key])})


def show_problem() -> None:
    """Show once what a button could not do."""
    if reason := st.session_state.pop(keys.TRAIN_PROBLEM, None):
        problem(_("That did not work."), reason)
