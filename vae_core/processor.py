"""Settings of the process that long computations on a CPU want; programs choose them, importing a module does not."""

from __future__ import annotations

import contextlib
import ctypes
import os

import torch

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT_BYTES = 256 << 20
_LARGEST_POOLED = 32 << 20


def prepare_for_training() -> None:
    """Flush denormal numbers to zero, and keep freed memory for the next step instead of returning it.

    To be called before PyTorch first computes: its threads take the first setting from the thread that starts them.

    Small weights decay into denormal numbers, which x86 processors multiply many times slower. A step frees some
    megabytes and asks for them again; the C library would hand them to the system and get them back page by page,
    zeroed, which took a fifth of a step with batches of 512. Up to 256 MB are kept; where the C library is not glibc,
    memory is left alone.
    """
    torch.set_flush_denormal(True)
    with contextlib.suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_POOLED)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def prepare_for_serving() -> None:
    """Keep SciPy's linear algebra to one thread; to be called before anything imports SciPy.

    Its products are small here, yet the threads of OpenBLAS go on spinning after each, and took the processors from
    PyTorch: a posterior took three times as long after one had been interpolated. What the environment says stands.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
