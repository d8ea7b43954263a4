"""Work that takes longer than a person should wait for: done once, beside the page, for all who ask."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, TypeVar

import streamlit as st

T = TypeVar("T")
MOST_RESULTS: Final = 256


def begin(key: str, work: Callable[[], T]) -> Future[T]:
    """Return the work known by this key, begun now unless it was begun before; ``work`` may not use Streamlit."""
    future: Future[T] = _begun(key, work)
    return future


@st.cache_resource(max_entries=MOST_RESULTS, show_spinner=False)
def _begun(key: str, _work: Callable[[], Any]) -> Future[Any]:
    return _worker().submit(_work)


@st.cache_resource(show_spinner=False)
def _worker() -> ThreadPoolExecutor:
    # One at a time: each of them keeps every core busy by itself.
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="background")
