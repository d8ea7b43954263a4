"""The repository keeps its word: what the documents, requirements and commands say is true of the code."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

import vae_core
from pages.common import beta_view, compare_view, explorer_view, learn_sections, train_view
from pages.common.parameters import LANGUAGE, Parameter
from tests.modules import ROOT

MADE = {
    ".git",
    ".venv",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".hypothesis",
    "__pycache__",
    "runs",
    ".zoo",
    "data",
}
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "assets").rglob("*.md")])
README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = sorted(set(re.findall(r"python -m vae_core ([a-z]+)", README)))
VIEWS = {
    "Explorer (`/`)": explorer_view.VIEW,
    "Compare (`/compare`)": compare_view.VIEW,
    "Beta (`/beta`)": beta_view.VIEW,
    "Train (`/train`)": train_view.VIEW,
    "Learn (`/learn`)": learn_sections.VIEW,
}
ASSETS_LIMIT = 40_000_000


def _files() -> Iterator[Path]:
    for path in sorted(ROOT.rglob("*")):
        if path.is_file() and not MADE & set(path.relative_to(ROOT).parts):
            yield path


def _pins(name: str) -> dict[str, str]:
    lines = [line.strip() for line in (ROOT / name).read_text("utf-8").splitlines()]
    wanted = [line for line in lines if line and not line.startswith(("#", "-r "))]
    return dict(line.split("==") for line in wanted)


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_dependency_is_pinned_to_the_version_under_test(name: str) -> None:
    for package, pinned in _pins(name).items():
        assert version(package).split("+")[0] == pinned, package


def test_the_readme_opens_with_the_two_commands_and_a_picture() -> None:
    opening = README.split("\n## ")[0]
    assert "make run" in opening
    assert "make test" in opening
    assert "docs/screenshots/explorer-light.png" in opening
    assert "pip install -r requirements.txt && streamlit run app.py" in opening


def test_every_make_target_that_a_document_names_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for document in DOCUMENTS:
        named = set(re.findall(r"(?:`|^)make ([a-z]+)", document.read_text("utf-8"), re.MULTILINE))
        assert named <= targets, document.name


def _helps(command: str) -> str:
    arguments = [sys.executable, "-m", "vae_core", *([command] if command else []), "--help"]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_in_the_readme_explains_itself(command: str) -> None:
    assert command in _helps(command)


def test_every_command_is_in_the_readme() -> None:
    assert sorted(re.findall(r"^    ([a-z]+)  +\S", _helps(""), re.MULTILINE)) == COMMANDS


@pytest.mark.parametrize("name", sorted(set(re.findall(r"vae_core\.([a-z_]+)\(", README))))
def test_every_function_in_the_readme_is_public(name: str) -> None:
    assert name in vae_core.__all__
    assert callable(getattr(vae_core, name))


@pytest.mark.parametrize(("heading", "view"), VIEWS.items())
def test_every_parameter_of_a_page_s_address_is_in_the_readme(heading: str, view: tuple[Parameter[Any], ...]) -> None:
    _before, section = README.split(f"\n### {heading}\n")
    listed = re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", section.split("\n### ")[0], re.MULTILINE)
    parameters = {parameter.name: parameter for parameter in (*view, LANGUAGE)}
    assert [name for name, _example in listed] == list(dict.fromkeys(name for name, _example in listed))
    assert {name for name, _example in listed} == set(parameters)
    for name, example in listed:
        assert parameters[name].read(example) != parameters[name].default or example == "vae"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_to_a_file_of_ours_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", document.read_text("utf-8")):
        assert "://" in target or (document.parent / target).exists(), target


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == vae_core.__version__
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_assets_stay_small_enough_to_clone() -> None:
    assets = ROOT / "assets"
    assert sum(path.stat().st_size for path in _files() if path.is_relative_to(assets)) < ASSETS_LIMIT


def test_no_file_names_the_machine_it_was_written_on() -> None:
    personal = re.compile(rb"(?<![\w.:/~-])/(?:home|Users|root|work|mnt|private)/[A-Za-z0-9_.-]+")
    for path in _files():
        assert not personal.search(path.read_bytes()), path.relative_to(ROOT)
