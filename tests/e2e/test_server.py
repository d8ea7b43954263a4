"""The app as a process: what `streamlit run app.py` listens on, and how the tests see it fail."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.e2e.server import App, running_app


def test_an_app_that_does_not_start_is_reported_with_all_that_it_said(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="not a valid integer"),
        running_app(tmp_path / "log.txt", STREAMLIT_SERVER_MAX_UPLOAD_SIZE="much"),
    ):
        pytest.fail("it started")


def test_the_app_does_not_answer_other_machines(app: App) -> None:
    port = urlsplit(app.url).port
    with socket.socket() as outside:
        outside.settimeout(5)
        # All of 127/8 is this machine, but only 127.0.0.1 is what localhost means.
        assert outside.connect_ex(("127.0.0.2", int(port or 0))) != 0
