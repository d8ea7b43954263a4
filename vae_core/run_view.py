"""A training run as it is watched: everything its directory holds so far, read once, as the frames of an atlas."""

from __future__ import annotations

import bisect
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vae_core import run_keyframes
from vae_core.atlas import Atlas, pack
from vae_core.atlas_series import pack_keyframe, pack_tail
from vae_core.errors import LatentExplorerError
from vae_core.models import Autoencoder
from vae_core.run_folder import read_config, read_state
from vae_core.run_records import EVENTS_NAME, METRICS_NAME, CodesReader, LineReader
from vae_core.run_trainer import probe_images

CURVES = {
    "distortion": "test_reconstruction",
    "rate": "test_kl",
    "train_distortion": "reconstruction",
    "train_rate": "kl",
    "beta": "beta",
    "learning_rate": "learning_rate",
}
"""The curves of the atlas, and the keys of the metrics log that they are made of."""
_STANDS_FOR = {"reconstruction": "test_reconstruction", "kl": "test_kl"}
"""Before the first step there are no figures of training: those of the test digits stand there."""


class RunView:
    """Follows one run; many sessions may share a view, each asking for the frames that it lacks."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.config = read_config(run)
        self.labels = probe_images(self.config.train.data)[1]
        self.generation = 0
        """Counts how often what was recorded has been replaced: the frames of another generation are others."""
        self._lock, self._reading = threading.RLock(), threading.Lock()
        self._metrics, self._events = LineReader(run / METRICS_NAME), LineReader(run / EVENTS_NAME)
        self._codes = CodesReader(run)
        self._forget()

    def _forget(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.steps: list[int] = []
        """The steps of the frames, ascending."""
        self.frames: list[Tensor] = []
        """The codes of the probe digits at each, (N, 2)."""
        self.curves: dict[str, list[float]] = {name: [] for name in CURVES}
        self._waiting: list[tuple[int, Tensor]] = []
        self._by_step: dict[int, dict[str, Any]] = {}
        self._newest: list[int] = []
        """The step of the newest keyframe, if there is one."""
        self._keyframe: tuple[int, bytes] | None = None
        self._tail: tuple[int, int, bytes] | None = None

    @property
    def series(self) -> str:
        """The name of the growing atlas."""
        return f"{self.run.name}:{self.generation}"

    def update(self) -> bool:
        """Read what is new; return whether there is a new frame.

        While another session does so, this one does not wait for it, and shows what it brings next time.
        Raises LatentExplorerError where the log is damaged, or the run has been deleted.
        """
        if not self._reading.acquire(blocking=not self.frames):
            return False
        try:
            return self._read()
        finally:
            self._reading.release()

    def _read(self) -> bool:
        with self._lock:
            lines, snapshots = self._metrics.read(), self._codes.read()
            if self._codes.replaced or self._metrics.replaced:
                self.generation += 1
                self._forget()
                self._codes, self._metrics = CodesReader(self.run), LineReader(self._metrics.path)
                self._events = LineReader(self._events.path)
                lines, snapshots = self._metrics.read(), self._codes.read()
            self.lines += lines
            self.events += self._events.read()
            self._by_step |= {line["step"]: line for line in lines if "test_kl" in line}
            self._waiting += snapshots
            self._newest = run_keyframes.steps(self.run)[-1:]
            return self._take_frames()

    def _take_frames(self) -> bool:
        """Make frames of the snapshots whose line of metrics has come; the line is written after the snapshot."""
        before = len(self.steps)
        while self._waiting and self._waiting[0][0] in self._by_step:
            step, codes = self._waiting.pop(0)
            line = self._by_step[step]
            if self.steps and step <= self.steps[-1]:
                continue
            self.steps.append(step)
            self.frames.append(codes)
            for name, key in CURVES.items():
                self.curves[name].append(float(line.get(key, line.get(_STANDS_FOR.get(key, key), 0.0))))
        return len(self.steps) > before

    def base(self) -> tuple[bytes, int]:
        """Return the packed atlas of all frames so far, with the decoders of the keyframes, and how many frames.

        Raises LatentExplorerError before the first frame and the first keyframe.
        """
        with self._lock:
            if not self.frames:
                raise LatentExplorerError(f"{self.run} has recorded nothing yet: wait for its first seconds")
            decoders = self._decoders()
            atlas = Atlas(
                self.run.name, torch.stack(self.frames), self.labels, decoders, axis_name="step",
                axis=[float(step) for step in self.steps], curves=self.curves, series=self.series,
            )  # fmt: skip
            return pack(atlas), len(self.frames)

    def _decoders(self) -> dict[int, Autoencoder]:
        """Return the keyframes by the first frame they hold for; the first one holds from the beginning."""
        found: dict[int, Autoencoder] = {}
        for step in run_keyframes.steps(self.run):
            try:
                kept, model = run_keyframes.load(self.run, step)
            except LatentExplorerError:  # thinned away meanwhile
                continue
            found[self.frame_of(kept) if found else 0] = model
        if not found:
            raise LatentExplorerError(f"{self.run} has no decoder yet: wait for its first seconds")
        return found

    def frame_of(self, step: int) -> int:
        """Return the first frame at or after a step, else the newest."""
        return min(bisect.bisect_left(self.steps, step), max(0, len(self.steps) - 1))

    def tail(self, start: int) -> bytes:
        """Return the packed frames from ``start`` on; all sessions mostly ask for the same ones."""
        kept = self._tail
        if kept and kept[:2] == (start, len(self.frames)):
            return kept[2]
        with self._lock:
            if self._tail is None or self._tail[:2] != (start, len(self.frames)):
                curves = {name: values[start:] for name, values in self.curves.items()}
                steps = [float(step) for step in self.steps[start:]]
                packed = pack_tail(self.series, start, torch.stack(self.frames[start:]), steps, curves)
                self._tail = start, len(self.frames), packed
            return self._tail[2]

    def newest_keyframe(self) -> tuple[int, bytes]:
        """Return the step of the newest keyframe and its packed decoder, valid from its frame on."""
        kept = self._keyframe
        if kept and self._newest == [kept[0]]:
            return kept
        with self._lock:
            if self._keyframe is None or self._newest != [self._keyframe[0]]:
                step, model = run_keyframes.load(self.run, 2**62)
                self._keyframe = step, pack_keyframe(self.series, self.frame_of(step), model)
            return self._keyframe

    def trajectory(self) -> tuple[list[int], list[float], list[float]]:
        """Return steps, rates and distortions on the test digits, in nats per image."""
        return list(self.steps), list(self.curves["rate"]), list(self.curves["distortion"])

    def progress(self) -> dict[str, Any]:
        """Return the newest line of metrics with the run's state, for a headline."""
        state = read_state(self.run)
        last = self.lines[-1] if self.lines else {}
        return {"state": state, "line": last, "rate": _rate(self.lines)}


def _rate(lines: Sequence[dict[str, Any]], window: int = 20) -> float:
    """Return the images a second of the newest lines, 0 before there are any."""
    rates = [line["samples_per_second"] for line in lines[-window:] if "samples_per_second" in line]
    return sum(rates) / len(rates) if rates else 0.0
