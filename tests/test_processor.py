"""The process settings of training and serving."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest
import torch

from vae_core import processor

DENORMAL = """
import torch
from vae_core.processor import prepare_for_training
{prepare}
print(float((torch.tensor(1e-30) * 1e-10)))
"""


def _product_of_tiny_numbers(prepare: str) -> float:
    script = DENORMAL.format(prepare=prepare)
    return float(subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(not torch.backends.cpu.get_cpu_capability().startswith("AVX"), reason="an x86 setting")
def test_denormal_numbers_are_flushed_once_asked_for() -> None:
    assert _product_of_tiny_numbers("") > 0
    assert _product_of_tiny_numbers("prepare_for_training()") == 0


@pytest.mark.parametrize("library", [object(), None])
def test_a_c_library_without_the_setting_is_left_alone(monkeypatch: pytest.MonkeyPatch, library: object) -> None:
    def load(name: None) -> object:
        if library is None:
            raise OSError("no such library")
        return library

    monkeypatch.setattr(ctypes, "CDLL", load)
    try:
        processor.prepare_for_training()
    finally:
        torch.set_flush_denormal(False)


def test_freed_memory_is_asked_to_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}

    class Library:
        @staticmethod
        def mallopt(parameter: int, value: int) -> int:
            asked[parameter] = value
            return 1

    monkeypatch.setattr(ctypes, "CDLL", lambda name: Library())
    try:
        processor.prepare_for_training()
    finally:
        torch.set_flush_denormal(False)
    # glibc's malloc.h: M_TRIM_THRESHOLD is -1, M_MMAP_THRESHOLD is -3, and its largest value 32 MB.
    assert asked == {-1: 256 << 20, -3: 32 << 20}


@pytest.mark.parametrize(("before", "after"), [(None, "1"), ("4", "4")])
def test_scipy_serves_with_one_thread_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, before: str | None, after: str
) -> None:
    name = "OPENBLAS_NUM_THREADS"
    monkeypatch.setenv(name, before or "")
    if before is None:
        monkeypatch.delenv(name)
    processor.prepare_for_serving()
    assert os.environ[name] == after


def test_scipy_is_not_there_before_the_app_has_chosen_its_threads() -> None:
    script = (
        "import sys, streamlit; from pages.common.i18n import _; from vae_core.processor import prepare_for_serving; "
        "sys.exit('scipy' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
