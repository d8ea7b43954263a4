"""What can be done with a run besides watching it: settings, other runs beside it, forks, names, files."""

from __future__ import annotations

import dataclasses
import time
from functools import partial
from pathlib import Path
from typing import Any, Final

import streamlit as st

from pages.common import keys, own_models, state
from pages.common.beta_runs import unfit
from pages.common.choosing import choose
from pages.common.i18n import _
from pages.common.layout import problem
from pages.common.parameters import RUN
from pages.common.plane_options import Trajectory
from pages.common.setting_names import schedule_title
from pages.common.train_live import place
from pages.common.train_setup import go
from pages.common.train_view import ACTIVE, PANEL, folder, follow, names, title
from vae_core import run_archive, run_folder, run_keyframes, run_queue, runs
from vae_core.config import BETA_SCHEDULES, LEARNING_RATE_SCHEDULES
from vae_core.errors import LatentExplorerError
from vae_core.run_view import RunView

EXPLORER: Final = "pages/explorer.py"
COMPARISON: Final = "pages/compare.py"
BETA: Final = "pages/beta.py"
OVERLAID: Final = "train.overlaid"
MOST_OVERLAID: Final = 6


def _panel_titles() -> dict[str, str]:
    return {
        "settings": _("Settings"),
        "compare": _("Beside other runs"),
        "fork": _("Fork"),
        "microscope": _("One step under the microscope"),
        "manage": _("Name and files"),
    }


def choose_panel() -> None:
    """Draw the row of buttons that open a panel below the plane."""
    about = _("Opens under this row; click again to close")
    choose(PANEL, _panel_titles(), _("Below the plane"), about, required=False)


def settings(run: Path) -> None:
    """Show the configuration of a run."""
    config = run_folder.read_config(run)
    left, right = st.columns(2, gap="large")
    left.markdown(_("**The model**"))
    left.table({name: _plain(value) for name, value in vars(config.model).items()}, border="horizontal")
    right.markdown(_("**Its training**"))
    right.table({name: _plain(value) for name, value in vars(config.train).items()}, border="horizontal")


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "–"
    if isinstance(value, float):
        return f"{value:g}"
    return Path(value).name if isinstance(value, str) and "/" in value else str(value)


def overlays(run: Path) -> list[Trajectory]:
    """Return the trajectories of the runs chosen to stand beside this one."""
    found = []
    for name in st.session_state.get(OVERLAID, ()):
        other = folder() / name
        if other == run or not run_folder.config_path(other).is_file():
            continue
        try:
            found.append(_trajectory(other))
        except LatentExplorerError as error:
            problem(_("{name} cannot be shown beside this run.").format(name=name), str(error))
    return found


def _trajectory(run: Path) -> Trajectory:
    about = run_folder.read_about(run)
    steps, rates, distortions = follow(run).trajectory()
    parent = (title(folder() / about.parent), about.parent_step) if about.parent else None
    return Trajectory(about.name, steps, rates, distortions, parent)


def compare(run: Path) -> None:
    """Choose the runs whose trajectories stand on the rate-distortion plane beside this one's."""
    others = [name for name in names() if name != run.name]
    if not others:
        st.caption(_("There are no other runs yet. Fork this one, or start another."))
        return
    st.multiselect(
        _("Runs beside this one"), others, key=OVERLAID, format_func=lambda name: title(folder() / name),
        max_selections=MOST_OVERLAID, help=_("Their trajectories are drawn on the rate-distortion plane"),
    )  # fmt: skip
    rows = [_figures(folder() / name) for name in (run.name, *st.session_state.get(OVERLAID, ()))]
    st.dataframe([row for row in rows if row], hide_index=True, width="stretch")


def _figures(run: Path) -> dict[str, Any]:
    try:
        view = follow(run)
    except (LatentExplorerError, OSError):
        return {}
    newest = {name: values[-1] if values else None for name, values in view.curves.items()}
    distortion, rate = newest["distortion"], newest["rate"]
    return {
        _("Run"): title(run),
        _("Training step"): view.steps[-1] if view.steps else 0,
        "β": newest["beta"],
        _("Distortion, nats"): None if distortion is None else round(distortion, 2),
        _("Rate, nats"): None if rate is None else round(rate, 2),
        _("ELBO, nats"): None if distortion is None or rate is None else round(-(distortion + rate), 2),
    }


def fork(run: Path, view: RunView) -> None:
    """Start another run from a moment of this one, with other settings."""
    there = run_keyframes.steps(run)
    if not there:
        st.caption(_("There is nothing to fork from yet: wait for the first seconds of training."))
        return
    config = run_folder.read_config(run).train
    here = place(view)
    nearest = max((step for step in there if step <= here), default=there[0])
    st.caption(_("A fork starts with the weights this run had, a fresh optimiser and the settings below."))
    columns = st.columns(4)
    step = columns[0].select_slider(
        _("From step"), there, nearest, key=f"fork.step.{run.name}.{nearest}", format_func=lambda step: f"{step:,}",
        help=_("The moments whose weights are kept; the dial chooses the nearest"),
    )  # fmt: skip
    beta = columns[1].number_input(_("β"), 0.0, 1000.0, config.beta, format="%g", help=_("Weight of the KL divergence"))
    rate = columns[2].number_input(
        _("Learning rate"), 1e-6, 1.0, config.learning_rate, format="%g", help=_("The largest of its schedule")
    )
    epochs = columns[3].number_input(_("Epochs"), 1, 10_000, config.epochs, help=_("Of the fork, from its start"))
    betas = columns[1].selectbox(
        _("Schedule of β"), BETA_SCHEDULES, BETA_SCHEDULES.index("constant"), format_func=schedule_title,
        help=_("How β gets to its value"),
    )  # fmt: skip
    rates = columns[2].selectbox(
        _("Its schedule"), LEARNING_RATE_SCHEDULES, LEARNING_RATE_SCHEDULES.index(config.learning_rate_schedule),
        format_func=schedule_title, help=_("How the learning rate changes over the run"),
    )  # fmt: skip
    seed = columns[3].number_input(_("Seed"), 0, 2**31, config.seed, help=_("Of the noise and the order of images"))
    st.button(
        _("Fork and start"), icon=":material/call_split:", on_click=go, help=_("Train the fork in the background")
    )
    if st.session_state.pop(keys.TRAIN_GO, False):
        changes = {
            "beta": float(beta), "learning_rate": float(rate), "epochs": int(epochs), "beta_schedule": betas,
            "learning_rate_schedule": rates, "seed": int(seed),
        }  # fmt: skip
        _start_fork(run, int(step), changes)


def _start_fork(run: Path, step: int, changes: dict[str, Any]) -> None:
    config = run_folder.read_config(run)
    try:
        fork_config = dataclasses.replace(config, train=dataclasses.replace(config.train, **changes))
        target = runs.new_folder(folder())
        runs.fork(run, step, target, fork_config)
        run_queue.enqueue(target, time.time())
    except (LatentExplorerError, OSError) as error:
        problem(_("This run cannot be forked."), str(error))
        return
    st.session_state[OVERLAID] = [run.name]
    state.put(RUN, target.name)
    st.session_state.pop(keys.TRAIN_PLACE, None)
    st.rerun(scope="app")


def manage(run: Path, status: str) -> None:
    """Rename a run of some status, take notes, save it as a file, or delete it."""
    about = run_folder.read_about(run)
    name = st.text_input(
        _("Name"), about.name, max_chars=80, key=f"name.{run.name}", help=_("What the run is called here")
    )
    note = st.text_area(
        _("Note"), about.note, max_chars=4000, key=f"note.{run.name}", help=_("For yourself; kept with the run")
    )
    if (name.strip(), note.strip()) != (about.name, about.note):
        run_folder.rename(run, name, note)
    st.caption(
        _("Saved in {size} MB on disk, as {folder}").format(size=f"{run_folder.size(run) / 1e6:.1f}", folder=run.name)
    )
    with st.container(horizontal=True):
        if run.name in own_models.runs():
            _send(run)
        st.download_button(
            _("Save as zip"), partial(run_archive.export_run, run), f"{run.name}.zip", "application/zip",
            icon=":material/download:", on_click="ignore",
            help=_("All that the run has recorded, to take in elsewhere"),
        )  # fmt: skip
        st.button(
            _("Delete this run"), icon=":material/delete:", on_click=_delete, args=(run,), disabled=status in ACTIVE,
            help=_("Its folder goes for good; stop it first if it trains"),
        )  # fmt: skip

    st.caption(_("For TensorBoard, with the curves and the digits in its projector:"))
    st.code(f"python -m vae_core runs tensorboard runs/{run.name} --out tensorboard", "bash")


def _send(run: Path) -> None:
    """Offer the run's newest model to the pages that show any model."""
    st.page_link(
        EXPLORER, label=_("Open in the explorer"), query_params={"model": run.name},
        icon=":material/explore:", help=_("Its newest checkpoint, as a model like any other"),
    )  # fmt: skip
    st.page_link(
        COMPARISON, label=_("Compare with the bundled VAE"), query_params={"model": run.name, "other": "vae"},
        icon=":material/compare:", help=_("Its newest checkpoint on the left, the bundled VAE on the right"),
    )  # fmt: skip
    if not unfit(run.name):
        st.page_link(
            BETA, label=_("Mark on the beta page"), query_params={"run": run.name},
            icon=":material/tune:", help=_("Its rate and distortion beside the curve of the model of every β"),
        )  # fmt: skip


def _delete(run: Path) -> None:
    try:
        run_folder.delete(run)
        state.put(RUN, None)
    except (LatentExplorerError, OSError) as error:
        st.session_state[keys.TRAIN_PROBLEM] = str(error)
