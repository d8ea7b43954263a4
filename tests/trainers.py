"""Trainers for the tests of run directories: in this process, and in others that end at any moment."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from vae_core import run_recorder, runs
from vae_core.checkpoints import read_tensors
from vae_core.config import RunConfig
from vae_core.data import load_images
from vae_core.registry import CHECKPOINT_NAME, load_model
from vae_core.run_records import METRICS_NAME
from vae_core.training import Pace, Progress, fit
from vae_core.training_state import Controls, start

_SERVER = multiprocessing.get_context("forkserver")
# torch imports its compiler when the first optimiser is made, which would take each process two seconds.
_SERVER.set_forkserver_preload(["tests.trainers", "torch._dynamo"])


def finish(run: Path, config: RunConfig, report_every: int | None = 2) -> list[Progress]:
    """Train a run from its beginning, or from where it stands, to its end."""
    state = runs.reopen(run) if runs.config_path(run).exists() else runs.create(run, config)
    return list(runs.train(run, state, report_every=report_every, resumes=True))


def whole_state(run: Path) -> dict[str, Tensor]:
    """Return every tensor that the run's checkpoint holds: weights, moments, noise."""
    return read_tensors(run / CHECKPOINT_NAME, "train it again")[0]


def are_equal(some: Mapping[str, Tensor], others: Mapping[str, Tensor]) -> bool:
    """Return whether tensors are the same bit for bit."""
    return set(some) == set(others) and all(torch.equal(value, others[name]) for name, value in some.items())


def expected(config: RunConfig, events: list[dict[str, Any]]) -> dict[str, Tensor]:
    """Return the weights after `fit` alone, with the changes made at the steps that a run wrote down."""
    state, images = start(config), load_images(config.train.data, "train")[0]

    def steer() -> None:
        for event in events:
            if event["step"] == state.step:
                state.controls = Controls(**{name: value for name, value in event.items() if name != "step"})

    steer()
    for _ in fit(state, images, pace=Pace(1)):
        steer()
    return state.model.state_dict()


def weights(run: Path) -> dict[str, Tensor]:
    """Return the weights of the model that a run has come to."""
    return load_model(run).state_dict()


def _forget(file: Any) -> None:
    """What a process has written outlives it without reaching the disk."""


def write_often() -> None:
    """Let the trainer of this process write and look as often as it reports, and not wait for the disk."""
    vars(os)["fsync"] = _forget
    for name in ("SNAPSHOT_SECONDS", "KEYFRAME_SECONDS", "CHECKPOINT_SECONDS"):
        setattr(run_recorder, name, -1.0)


def die_after(calls: int) -> None:
    """Kill this process, as `kill -9` does, when Python has called so many more functions, its own or built in."""
    left = calls

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal left
        left -= event in ("call", "c_call")
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(count)


def _train(run: Path, config: RunConfig, calls: int, report_every: int | None) -> None:
    torch.set_num_threads(1)
    write_often()
    if calls:
        die_after(calls)
    finish(run, config, report_every)


def in_process(run: Path, config: RunConfig, calls: int = 0, report_every: int | None = 2) -> BaseProcess:
    """Start a process that trains a run to its end, or is killed after so many function calls; return it ended."""
    process = _SERVER.Process(target=_train, args=(run, config, calls, report_every))
    # A page under test leaves its own script behind as the main module, which a new process would run first.
    with patch.dict(sys.modules, {"__main__": ModuleType("__main__")}):
        process.start()
    process.join()
    return process


def until(holds: Callable[[], bool]) -> None:
    """Return when something that other processes bring about holds; the test's own time limit ends the wait."""
    pause = threading.Event()
    while not holds():
        pause.wait(0.02)


def lines_of(run: Path) -> int:
    """Return how many lines the metrics log has, whole or not."""
    log = run / METRICS_NAME
    return log.read_bytes().count(b"\n") if log.exists() else 0
