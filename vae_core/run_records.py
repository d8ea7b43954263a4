"""What a run records as it goes: the metrics log, the control events, and the codes of its probe digits."""

from __future__ import annotations

import json
import math
import os
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vae_core import run_files
from vae_core.config import check_setting
from vae_core.errors import LatentExplorerError
from vae_core.files import write_atomically

METRICS_NAME = run_files.METRICS_NAME
EVENTS_NAME = run_files.EVENTS_NAME
CODES_NAME = run_files.CODES_NAME
MOST_SNAPSHOTS = 900
"""Beyond this every other snapshot but the newest goes."""

_HEAD = struct.Struct("<4sQII")
_MAGIC = b"LXC1"
"""A snapshot: 20 bytes with magic, step, number of codes and CRC-32 of the payload, little-endian; then the payload."""


_LARGEST_CODE = 65504.0
"""Of float16."""
_LARGEST_STEP = 2**53
_FIGURES = frozenset(
    {"beta", "learning_rate", "reconstruction", "kl", "seconds", "samples_per_second", "test_reconstruction", "test_kl"}
)
"""What is a finite number in every line of metrics that has it."""
_TAIL = 64


def _line(values: Mapping[str, Any]) -> bytes:
    finite = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in values.items()
    }
    return json.dumps(finite, allow_nan=False).encode() + b"\n"


def append_line(path: Path, values: Mapping[str, Any]) -> None:
    """Append one JSON object as a line; a number that is not finite, which JSON has not, becomes null."""
    with path.open("ab") as log:
        log.write(_line(values))


class _Growing:
    """A file that grows, read on from where the last reading ended."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.replaced = False
        """Whether the file was replaced since something was taken from it; the reading then began again."""
        self._is_taken = True
        self._restart(0)

    def _restart(self, inode: int) -> None:
        self._file, self._offset, self._end = inode, 0, b""

    def fresh(self) -> bytes:
        """Return what follows what has been taken, or everything where the file is another one by now.

        Raises LatentExplorerError where the file is there and cannot be read.
        """
        self.replaced = self.replaced and not self._is_taken
        self._is_taken = False
        try:
            with self.path.open("rb") as file:
                inode = os.fstat(file.fileno()).st_ino
                file.seek(self._offset - len(self._end))
                content = file.read()
                # The number of a deleted file is given away again, so what was taken last has to be there still.
                if inode == self._file and content.startswith(self._end):
                    return content[len(self._end) :]
                self.replaced = self._file != 0
                self._restart(inode)
                file.seek(0)
                return file.read()
        except (FileNotFoundError, NotADirectoryError):
            return b""
        except OSError as error:
            raise LatentExplorerError(f"{self.path} cannot be read: {error.strerror or error}") from error

    def take(self, content: bytes) -> None:
        """Go on after ``content``, the beginning of what was fresh."""
        self._offset += len(content)
        self._is_taken = True
        self._end = (self._end + content)[-_TAIL:]


class LineReader:
    """Reads a log of JSON lines as it grows, each line once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = _Growing(path)
        self._number = 0

    @property
    def replaced(self) -> bool:
        """Whether the file was replaced before the last reading, which then began again."""
        return self._file.replaced

    def read(self) -> list[dict[str, Any]]:
        """Return the complete lines since the last call; all of them again where the file was replaced meanwhile.

        A line still being written is left for the next call. Raises LatentExplorerError, naming the file and the
        line, where a complete line is damaged; so does the next call, until the file is put right.
        """
        complete, newline, _ = self._file.fresh().rpartition(b"\n")
        if self._file.replaced:
            self._number = 0
        lines = [self._parse(line, number) for number, line in enumerate(complete.split(b"\n"), 1) if newline]
        self._file.take(complete + newline)
        self._number += len(lines)
        return lines

    def _parse(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            values = json.loads(line)
            _check_line(values, self.path.name)
        except (ValueError, TypeError, KeyError, RecursionError, LatentExplorerError) as error:
            raise LatentExplorerError(
                f"line {self._number + number} of {self.path} is damaged: take it out of the file"
            ) from error
        return {**values}


def _check_line(values: Any, log: str) -> None:
    """Raise ValueError, TypeError, KeyError or ConfigError unless a line of a run's log is what its readers expect."""
    step = values["step"]
    if type(step) is not int or not 0 <= step <= _LARGEST_STEP:
        raise ValueError("no number of a step")
    if log == EVENTS_NAME:
        for name in ("beta", "learning_rate"):
            if values[name] is not None:
                check_setting(name, values[name])
        return
    for name in _FIGURES & set(values):
        if isinstance(values[name], bool) or not math.isfinite(values[name]):
            raise ValueError(f"{name} is no number")


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
    write_atomically(path, b"".join(map(_line, lines)), makes_folder=False)


def _record(step: int, codes: Tensor) -> bytes:
    payload = codes.clamp(-_LARGEST_CODE, _LARGEST_CODE).half().contiguous().numpy().tobytes()
    return _HEAD.pack(_MAGIC, step, len(codes), zlib.crc32(payload)) + payload


def append_codes(run: Path, step: int, codes: Tensor) -> None:
    """Append the codes (N, 2) of the probe digits after ``step``, in float16."""
    with (run / CODES_NAME).open("ab") as file:
        file.write(_record(step, codes))


class CodesReader:
    """Reads the snapshots of a run as they come, each once."""

    def __init__(self, run: Path) -> None:
        self.path = run / CODES_NAME
        self._file = _Growing(self.path)
        self._last: tuple[int, int] | None = None

    @property
    def replaced(self) -> bool:
        """Whether the file was replaced before the last reading, which then began again."""
        return self._file.replaced

    def read(self) -> list[tuple[int, Tensor]]:
        """Return step and codes (N, 2) of the complete snapshots since the last call.

        ``replaced`` says afterwards whether the file was replaced meanwhile, and these are all of them again. What
        is half written, or damaged at the end by a crash, is left out.
        """
        content = self._file.fresh()
        if self._file.replaced:
            self._last = None
        snapshots, length = parse_codes(content, self._last)
        self._file.take(content[:length])
        if snapshots:
            self._last = snapshots[-1][0], len(snapshots[-1][1])
        return snapshots


def parse_codes(content: bytes, last: tuple[int, int] | None = None) -> tuple[list[tuple[int, Tensor]], int]:
    """Return the whole snapshots at the beginning of ``content``, and how many bytes they take.

    Steps ascend and all snapshots have as many codes; ``last`` is step and number of the one before ``content``.
    """
    snapshots, at = [], 0
    while len(content) - at >= _HEAD.size:
        magic, step, count, checksum = _HEAD.unpack_from(content, at)
        follows = count > 0 if last is None else step > last[0] and count == last[1]
        payload = content[at + _HEAD.size : at + _HEAD.size + 4 * count]
        if magic != _MAGIC or not follows or step > _LARGEST_STEP:
            break
        if len(payload) < 4 * count or zlib.crc32(payload) != checksum:
            break
        codes = torch.frombuffer(bytearray(payload), dtype=torch.float16).reshape(count, 2).float()
        snapshots.append((step, codes))
        last = step, count
        at += _HEAD.size + len(payload)
    return snapshots, at


def is_unfinished(rest: bytes, count: int | None) -> bool:
    """Return whether what follows the whole snapshots can be one that was cut short, with ``count`` codes if known."""
    if len(rest) < _HEAD.size:
        return True
    magic, _, stated, _ = _HEAD.unpack_from(rest)
    return magic == _MAGIC and stated > 0 and count in (None, stated) and len(rest) < _HEAD.size + 4 * stated


def keep_codes(run: Path, snapshots: Sequence[tuple[int, Tensor]]) -> None:
    """Replace the snapshots of a run by these, atomically."""
    content = b"".join(_record(step, codes) for step, codes in snapshots)
    write_atomically(run / CODES_NAME, content, makes_folder=False)


def thin_codes(run: Path) -> int:
    """Drop every other snapshot where there are too many, never the first or the newest; return how many are left."""
    snapshots = CodesReader(run).read()
    if len(snapshots) <= MOST_SNAPSHOTS:
        return len(snapshots)
    kept = [*snapshots[:-1:2], snapshots[-1]]
    keep_codes(run, kept)
    return len(kept)
