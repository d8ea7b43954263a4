"""What a run records as it goes: the metrics log, the control events, and the codes of its probe digits."""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vae_core.checkpoints import write_atomically
from vae_core.errors import LatentExplorerError

METRICS_NAME = "metrics.jsonl"
EVENTS_NAME = "events.jsonl"
CODES_NAME = "codes.bin"
MOST_SNAPSHOTS = 1000
"""Beyond this every other snapshot but the newest goes."""

_HEAD = struct.Struct("<4sQII")
_MAGIC = b"LXC1"
"""A snapshot: 20 bytes with magic, step, number of codes and CRC-32 of the payload, little-endian; then the payload."""


def append_line(path: Path, values: Mapping[str, Any]) -> None:
    """Append one JSON object as a line."""
    with path.open("ab") as log:
        log.write(json.dumps(values).encode() + b"\n")


class LineReader:
    """Reads a log of JSON lines as it grows, each line once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0
        self._number = 0
        self._file = 0

    def read(self) -> list[dict[str, Any]]:
        """Return the complete lines since the last call; all of them again where the file was replaced meanwhile.

        A line still being written is left for the next call. Raises LatentExplorerError, naming the file and the
        line, where a complete line is damaged.
        """
        self.replaced = False
        try:
            with self.path.open("rb") as log:
                self._notice_replacement(log.fileno())
                log.seek(self._offset)
                complete, _, _ = log.read().rpartition(b"\n")
        except (FileNotFoundError, NotADirectoryError):
            return []
        lines = complete.splitlines(keepends=True) if complete else []
        return [self._parse(line) for line in lines]

    def _notice_replacement(self, descriptor: int) -> None:
        stat = os.fstat(descriptor)
        if stat.st_ino != self._file or stat.st_size < self._offset:
            self.replaced = self._file != 0
            self._file, self._offset, self._number = stat.st_ino, 0, 0

    def _parse(self, line: bytes) -> dict[str, Any]:
        self._number += 1
        self._offset += len(line.rstrip(b"\n")) + 1
        try:
            return {**json.loads(line)}
        except (ValueError, TypeError) as error:
            raise LatentExplorerError(
                f"line {self._number} of {self.path} is damaged: take it out of the file"
            ) from error


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """Return the complete lines of a run's metrics log so far.

    Raises LatentExplorerError, naming the file and the line, where one is damaged.
    """
    return LineReader(run / METRICS_NAME).read()


def read_events(run: Path) -> list[dict[str, Any]]:
    """Return the changes of beta and learning rate by hand: ``step``, ``beta``, ``learning_rate`` (None: schedule)."""
    return LineReader(run / EVENTS_NAME).read()


def keep_lines(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Replace a log by these lines, atomically."""
    write_atomically(path, "".join(json.dumps(line) + "\n" for line in lines).encode())


def _record(step: int, codes: Tensor) -> bytes:
    payload = codes.half().contiguous().numpy().tobytes()
    return _HEAD.pack(_MAGIC, step, len(codes), zlib.crc32(payload)) + payload


def append_codes(run: Path, step: int, codes: Tensor) -> None:
    """Append the codes (N, 2) of the probe digits after ``step``, in float16."""
    with (run / CODES_NAME).open("ab") as file:
        file.write(_record(step, codes))


class CodesReader:
    """Reads the snapshots of a run as they come, each once."""

    def __init__(self, run: Path) -> None:
        self.path = run / CODES_NAME
        self._offset = 0
        self._file = 0
        self.replaced = False

    def read(self) -> list[tuple[int, Tensor]]:
        """Return step and codes (N, 2) of the complete snapshots since the last call.

        ``replaced`` says afterwards whether the file was replaced meanwhile, and these are all of them again. What
        is half written, or damaged at the end by a crash, is left out.
        """
        self.replaced = False
        try:
            with self.path.open("rb") as file:
                stat = os.fstat(file.fileno())
                if stat.st_ino != self._file or stat.st_size < self._offset:
                    self.replaced, self._file, self._offset = self._file != 0, stat.st_ino, 0
                file.seek(self._offset)
                content = file.read()
        except (FileNotFoundError, NotADirectoryError):
            return []
        snapshots, length = parse_codes(content)
        self._offset += length
        return snapshots


def parse_codes(content: bytes) -> tuple[list[tuple[int, Tensor]], int]:
    """Return the whole snapshots at the beginning of ``content``, and how many bytes they take."""
    snapshots, at = [], 0
    while len(content) - at >= _HEAD.size:
        magic, step, count, checksum = _HEAD.unpack_from(content, at)
        payload = content[at + _HEAD.size : at + _HEAD.size + 4 * count]
        if magic != _MAGIC or len(payload) < 4 * count or zlib.crc32(payload) != checksum:
            break
        codes = torch.frombuffer(bytearray(payload), dtype=torch.float16).reshape(count, 2).float()
        snapshots.append((step, codes))
        at += _HEAD.size + len(payload)
    return snapshots, at


def keep_codes(run: Path, snapshots: Sequence[tuple[int, Tensor]]) -> None:
    """Replace the snapshots of a run by these, atomically."""
    write_atomically(run / CODES_NAME, b"".join(_record(step, codes) for step, codes in snapshots))


def thin_codes(run: Path) -> int:
    """Drop every other snapshot where there are too many, never the first or the newest; return how many are left."""
    snapshots = CodesReader(run).read()
    if len(snapshots) <= MOST_SNAPSHOTS:
        return len(snapshots)
    kept = [*snapshots[:-1:2], snapshots[-1]]
    keep_codes(run, kept)
    return len(kept)
