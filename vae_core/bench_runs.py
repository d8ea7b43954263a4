"""Benchmark of training runs: what recording costs, how quickly a trainer obeys, what it takes of memory and disk."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import psutil
import torch

from vae_core import run_files, run_keyframes, runs
from vae_core.bench import Report, machine
from vae_core.checkpoints import save_state
from vae_core.config import PRESETS, preset
from vae_core.data import load_images
from vae_core.errors import LatentExplorerError
from vae_core.processor import prepare_for_training
from vae_core.run_control import change_control
from vae_core.run_queue import stop
from vae_core.run_recorder import PROBES
from vae_core.run_records import (
    CODES_NAME,
    METRICS_NAME,
    MOST_SNAPSHOTS,
    CodesReader,
    keep_codes,
    keep_lines,
    read_metrics,
)
from vae_core.run_steering import LOOK_SECONDS
from vae_core.training import Progress, fit
from vae_core.training_state import TrainState, start
from vae_core.training_step import train_step

SLICE_SECONDS = 2.0
BUDGET_SECONDS = 1500.0
"""The longest that a preset's budget takes on two cores, `good`; its metrics log is taken to be as long."""
_BETA = 3.5
_ENDLESS = 100_000
"""Epochs, more than any machine takes while it is measured."""
_ROOT = Path(__file__).resolve().parent.parent


def measure(report: Report, preset_name: str = "classic", seconds: float = 60.0) -> dict[str, Any]:
    """Measure `train --run` against `fit` alone, in one process and in turns, each for so many ``seconds``.

    Then a trainer in a process of its own is steered and stopped, and a directory is filled as far as the budget of
    each preset can fill it. Rates are training images a second; costs are shares of the throughput that recording
    takes, by the clock and by the processor time of the process, which a busy machine disturbs less.
    """
    prepare_for_training()
    with tempfile.TemporaryDirectory() as folder:
        recording = _recording(report, preset_name, seconds, Path(folder) / "recording")
        report("a trainer in a process of its own", 0.8)
        process = _process(preset_name, Path(folder) / "process")
        sizes = []
        for name in PRESETS:
            report(f"disk of {name}", 0.9)
            sizes.append({"preset": name, **_disk(name, Path(folder) / name)})
    return {"preset": preset_name, "seconds": seconds, **recording, **process, "disk": sizes, **machine()}


class _Turns:
    """Takes a generator of progress on for a while, now and then, and remembers what that took."""

    def __init__(self, state: TrainState, steps: Iterator[Progress]) -> None:
        self.state, self.steps = state, steps
        self.taken, self.clock, self.processor = 0, 0.0, 0.0

    def go_on(self, seconds: float) -> None:
        """Train until so many seconds have passed; the first turn warms up and does not count."""
        before, clock, processor = self.state.step, time.perf_counter(), time.process_time()
        while time.perf_counter() - clock < seconds:
            next(self.steps)
        if before:
            self.taken += self.state.step - before
            self.clock += time.perf_counter() - clock
            self.processor += time.process_time() - processor


def _recording(report: Report, preset_name: str, seconds: float, run: Path) -> dict[str, Any]:
    config = preset(preset_name)
    config = replace(config, train=replace(config.train, epochs=_ENDLESS))
    images, _ = load_images(config.train.data, "train")
    alone_state, run_state = start(config), runs.create(run, config)
    alone = _Turns(alone_state, fit(alone_state, images))
    recorded = _Turns(run_state, runs.train(run, run_state))
    slice_seconds = min(SLICE_SECONDS, seconds)
    while alone.clock < seconds:
        for turns in (alone, recorded):
            turns.go_on(slice_seconds)
        report("recording against training alone", 0.8 * alone.clock / seconds)
    snapshots = [step for step, _ in CodesReader(run).read()]
    rate = recorded.taken / recorded.clock
    size = config.train.batch_size
    return {
        "fit_samples_per_second": size * alone.taken / alone.clock,
        "run_samples_per_second": size * rate,
        "cost_by_clock": 1 - rate / (alone.taken / alone.clock),
        "cost_by_processor": 1 - recorded.taken / recorded.processor / (alone.taken / alone.processor),
        "snapshots_per_second": rate * (len(snapshots) - 1) / (snapshots[-1] - snapshots[0]),
    }


class _Trainer:
    """A trainer in a process of its own, and the most memory that it was seen to take."""

    def __init__(self, run: Path, preset_name: str) -> None:
        command = [sys.executable, "-m", "vae_core", "train", "--run", str(run), "--preset", preset_name]
        self.began = time.perf_counter()
        self.process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.memory = 0

    def seconds_until(self, holds: Callable[[], bool], began: float) -> float:
        """Return how long after ``began`` something held. Raises LatentExplorerError where the trainer ends first."""
        pause = threading.Event()
        while not holds():
            if self.process.poll() is not None:
                raise LatentExplorerError(f"the trainer ended with status {self.process.returncode}: run it by hand")
            self.memory = max(self.memory, psutil.Process(self.process.pid).memory_info().rss)
            pause.wait(0.005)
        return time.perf_counter() - began


def _process(preset_name: str, run: Path) -> dict[str, Any]:
    """Start a trainer as a person would, turn beta after its first second, and stop it; times are seconds."""
    trainer = _Trainer(run, preset_name)
    with trainer.process:
        try:
            first = trainer.seconds_until(lambda: bool(CodesReader(run).read()), trainer.began)
            trainer.seconds_until(lambda: len(CodesReader(run).read()) > 3, trainer.began)
            asked = time.perf_counter()
            change_control(run, beta=_BETA)
            turned = trainer.seconds_until(lambda: read_metrics(run)[-1]["beta"] == _BETA, asked)
            asked = time.perf_counter()
            stop(run, 60.0)
            trainer.process.wait()
            stopped = time.perf_counter() - asked
        finally:
            trainer.process.kill()
    return {
        "seconds_to_first_snapshot": first,
        "seconds_from_beta_to_log": turned,
        "seconds_from_stop_to_gone": stopped,
        "trainer_megabytes": trainer.memory / 1e6,
    }


def _disk(name: str, run: Path) -> dict[str, float]:
    """Fill a run directory as far as its trainer may while the preset's budget lasts; megabytes."""
    state = runs.create(run, preset(name))
    # After a step the optimiser has its moments, which are two thirds of a checkpoint.
    train_step(state, torch.zeros(8, 784, dtype=torch.uint8), 1.0, 1e-3)
    save_state(run / run_files.CHECKPOINT_NAME, state)
    kept = -1
    while len(run_keyframes.steps(run)) > kept:
        kept = len(run_keyframes.steps(run))
        run_keyframes.save(run, kept, state.model)
    keep_codes(run, [(number, torch.randn(PROBES, 2)) for number in range(MOST_SNAPSHOTS)])
    figures = {"test_reconstruction": 1e3 / 3, "test_kl": 10 / 3}
    line = {**asdict(Progress(10**6, 10**6, 100, 1 / 3, 1e-2 / 3, 1e3 / 3, 10 / 3, 1e5 / 3, 1e4 / 3)), **figures}
    keep_lines(run / METRICS_NAME, [line] * int(BUDGET_SECONDS / LOOK_SECONDS))
    parts = {"checkpoint": run / run_files.CHECKPOINT_NAME, "codes": run / CODES_NAME, "metrics": run / METRICS_NAME}
    sizes = {part: path.stat().st_size / 1e6 for part, path in parts.items()}
    return {"megabytes": run_files.size(run) / 1e6, **sizes, "keyframes": kept}
