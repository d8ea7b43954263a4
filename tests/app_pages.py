"""Pages run without a browser: opened at an address, and what they then say."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from tests.modules import ROOT


def open_page(name: str, address: dict[str, str]) -> AppTest:
    """Return the page ``pages/<name>.py`` opened at an address, run once and free of exceptions."""
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    if name != "explorer":
        at.switch_page(f"pages/{name}.py")
    for parameter, value in address.items():
        at.query_params[parameter] = value
    return fine(at.run())


def fine(at: AppTest) -> AppTest:
    """Return the page, which has raised nothing."""
    assert not at.exception
    return at


def said(at: AppTest, name: str) -> str | None:
    """Return what the address says of a parameter."""
    values = at.query_params.get(name)
    return values[-1] if isinstance(values, list) else values


def words(at: AppTest) -> str:
    """Return the text on the page outside of its controls."""
    return "\n".join(str(element.value) for element in (*at.markdown, *at.caption, *at.text, *at.error, *at.info))
