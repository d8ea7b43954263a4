"""A run on screen: its headline, its plane that grows as it trains, and the controls that steer it."""

from __future__ import annotations

from collections.abc import Sequence
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
from vae_core import run_folder
from vae_core.atlas import read_header
from vae_core.errors import LatentExplorerError
from vae_core.run_folder import RunState
from vae_core.run_trainer import probe_images
from vae_core.run_view import RunView

PLANE: Final = "train-plane"
PARTS: Final = ("toolbar", "legend", "inspector", "dial", "row", "samples", "curves", "rates")
TAIL: Final = 12
"""Frames that every update brings, so that a browser may miss some updates."""
TIMES: Final = 2
"""How many updates bring a keyframe, likewise."""
SECONDS: Final = 0.28


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
        step, keyframe = view.newest_keyframe()
        if keyframe_is_due(view.series, step):
            carry(keyframe, key="train-keyframe")


def keyframe_is_due(series: str, step: int) -> bool:
    """Return whether an update brings the newest keyframe, which is large: the first few since it was written do."""
    sent, times = st.session_state.get(keys.TRAIN_KEYFRAME, (None, 0))
    times = times + 1 if sent == (series, step) else 1
    st.session_state[keys.TRAIN_KEYFRAME] = (series, step), times
    return times <= TIMES


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
    before: dict[str, Any] = {"beta_schedule": "constant", "beta_epochs": 0.0}
    for event in view.events:
        parts = []
        for symbol, names in (("β", ("beta", "beta_schedule", "beta_epochs")), ("lr", ("learning_rate",))):
            if any(event.get(name) != before.get(name) for name in names):
                value = event[names[0]]
                parts.append(f"{symbol} " + (_("by schedule") if value is None else f"{value:g}"))
        if event.get("beta_epochs"):
            parts.append(_("over {epochs} epochs").format(epochs=f"{event['beta_epochs']:g}"))
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
