"""Imports point downwards only: app, pages, pages/common, vae_core."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.modules import ROOT, imported, sources

MODULES = sources()
INTERFACE = ("streamlit",)


def _layer(module: str) -> int:
    if module == "app":
        return 3
    if module.startswith("pages.common"):
        return 1
    return 2 if module.startswith("pages") else 0


def _own(path: Path) -> set[str]:
    """The project's own modules that a file imports."""
    return imported(path) & set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_nothing_from_above_it(module: str) -> None:
    above = {other for other in _own(MODULES[module]) if _layer(other) > _layer(module)}
    assert not above


@pytest.mark.parametrize("module", [name for name in MODULES if _layer(name) == 2 and name != "pages"])
def test_a_page_does_not_import_another_page(module: str) -> None:
    pages = {other for other in _own(MODULES[module]) if _layer(other) == 2} - {"pages", module}
    assert not pages


def test_no_module_imports_itself_by_a_detour() -> None:
    # A package's own __init__ names its modules only to pass them on.
    graph = {name: _own(path) - {"vae_core"} for name, path in MODULES.items() if name != "vae_core"}
    assert list(TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle


@pytest.mark.parametrize("module", [name for name in MODULES if _layer(name) == 0])
def test_the_library_does_not_know_the_screen(module: str) -> None:
    assert not {name for name in imported(MODULES[module]) if name.split(".")[0] in INTERFACE}


def test_the_library_loads_without_the_screen() -> None:
    library = [name for name in MODULES if _layer(name) == 0 and not name.endswith("__main__")]
    check = f"import sys, {', '.join(library)}; sys.exit('streamlit' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], cwd=ROOT, check=False).returncode == 0


def test_the_app_is_only_a_router() -> None:
    tree = ast.parse((ROOT / "app.py").read_text("utf-8"))
    kinds = {type(node) for node in tree.body}
    assert kinds <= {ast.Expr, ast.Import, ast.ImportFrom, ast.Assign}
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert used <= {"Page", "navigation", "run"}


def test_the_router_names_every_page() -> None:
    router = (ROOT / "app.py").read_text("utf-8")
    for path in (ROOT / "pages").glob("*.py"):
        assert path.stem == "__init__" or f'"pages/{path.name}"' in router
