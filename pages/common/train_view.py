"""The training page's shareable view, and the runs it can show, each followed once for all sessions."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import streamlit as st

from pages.common import state
from pages.common.parameters import RUN, Parameter, Z, choice, optional
from pages.common.plane_view import HIDDEN, MODE, SHOWN
from vae_core import run_folder
from vae_core.errors import LatentExplorerError
from vae_core.run_view import RunView

PANELS: Final = ("settings", "compare", "fork", "microscope", "manage")
PANEL: Final = optional("panel", PANELS)
COLOUR: Final = choice("colour", ("digit",))
VIEW: Final[tuple[Parameter[Any], ...]] = (RUN, Z, SHOWN, HIDDEN, MODE, PANEL)
ACTIVE: Final = ("queued", "running", "paused")


def folder() -> Path:
    """Return the folder of the runs, absolute, since pages and trainers may stand in different ones."""
    return run_folder.root().resolve()


def names() -> list[str]:
    """Return the folder names of all runs, the newest first."""
    return [run.name for run in run_folder.list_runs(folder())]


def chosen() -> Path | None:
    """Return the run on screen; None for a new one, and for one that is not there (any more)."""
    name = state.get(RUN)
    run = folder() / name if name else None
    return run if run and run_folder.config_path(run).is_file() else None


def follow(run: Path) -> RunView:
    """Return the shared view of a run, brought up to date.

    Raises LatentExplorerError where its files are damaged or gone.
    """
    view = _view(str(run), run_folder.config_path(run).stat().st_mtime_ns)
    view.update()
    return view


@st.cache_resource(max_entries=16, show_spinner=False)
def _view(run: str, created: int) -> RunView:
    return RunView(Path(run))


def title(run: Path) -> str:
    """Return what a run is called, and where it stands if that can be told."""
    try:
        return run_folder.read_about(run).name
    except LatentExplorerError:
        return run.name
