"""The real app, started on a free port for as long as it is needed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 90.0  # seconds; a cold machine that does other things as well
SERVER = "from streamlit.web.cli import main; main(prog_name='streamlit')"


@dataclass(frozen=True)
class App:
    """A running app: its address, its process, and the file that everything it says goes to."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def said(self) -> str:
        """Return what the app has written so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")


def free_port() -> int:
    """Return a port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_app(log: Path, flush: float | None = None, **environment: str) -> Iterator[App]:
    """Start the app with `streamlit run`, hand it over once it answers, and stop it at the end.

    Args:
        log: where all that it says goes.
        flush: seconds between two times that the server sends what it has to say; a busy one does so late.
        environment: what it finds in its environment beside what is in ours.

    Raises:
        RuntimeError: it ended or did not answer in time; the message holds all that it said.
    """
    port = free_port()
    late = f"from streamlit.runtime import runtime; runtime.MESSAGE_FLUSH_INTERVAL_SECS = {flush}; " if flush else ""
    command = [sys.executable, "-c", late + SERVER, "run", "app.py", "--server.headless", "true"]
    command += ["--server.port", str(port), "--server.address", "localhost"]
    # Somebody else's edit while the tests run must not rerun the page under test.
    command += ["--server.fileWatcherType", "none"]
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=sink, stderr=subprocess.STDOUT, env={**os.environ, **environment}
        )
    app = App(f"http://localhost:{port}", process, log)
    try:
        _await(app)
        yield app
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(app: App) -> None:
    deadline = time.monotonic() + PATIENCE
    while not _answers(app.url):
        if time.monotonic() > deadline:
            raise RuntimeError(f"the app did not answer within {PATIENCE:.0f} s:\n{app.said()}")
        try:
            status = app.process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        raise RuntimeError(f"the app ended with status {status}:\n{app.said()}")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
