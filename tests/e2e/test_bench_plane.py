"""The measurements of the plane, made for real: what they count, not how long it takes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.e2e.server import ROOT, App


@pytest.mark.usefixtures("browser")
def test_the_plane_is_measured_under_the_pointer_and_with_many_points(app: App) -> None:
    options = ["--url", app.url, "--moves", "20", "--clicks", "3", "--points", "500", "--seconds", "0", "--json"]
    command = [sys.executable, "-m", "vae_core", "bench", "plane", *options]
    # In a process of its own: playwright runs once in each, and here it already does.
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["hover_samples"] == 20
    assert 0 < figures["decode_p50_ms"] <= figures["decode_p95_ms"]
    assert 0 < figures["hover_p50_ms"] <= figures["hover_p95_ms"]
    for click in ("click", "hurried_click"):
        assert 0 < figures[f"{click}_to_details_p50_ms"] <= figures[f"{click}_to_details_p95_ms"]
    assert figures["renderer"] in ("webgl2", "canvas2d")
    assert figures["reload_seconds"] > 0
    assert 0 < figures["linked_p50_ms"] <= figures["linked_p95_ms"]
    assert figures["dial_frames_per_second"] > 0
    assert figures["messages_while_dialling"] == 0
    # Of an app that runs already these cannot be known.
    assert figures["ready_seconds"] is None
    assert "memory_mb" not in figures
    (plane,) = figures["planes"]
    assert (plane["points"], plane["drawn"]) == (500, 500)
    assert plane["first_draw_seconds"] > 0
    assert plane["frames_per_second"] > 0


@pytest.mark.usefixtures("browser")
def test_a_replay_is_measured_with_the_dial() -> None:
    options = ["--frames", "30", "--probes", "100", "--seconds", "0", "--json"]
    command = [sys.executable, "-m", "vae_core", "bench", "replay", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert (figures["frames"], figures["probes"]) == (30, 100)
    assert figures["first_draw_seconds"] > 0
    assert figures["dial_frames_per_second"] > 0
