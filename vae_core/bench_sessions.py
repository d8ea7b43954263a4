"""Sessions of the app without a screen: they speak Streamlit's protocol, so that many fit on one machine.

A browser in software draws a page with a third of a core; twenty of them would measure that, and not the server.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from importlib import import_module
from types import TracebackType
from typing import Any, Final
from urllib.parse import urlsplit

_LARGEST: Final = 256 << 20


class Session:
    """A session on a page at ``url``, whose fragments run as often as the page asks for."""

    def __init__(self, url: str, large: int) -> None:
        """Open the page; messages of at least ``large`` bytes are what `arrivals` notes."""
        parts = urlsplit(url)
        self.arrivals: list[float] = []
        """When large messages came, in seconds of `time.perf_counter`."""
        self.updates: list[float] = []
        """How long each run of a fragment took, in seconds, from asking for it until all that it says had come."""
        self._asked: float | None = None
        self._large, self._query, self._page = large, parts.query, parts.path.strip("/")
        self._page_hash = ""
        self._every: dict[str, float] = {}
        self._due: dict[str, float] = {}
        self._closing = threading.Event()
        # What the app itself brings along: this package does without.
        websockets = import_module("websockets.sync.client")
        self._closed = import_module("websockets.exceptions").ConnectionClosed
        self._message = import_module("streamlit.proto.BackMsg_pb2").BackMsg
        self._parse = import_module("streamlit.proto.ForwardMsg_pb2").ForwardMsg.FromString
        self._socket = websockets.connect(
            f"ws://{parts.netloc}/_stcore/stream", max_size=_LARGEST, compression=None, ping_interval=None
        )
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._receive, self._tick)]

    def __enter__(self) -> Session:
        self._ask("")
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closing.set()
        self._socket.close()
        for thread in self._threads:
            thread.join()

    def forget(self) -> None:
        """Begin to note anew."""
        self.arrivals, self.updates = [], []

    def _ask(self, fragment: str) -> None:
        """Ask for a run of the page, or of one of its fragments, as a browser does."""
        message = self._message()
        message.rerun_script.query_string = self._query
        message.rerun_script.page_script_hash = self._page_hash
        if not self._page_hash:
            message.rerun_script.page_name = self._page
        if fragment:
            message.rerun_script.fragment_id = fragment
            message.rerun_script.is_auto_rerun = True
            # What is asked for again meanwhile is answered together.
            self._asked = self._asked or time.perf_counter()
        self._socket.send(message.SerializeToString())

    def _receive(self) -> None:
        with suppress(self._closed):
            for content in self._socket:
                if isinstance(content, bytes):
                    if len(content) >= self._large:
                        self.arrivals.append(time.perf_counter())
                    self._heed(self._parse(content))

    def _heed(self, message: Any) -> None:
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._page_hash = message.new_session.page_script_hash
        elif kind == "script_finished" and self._asked is not None:
            self.updates.append(time.perf_counter() - self._asked)
            self._asked = None
        elif kind == "auto_rerun":
            self._every = {**self._every, message.auto_rerun.fragment_id: message.auto_rerun.interval}

    def _tick(self) -> None:
        with suppress(self._closed):
            while not self._closing.wait(0.01):
                now = time.perf_counter()
                for fragment, seconds in self._every.items():
                    if now >= self._due.setdefault(fragment, now + seconds):
                        self._due[fragment] = now + seconds
                        self._ask(fragment)
