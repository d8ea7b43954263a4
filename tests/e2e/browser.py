"""The browser of the browser tests: which one there is, and how to get one."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC_APP = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
FLAGS = (
    "--disable-gpu",
    "--use-angle=swiftshader",  # WebGL 2 in software
    "--enable-unsafe-swiftshader",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def flags() -> list[str]:
    """Return the command-line flags to start the browser with."""
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return [*FLAGS, *(["--no-sandbox"] if as_root else [])]


def find_browser() -> str | None:
    """Return the program of an installed Chromium or Chrome, else playwright's own, else None."""
    for name in (*COMMANDS, MAC_APP):
        if (path := shutil.which(name)) and _runs(path):
            return path
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if _runs(own) else None


def _runs(path: str) -> bool:
    # Ubuntu's chromium-browser may be a script that only says where to get the real one.
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def install_browser() -> str | None:
    """Install a browser, Debian's package if that is possible, else playwright's download; return its program."""
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    if as_root and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-q"], stdout=sys.stderr, check=False)
        subprocess.run(["apt-get", "install", "-qy", "chromium"], stdout=sys.stderr, check=False)
        if found := find_browser():
            return found
    command = [sys.executable, "-m", "playwright", "install", *(["--with-deps"] if as_root else []), "chromium"]
    subprocess.run(command, stdout=sys.stderr, check=False)
    return find_browser()


def main() -> int:
    """Print the browser's program; with --install, get one first where there is none."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.browser", description=main.__doc__)
    parser.add_argument("--install", action="store_true", help="get one where there is none")
    wanted = parser.parse_args()
    found = find_browser() or (install_browser() if wanted.install else None)
    if found is None:
        sys.stderr.write("error: there is no Chromium or Chrome: install one, or run `playwright install chromium`\n")
        return 2
    sys.stdout.write(f"browser: {Path(found)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
