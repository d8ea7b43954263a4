"""What a page shows, in words: every text that Streamlit would send to a browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from streamlit.testing.v1 import AppTest

UNSEEN = {
    "id", "key", "user_key", "form_id", "block_id", "url", "icon", "image_url", "element_type", "language",
    "body_class", "component_name", "css_content", "js_content", "html_content", "fragment_id", "page_script_hash",
    "href", "format", "file_urls", "color", "command", "page", "type", "config", "download_url", "query_string",
    "chart_id", "columns",
}  # fmt: skip
"""Fields that a browser does not show as text."""
NOT_TEXT = {"html", "code", "imgs"}
"""Elements that say nothing in a language: styles, commands, pictures."""


def texts(at: AppTest) -> list[str]:
    """Return every text on a page, labels and help among them."""
    return [text for node in _nodes(at.main) if node.type not in NOT_TEXT for text in _texts(node.proto)]


def _nodes(node: Any) -> Iterator[Any]:
    if getattr(node, "proto", None) is not None:
        yield node
    for child in getattr(node, "children", {}).values():
        yield from _nodes(child)


def _texts(message: Any) -> Iterator[str]:
    for field, value in message.ListFields():
        if field.name in UNSEEN:
            continue
        for each in value if field.is_repeated else [value]:
            if hasattr(each, "ListFields"):
                yield from _texts(each)
            elif isinstance(each, str):
                yield each
