"""torchvision, importable beside any build of torch."""

from __future__ import annotations

import importlib
import sys
import threading
from types import ModuleType

import torch

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_lock = threading.Lock()


def torchvision(submodule: str) -> ModuleType:
    """Return a module of torchvision, such as `torchvision("transforms.v2")`.

    The wheels of torchvision on PyPI carry operators compiled for a CUDA torch. Beside a CPU torch they
    fail to load, and `import torchvision` then dies on the missing schema of `torchvision::nms`, although
    the data sets and transforms used here are pure Python. In that case, and only then, the two missing
    schemas are declared and the import is tried again. The first call takes a second or two.

    Raises:
        ImportError: torchvision is not installed, or the submodule does not exist.
    """
    with _lock:
        try:
            importlib.import_module("torchvision")
        except RuntimeError as error:
            if "torchvision::nms" not in str(error):
                raise
            _forget_failed_import()
            for name in ("nms", "qnms"):
                torch.library.define(f"torchvision::{name}", _SCHEMA)
    return importlib.import_module(f"torchvision.{submodule}")


def _forget_failed_import() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
