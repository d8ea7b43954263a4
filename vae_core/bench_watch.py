"""Benchmark of watching a run in a browser: how soon and how often it is seen, and what that costs the app's server."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil

from vae_core.bench import Report, machine
from vae_core.bench_browser import app, browser, wait_until_served
from vae_core.bench_plane import PATIENCE, READY, SETTLED, VIEWPORT, percentile
from vae_core.bench_sessions import Session
from vae_core.run_folder import ROOT_VARIABLE, list_runs, read_state
from vae_core.run_queue import stop

LARGE = 100_000
"""Bytes: a message with further frames of the run is larger, nearly all others of an update are smaller."""
_STOP_SECONDS = 10.0
_SETTLING_SECONDS = 8.0
"""What all sessions get to open the page."""


def measure(report: Report, seconds: float = 15.0, sessions: int = 20) -> dict[str, Any]:
    """Start `classic` on the training page, watch it for so many ``seconds``, and then in so many ``sessions`` at once.

    Everything shares one machine: trainer, server and browser. Times are in seconds; the server's processor time is
    per second of watching with one session. Of the many, one is in the browser and the others have no screen; an update
    of theirs lasts from asking for it until all of it has come.
    Raises LatentExplorerError where there is no browser.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        _no_run_left(Path(folder)),
        app(**{ROOT_VARIABLE: folder}) as (url, process),
        browser() as chromium,
    ):
        wait_until_served(url, process)
        page = chromium.new_page(viewport=VIEWPORT)
        report("the start of a run", 0.1)
        figures = {"start_to_first_snapshot_seconds": _start(page, f"{url}/train")}
        report("one session", 0.3)
        figures |= _watch(page, psutil.Process(process.pid), seconds)
        report(f"{sessions} sessions", 0.6)
        figures |= _crowd(page, sessions, seconds)
    return {**figures, "seconds": seconds, "sessions": sessions, **machine()}


@contextmanager
def _no_run_left(folder: Path) -> Iterator[None]:
    try:
        yield
    finally:
        for run in list_runs(folder):
            if read_state(run).status in ("queued", "running", "paused"):
                stop(run, _STOP_SECONDS)


def _start(page: Any, url: str) -> float:
    """Press Start in a warm app; return the seconds until the first snapshot is drawn."""
    page.goto(url)
    button = page.get_by_role("button", name="Start")
    button.wait_for(timeout=PATIENCE)
    page.wait_for_selector(SETTLED, timeout=PATIENCE)
    began = time.perf_counter()
    button.click()
    page.wait_for_selector(READY, timeout=PATIENCE)
    return time.perf_counter() - began


def _frame(page: Any) -> float:
    return float(page.locator(READY).get_attribute("data-frame"))


def _watch(page: Any, server: psutil.Process, seconds: float) -> dict[str, float]:
    page.wait_for_timeout(3000)
    frame, used, began = _frame(page), _processor_seconds(server), time.perf_counter()
    page.wait_for_timeout(1000 * seconds)
    passed = time.perf_counter() - began
    return {
        "snapshots_per_second": (_frame(page) - frame) / passed,
        "server_seconds_per_second": (_processor_seconds(server) - used) / passed,
    }


def _processor_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _crowd(page: Any, sessions: int, seconds: float) -> dict[str, Any]:
    """Watch the run in further sessions than ``page``; return how many get frames, and how long their updates take."""
    with ExitStack() as stack:
        watching = [stack.enter_context(Session(page.url, LARGE)) for _ in range(sessions - 1)]
        pause = threading.Event()
        pause.wait(_SETTLING_SECONDS)
        for session in watching:
            session.forget()
        frame = _frame(page)
        pause.wait(seconds)
        updates = [update for session in watching for update in session.updates]
        return {
            "sessions_updated": sum(bool(session.arrivals) for session in watching) + (_frame(page) > frame),
            "update_p50_seconds": percentile(updates, 0.5),
            "update_p95_seconds": percentile(updates, 0.95),
        }
