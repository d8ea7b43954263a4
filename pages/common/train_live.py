"""A run on screen: its headline, its plane that grows as it trains, and the controls that steer it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import streamlit as st

from pages.common import keys, state
from pages.common.caches import Pack
from pages.common.i18n import _
from pages.common.layout import problem
from pages.common.parameters import Z
from pages.common.plane import carry, latent_plane
from pages.common.plane_options import Event, RowDigit, Trajectory
from pages.common.plane_state import PlaneState, parse
from pages.common.plane_view import HIDDEN, MODE, SHOWN
from pages.common.reasons import reason
from pages.common.train_view import ACTIVE, follow
from vae_core import run_control, run_folder, run_queue
from vae_core.atlas import log_spaced, read_header
from vae_core.errors import LatentExplorerError
from vae_core.run_folder import RunState
from vae_core.run_trainer import prepare_to_resume, probe_images
from vae_core.run_view import RunView

PLANE: Final = "train-plane"
PARTS: Final = ("toolbar", "legend", "inspector", "dial", "row", "samples", "curves", "rates")
TAIL: Final = 12
"""Frames that every update brings, so that a browser may miss some updates."""
SECONDS: Final = 0.28
BETAS: Final = (0.0, *(float(f"{beta:.3g}") for beta in log_spaced(0.01, 200.0, 44)))
RATES: Final = tuple(float(f"{rate:.2g}") for rate in log_spaced(1e-6, 1.0, 37))


def status_word(status: str) -> str:
    """Return a status in words."""
    return {
        "queued": _("waiting for its turn"),
        "running": _("training"),
        "paused": _("paused"),
        "finished": _("finished"),
        "stopped": _("stopped"),
        "failed": _("failed"),
    }[status]


def turnable(run: Path) -> None:
    """Draw what can be turned while a run trains: beta and the learning rate."""
    status = run_folder.read_state(run).status
    _live(run, "beta", "β", BETAS, status, _("Turn β while the run trains; it acts within half a second"))
    help_text = _("Set the learning rate while the run trains; its schedule waits meanwhile")
    _live(run, "learning_rate", _("Learning rate"), RATES, status, help_text)
    if status in ACTIVE and not _is_by_schedule(run):
        st.button(
            _("By schedule"), key="by-schedule", on_click=partial(_ask, run, beta=None, learning_rate=None),
            type="tertiary", help=_("Give β and the learning rate back to their schedules"),
        )  # fmt: skip


def buttons(run: Path) -> None:
    """Draw the buttons that let a run go on, wait, take a step or end."""
    status = run_folder.read_state(run).status
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


def _turn(run: Path, name: str, key: str) -> None:
    _ask(run, **{name: float(st.session_state[key])})


def headline(view: RunView, now: RunState) -> None:
    """Say where the run stands: how far, how fast, how long still, and the newest figures of its test digits."""
    progress = view.progress()
    line, rate = progress["line"], progress["rate"]
    step, total = int(line.get("step", 0)), max(now.total_steps, 1)
    words = [
        status_word(now.status),
        _("step {step} of {total}").format(step=f"{step:,}", total=f"{now.total_steps:,}"),
    ]
    if now.status == "running" and rate > 0:
        left = max(0, total - step) * view.config.train.batch_size / rate
        words.append(_("{rate} images/s").format(rate=f"{rate:,.0f}"))
        words.append(_("{time} left").format(time=duration(left)))
    if view.curves["rate"]:
        distortion, kl = view.curves["distortion"][-1], view.curves["rate"][-1]
        words.append(_("distortion {nats} nats").format(nats=f"{distortion:.1f}"))
        if view.config.model.kind == "vae":
            words.append(_("rate {nats} nats").format(nats=f"{kl:.2f}"))
            words.append(_("ELBO {nats} nats").format(nats=f"−{distortion + kl:.1f}"))
    st.progress(min(1.0, step / total) if now.total_steps else 0.0, "  ·  ".join(words))
    if now.reason and now.status == "failed":
        problem(_("The run failed."), now.reason)
    elif now.reason and (now.status != "stopped" or now.reason == run_folder.GONE):
        st.text(reason(now.reason))


def duration(seconds: float) -> str:
    """Return a time in words, coarse enough not to flicker."""
    if seconds < 90:
        return _("{seconds} s").format(seconds=5 * round(seconds / 5) if seconds > 10 else round(seconds))
    return _("{minutes} min").format(minutes=round(seconds / 60))


def base(view: RunView) -> tuple[str, bytes]:
    """Return id and bytes of the atlas that this session's browser starts from; newer frames come as tails."""
    content, frames = view.base()
    st.session_state[keys.TRAIN_BASE] = (view.series, frames)
    return read_header(content)["id"], content


def growing(run: Path, base_id: str, recogniser: Pack | None, others: Sequence[Trajectory], drawn_status: str) -> None:
    """Bring the browser what is new of the run; starts the page again where more than that has changed."""
    try:
        view = follow(run)
        now = run_folder.read_state(run)
    except (LatentExplorerError, OSError) as error:
        problem(_("This run cannot be read any more."), str(error))
        return
    headline(view, now)
    series, frames = st.session_state.get(keys.TRAIN_BASE, ("", 0))
    behind = st.session_state.pop(keys.TRAIN_BEHIND, False)
    if now.status != drawn_status or series != view.series or behind:
        st.rerun(scope="app")
    _plane(view, base_id, recogniser, others, live=now.status in ACTIVE)
    if now.status in ACTIVE and len(view.frames) > frames:
        carry(view.tail(max(0, len(view.frames) - TAIL)), key="train-tail")
        carry(view.newest_keyframe()[1], key="train-keyframe")


def _plane(view: RunView, base_id: str, recogniser: Pack | None, others: Sequence[Trajectory], live: bool) -> None:
    overlays, hidden = state.get(SHOWN), state.get(HIDDEN)
    latent_plane(
        base_id,
        key=PLANE,
        recogniser=recogniser.id if recogniser else None,
        z=state.get(Z),
        frame=_frame(view, live),
        overlays=overlays,
        hidden=tuple(map(int, hidden)),
        mode=state.get(MODE),
        parts=PARTS,
        row=_row(view.config.train.data),
        events=events(view),
        trajectories=others,
        live=live,
        rest=False,
        revision=state.revision(),
        on_change=_take_over,
    )


def _frame(view: RunView, live: bool) -> float:
    """Return where the dial starts: a live one follows by itself, another stands at the end of its run."""
    kept = st.session_state.get(keys.TRAIN_PLACE)
    if kept is not None:
        return float(min(kept, len(view.steps) - 1))
    return 0.0 if live else float(len(view.steps) - 1)


@st.cache_resource(max_entries=8, show_spinner=False)
def _row(data: str) -> list[RowDigit]:
    """Return the first probe digit of each class, in order, at most ten."""
    images, labels = probe_images(data)
    firsts = [int((labels == kind).nonzero()[0, 0]) for kind in sorted(set(labels.tolist()))[:10]]
    return [RowDigit(images[i].flatten().tolist(), str(int(labels[i])) if labels[i] >= 0 else "", i) for i in firsts]


def events(view: RunView) -> list[Event]:
    """Return the changes by hand, for the marks on the curves."""
    marks = []
    before: dict[str, Any] = {"beta": None, "learning_rate": None}
    for event in view.events:
        parts = []
        for name, symbol in (("beta", "β"), ("learning_rate", "lr")):
            if event[name] != before[name]:
                parts.append(f"{symbol} " + (_("by schedule") if event[name] is None else f"{event[name]:g}"))
        before = event
        if parts:
            marks.append(Event(int(event["step"]), ", ".join(parts)))
    return marks


def _take_over() -> None:
    """Bring what the browser reports into the session."""
    shown = parse(st.session_state[PLANE].get("view"), PlaneState())
    state.put(Z, shown.z)
    state.put(SHOWN, shown.overlays)
    state.put(HIDDEN, tuple(map(str, shown.hidden)))
    state.put(MODE, shown.mode)
    st.session_state[keys.TRAIN_PLACE] = None if shown.following else shown.frame
    if shown.behind:
        st.session_state[keys.TRAIN_BEHIND] = True


def place(view: RunView) -> int:
    """Return the step on the dial: the newest, unless it was turned back."""
    frame = st.session_state.get(keys.TRAIN_PLACE)
    if not view.steps:
        return 0
    return view.steps[-1] if frame is None else view.steps[min(round(frame), len(view.steps) - 1)]


def show_problem() -> None:
    """Show once what a button could not do."""
    if reason := st.session_state.pop(keys.TRAIN_PROBLEM, None):
        problem(_("That did not work."), reason)
