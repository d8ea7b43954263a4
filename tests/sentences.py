"""The sentences in which vae_core says what went wrong, as templates: values are numbers in braces."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from tests.modules import ROOT

ELSEWHERE = re.compile(r"cli|bench|zoo$|run_tensorboard$|recogniser_training$")
"""Modules that say something on a terminal only."""
SAID = {"_require": 1}
"""Functions that raise what they are handed, and where in their arguments it is."""
RETURNED = ("_remedy", "_not_its_own", "_sentence", "_card_or_problem", "_told")
"""Functions that return sentences or parts of them."""
CONSTANTS = ("GONE", "_REMEDY", "_SHAPE", "_NO_DIGIT", "_KINDS")
"""Sentences or parts of them that have a name."""
ERRORS = "Error"
NOT_SHOWN = {"ValueError", "TypeError", "RuntimeError", "AttributeError", "KeyError"}
"""Errors of programmers."""


def templates() -> dict[str, str]:
    """Return every template, and the module it is in."""
    paths = [path for path in sorted((ROOT / "vae_core").glob("*.py")) if not ELSEWHERE.match(path.stem)]
    return {template: path.stem for path in paths for template in _templates(path)}


def _templates(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        yield from filter(None, map(template_of, _said(node)))


def _said(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
        name = ast.unparse(node.exc.func)
        if name.endswith(ERRORS) and name not in NOT_SHOWN:
            yield from node.exc.args[:1]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SAID:
        yield node.args[SAID[node.func.id]]
    elif isinstance(node, ast.FunctionDef) and node.name in RETURNED:
        yield from (each.value for each in ast.walk(node) if isinstance(each, ast.Return) and each.value)
    elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in CONSTANTS:
        yield node.value


def template_of(text: ast.expr) -> str | None:
    """Return a literal or f-string as a template; None where an expression is neither."""
    if isinstance(text, ast.Constant):
        return text.value if isinstance(text.value, str) else None
    if not isinstance(text, ast.JoinedStr):
        return None
    values = itertools.count()
    return "".join(str(part.value) if isinstance(part, ast.Constant) else f"{{{next(values)}}}" for part in text.values)
