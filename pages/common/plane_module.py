"""The plane's JavaScript modules linked into the one module string that a component is registered with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Final

ASSETS: Final = Path(__file__).resolve().parent.parent.parent / "assets" / "plane"
ENTRY: Final = "main.js"

_IMPORT = re.compile(r'^import\s*\{[^}]*\}\s*from\s*"\./([\w.-]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)
_NAME = re.compile(r"^(?:export (?:default )?)?(?:async )?(?:const|let|var|class|function\*?)\s+([\w$]+)", re.MULTILINE)


def read_modules(folder: Path = ASSETS) -> dict[str, str]:
    """Return the source of every module by file name."""
    return {path.name: path.read_text("utf-8") for path in sorted(folder.glob("*.js"))}


def top_level_names(source: str) -> Iterator[str]:
    """Yield the names that a module declares at its top level; all modules share one scope once linked."""
    yield from _NAME.findall(source)


def link(modules: Mapping[str, str], entry: str = ENTRY, *, exports: bool = False) -> str:
    """Return one module: what the entry needs, in dependency order, without relative imports.

    Only the entry's default export stays, unless all ``exports`` are asked for (tests call them one by one).
    Imports have the form ``import { name } from "./file.js";`` and rename nothing.
    """
    graph: dict[str, set[str]] = {}
    wanted = [entry]
    while wanted:
        name = wanted.pop()
        if name not in graph:
            graph[name] = set(_IMPORT.findall(modules[name]))
            wanted.extend(graph[name])
    parts = []
    for name in TopologicalSorter({key: sorted(graph[key]) for key in sorted(graph)}).static_order():
        source = _IMPORT.sub("", modules[name])
        parts.append(source if exports else _EXPORT.sub("", source))
    return "\n".join(parts)
