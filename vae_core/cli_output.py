"""What the commands say: results on standard output, progress on standard error."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from tqdm import tqdm


class ProgressLine:
    """Progress on standard error: a bar on a terminal, elsewhere a plain line for every new ``label``."""

    def __init__(self, total: float, unit: str) -> None:
        layout = "{percentage:3.0f}% |{bar:24}| {desc} [{elapsed}<{remaining}]"
        live = sys.stderr.isatty()
        self._bar = tqdm(total=total, unit=unit, file=sys.stderr, bar_format=layout, leave=False) if live else None
        self._label = ""

    def show(self, done: float, label: str, detail: str = "") -> None:
        """Say that ``done`` of the total is done; a plain line appears where ``label`` is a new one."""
        text = f"{label}  {detail}".rstrip()
        if self._bar is not None:
            self._bar.set_description_str(text, refresh=False)
            self._bar.n = done
            self._bar.refresh()
        elif label != self._label:
            print(text, file=sys.stderr, flush=True)
        self._label = label

    def close(self) -> None:
        """Take the bar away; the command's result follows."""
        if self._bar is not None:
            self._bar.close()


def say(text: str) -> None:
    """Write one line of progress to standard error."""
    print(text, file=sys.stderr, flush=True)


def _plain(value: Any) -> Any:
    """Return JSON values: what is not a finite number becomes null, which JSON has and NaN it has not."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def print_json(values: Mapping[str, Any]) -> None:
    """Print one JSON object on standard output."""
    print(json.dumps(_plain(values), indent=1, ensure_ascii=False))


def number(value: Any, digits: int = 2) -> str:
    """Return a value for a table: a dash for None, thousands apart, so many digits after the point of a float."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.{digits}f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table: the first column to the left, numbers to the right under their heads."""
    cells = [list(columns), *([number(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(columns))]
    for row in cells:
        aligned = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        print("  ".join([row[0].ljust(widths[0]), *aligned]).rstrip())


def print_pairs(pairs: Mapping[str, str]) -> None:
    """Print names and values under one another."""
    width = max(map(len, pairs), default=0)
    for name, value in pairs.items():
        print(f"{name.ljust(width)}  {value}")
