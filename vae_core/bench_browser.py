"""What a measurement in a browser needs: a browser, the running app, and a server of single files."""

from __future__ import annotations

import functools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from typing import Any

from vae_core.errors import LatentExplorerError

ROOT = Path(__file__).resolve().parent.parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = ("--disable-gpu", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-first-run", "--disable-quic")
"""WebGL 2 in software, so that figures do not depend on a graphics card."""
START_SECONDS = 120.0


@contextmanager
def browser() -> Iterator[Any]:
    """Start an installed Chromium or Chrome, else playwright's own, without a window.

    Raises LatentExplorerError where playwright or a browser is missing, saying how to get it.
    """
    try:
        playwright_api = import_module("playwright.sync_api")
    except ImportError:
        raise LatentExplorerError(
            "measuring in a browser needs playwright: install it with `pip install -r requirements-dev.txt`"
        ) from None
    program = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    with playwright_api.sync_playwright() as playwright:
        flags = [*FLAGS, *(["--no-sandbox"] if as_root else [])]
        try:
            started = playwright.chromium.launch(executable_path=program, args=flags)
        except playwright_api.Error as error:
            raise LatentExplorerError(f"no Chromium or Chrome starts: get one with `make browser` ({error})") from error
        try:
            yield started
        except playwright_api.Error as error:
            raise LatentExplorerError(f"the page did not come as far as it is measured: {error}") from error
        finally:
            started.close()


@contextmanager
def app(**environment: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Start the app on a free port; yield its address and process, at once, and stop it at the end.

    ``environment`` is what it finds in its environment beside what is in ours.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true"]
    command += ["--server.address", "localhost", "--server.port", str(port), "--server.fileWatcherType", "none"]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **environment}
        )
        try:
            yield f"http://localhost:{port}", process
        finally:
            process.terminate()
            process.wait()


def wait_until_served(url: str, process: subprocess.Popen[bytes]) -> None:
    """Return once the app answers. Raises LatentExplorerError where it ends instead, or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.02)
    raise LatentExplorerError("the app did not start: look at what `streamlit run app.py` says")


@contextmanager
def files(folder: Path, extra: dict[str, bytes]) -> Iterator[str]:
    """Serve ``folder`` on a free port, and under the paths of ``extra`` its bytes; yield the address."""
    handler = functools.partial(_Handler, extra, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, extra: dict[str, bytes], *arguments: Any, **options: Any) -> None:
        self.extra = extra
        super().__init__(*arguments, **options)

    def do_GET(self) -> None:
        content = self.extra.get(self.path)
        if content is None:
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        return None

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing of single requests."""


def memory_of(process: subprocess.Popen[bytes]) -> float | None:
    """Return the megabytes a process has in memory (its resident set); None where `ps` cannot tell."""
    done = subprocess.run(["ps", "-o", "rss=", "-p", str(process.pid)], capture_output=True, text=True, check=False)
    return int(done.stdout) / 1024 if done.returncode == 0 and done.stdout.strip() else None
