"""Takes the pictures in docs/screenshots from the running app: `make screenshots`."""

from __future__ import annotations

import dataclasses
import sys
import tempfile
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Playwright, ViewportSize, expect, sync_playwright

from tests.e2e.browser import find_browser, flags
from tests.e2e.page import PATIENCE, visit
from tests.e2e.server import running_app
from vae_core import runs
from vae_core.config import PRESETS
from vae_core.run_folder import ROOT_VARIABLE

FOLDER = Path(__file__).resolve().parent / "screenshots"
SIZES = {"": ViewportSize(width=1440, height=900), "-phone": ViewportSize(width=390, height=844)}
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
PAGES = {
    "explorer": ("/", 1, {"model": "vae", "z": "0.25,-1.5"}),
    "compare": ("/compare", 2, {"model": "ae", "other": "vae", "z": "0.25,-1.5"}),
    "beta": ("/beta", 1, {"beta": "4", "z": "0.25,-1.5"}),
    "inference": ("/inference", 1, {"model": "vae-classic", "digit": "3"}),
    "train": ("/train", 1, {"run": "classic", "z": "0.25,-1.5"}),
    "learn": ("/learn", 0, {"section": "elbo"}),
}
"""Where each page is, how many planes it has, and what it shows."""
READY = "[data-testid=latent-plane][data-ready=true]"


def take(browser: Browser, url: str) -> None:
    """Save every page in both themes, wide and on a phone."""
    for theme in THEMES:
        for suffix, size in SIZES.items():
            context = browser.new_context(base_url=url, viewport=size, color_scheme=theme, locale="en-GB")
            for name, (path, planes, view) in PAGES.items():
                page = context.new_page()
                visit(page, path, **view)
                expect(page.locator(READY)).to_have_count(planes, timeout=PATIENCE)
                expect(page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=PATIENCE)
                target = FOLDER / f"{name}-{theme}{suffix}.png"
                page.screenshot(path=target)
                sys.stdout.write(f"{target.relative_to(FOLDER.parent.parent)}\n")
                page.close()
            context.close()


def record(run: Path) -> None:
    """Train the textbook VAE for three epochs, so that the training page has something to show."""
    config = dataclasses.replace(PRESETS["classic"], train=dataclasses.replace(PRESETS["classic"].train, epochs=3))
    for progress in runs.train(run, runs.create(run, config, "The textbook VAE")):
        sys.stdout.write(f"\rtraining {progress.step} of {progress.total_steps}")
    sys.stdout.write("\n")


def main() -> int:
    """Start the app, take the pictures, stop it."""
    FOLDER.mkdir(exist_ok=True)
    program = find_browser()
    if program is None:
        sys.stderr.write("error: there is no Chromium or Chrome: run `make browser`\n")
        return 2
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        record(Path(folder) / "runs" / "classic")
        environment = {ROOT_VARIABLE: f"{folder}/runs"}
        with running_app(Path(folder) / "log.txt", flush=None, **environment) as app:
            _take_with(playwright, program, app.url)
    return 0


def _take_with(playwright: Playwright, program: str, url: str) -> None:
    browser = playwright.chromium.launch(executable_path=program, args=flags())
    take(browser, url)
    browser.close()


if __name__ == "__main__":
    sys.exit(main())
