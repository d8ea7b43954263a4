"""The texts that the app can show, read from its source, and what its catalogues make of them."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from babel.messages.catalog import Catalog

from pages.common import catalogues
from tests.modules import ROOT
from tests.sentences import templates
from vae_core.registry import list_models

MARKERS = {"_": 1, "N_": 1, "ngettext": 2, "say": 1}
"""What marks a text in the source, and how many texts it takes."""
VALUE = re.compile(r"\{\w*(?::[^{}]*)?\}")
FORMULA = re.compile(r"\$\$?[^$]+\$\$?")
WORDS = re.compile(r"(?<=\\text\{)[^}]*")
LINK = re.compile(r"\]\([^)]*\)")

Message = str | tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """One message of a catalogue: the file it stands in, the text, and its translations, one for each plural form."""

    part: str
    message: Message
    translations: tuple[str, ...]
    fuzzy: bool


def calls(tree: ast.AST) -> Iterator[tuple[ast.Call, int]]:
    """Yield the calls that mark texts, and how many texts each takes; also those inside of f-strings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MARKERS:
            yield node, MARKERS[node.func.id]


def frozen(source: str) -> Iterator[str]:
    """Yield the texts of a module that would be said in one language to everybody: at import, or in what is cached."""
    for node, kept in _walk(ast.parse(source), kept=True):
        if kept and isinstance(node, ast.Call) and ast.unparse(node.func) in ("_", "ngettext"):
            yield ast.unparse(node)


def _walk(node: ast.AST, kept: bool) -> Iterator[tuple[ast.AST, bool]]:
    yield node, kept
    if isinstance(node, ast.FunctionDef):
        kept = any("cache" in ast.unparse(each) for each in node.decorator_list)
    elif isinstance(node, ast.Lambda):
        kept = False
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, kept)


def texts(source: str) -> Iterator[Message]:
    """Yield the texts that are marked in a piece of source."""
    for call, number in calls(ast.parse(source)):
        found = [each.value for each in call.args[:number] if isinstance(each, ast.Constant)]
        if len(found) == number:
            yield tuple(map(str, found)) if number > 1 else str(found[0])


def sources() -> list[Path]:
    """Return the files whose texts are translated."""
    figures = sorted((ROOT / "vae_core").glob("figures*.py"))
    return [ROOT / "app.py", *sorted((ROOT / "pages").rglob("*.py")), *figures]


def shown() -> dict[Message, str]:
    """Return every text that the app can show, and a file it comes from."""
    found: dict[Message, str] = {card.description: f"{card.name}.json" for card in list_models()}
    found.update(templates().items())
    for path in sources():
        found |= dict.fromkeys(texts(path.read_text("utf-8")), path.name)
    return found


def entries(language: str) -> list[Entry]:
    """Return everything that a language's catalogue says, the reasons of vae_core among them."""
    paths = catalogues.parts(catalogues.CATALOGUES, language)
    return [entry for path in paths for entry in _entries(path.stem, catalogues.read_part(path))]


def _entries(part: str, catalogue: Catalog) -> Iterator[Entry]:
    for message in catalogue:
        if message.id:
            said = (message.string,) if isinstance(message.string, str) else tuple(message.string or ())
            text = tuple(message.id) if isinstance(message.id, (tuple, list)) else str(message.id)
            yield Entry(part, text, said, message.fuzzy)


def parts_of(text: str) -> dict[str, list[str]]:
    """Return what a translation has to take over as it is: values to be filled in, formulas, links."""
    formulas = [WORDS.sub("", formula) for formula in FORMULA.findall(text)]
    found = {"values": VALUE.findall(FORMULA.sub("", text)), "formulas": formulas}
    return {kind: sorted(each) for kind, each in {**found, "links": LINK.findall(text)}.items()}


def loose_stars(text: str) -> list[str]:
    """Return the pairs of stars that Markdown would show as they are: bold text begins and ends with a word.

    Where there is no space, as in Chinese, stars beside a full stop belong to neither side of it.
    """
    bold = re.finditer(r"(.?)\*\*(.+?)\*\*(.?)", text, re.DOTALL)
    return [
        inner
        for before, inner, after in (each.groups() for each in bold)
        if (before.isalnum() and not inner[0].isalnum()) or (after.isalnum() and not inner[-1].isalnum())
    ]


def plain(text: str) -> str:
    """Return a text without what every language writes alike."""
    for pattern in (FORMULA, VALUE, re.compile(r"`[^`]*`"), LINK):
        text = pattern.sub(" ", text)
    return text


def longest(message: Message) -> str:
    """Return the text of a message in which all its values stand."""
    return message if isinstance(message, str) else message[-1]


def repeated(messages: Iterable[Message]) -> list[Message]:
    """Return the messages that come more than once."""
    return [message for message, number in Counter(messages).items() if number > 1]
