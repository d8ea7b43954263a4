"""The measurement of a watched run, made for real: what it counts, not how long it takes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.e2e.server import ROOT


@pytest.mark.usefixtures("browser")
def test_a_run_is_started_and_watched_in_one_session_and_in_two() -> None:
    command = [sys.executable, "-m", "vae_core", "bench", "watch", "--seconds", "3", "--sessions", "2", "--json"]
    # In a process of its own: playwright runs once in each, and here it already does.
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["start_to_first_snapshot_seconds"] > 0
    assert figures["snapshots_per_second"] > 0
    assert figures["server_seconds_per_second"] > 0
    assert figures["sessions_updated"] == figures["sessions"] == 2
    assert figures["update_p95_seconds"] > 0
