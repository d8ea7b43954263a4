"""Benchmark of a replay: how smoothly the dial goes through a recorded training, with everything that follows it."""

from __future__ import annotations

from typing import Any

import torch

from vae_core import atlas
from vae_core.bench import Report, machine
from vae_core.bench_browser import browser, files
from vae_core.bench_plane import ASSETS, PATIENCE, READY, turn_dial
from vae_core.data import load_images
from vae_core.registry import load_model

PARTS = ("dial", "inspector", "samples", "curves", "rates")
KEYFRAMES = 20


def measure(report: Report, frames: int = 500, probes: int = 5000, seconds: float = 5.0) -> dict[str, Any]:
    """Turn the dial of a run of so many snapshots of so many digits to and fro for ``seconds``, in a browser.

    The run is made up of what the bundled model finds, spreading from the middle; its decoders are as many as a run
    keeps, so that the decoded digit and the samples follow as well.
    Raises LatentExplorerError where there is no browser.
    """
    report("the replay", 0.0)
    content = recording(frames, probes)
    with browser() as chromium, files(ASSETS, {"/atlas": content}) as url:
        page = chromium.new_page(viewport={"width": 1440, "height": 1400})
        page.goto(f"{url}/bench/index.html?parts={','.join(PARTS)}")
        page.wait_for_function("window.firstDraw !== undefined", timeout=PATIENCE)
        first = page.evaluate("firstDraw()")
        page.wait_for_selector(READY, timeout=PATIENCE)
        rate = turn_dial(page, seconds)
        page.close()
    return {
        "frames": frames,
        "probes": probes,
        "megabytes": len(content) / 1e6,
        "first_draw_seconds": first,
        "dial_frames_per_second": rate,
        **machine(),
    }


def recording(frames: int, probes: int) -> bytes:
    """Return the packed atlas of a run of so many snapshots of so many test digits."""
    model = load_model("vae")
    images, labels = (part[:probes] for part in load_images("mnist", "test"))
    found = atlas.of_model("run", model, images, labels)
    share = torch.linspace(0.05, 1, frames)
    falling = (200 - 60 * share).tolist()
    rising = (7 * share).tolist()
    curves = {"distortion": falling, "rate": rising, "train_distortion": falling, "train_rate": rising}
    decoders = dict.fromkeys(range(0, frames, max(1, frames // KEYFRAMES)), model)
    steps = [50.0 * frame for frame in range(frames)]
    curves |= {"beta": [1.0] * frames, "learning_rate": [1e-3] * frames}
    positions = found.positions[0] * share[:, None, None]
    return atlas.pack(
        atlas.Atlas("run", positions, labels, decoders, axis_name="step", axis=steps, curves=curves, series="run:0")
    )
