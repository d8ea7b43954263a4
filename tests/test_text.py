"""A person's own words inside Markdown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pages.common.text import LONGEST, quoted


@given(st.text())
def test_quoted_text_is_one_piece_of_code_that_nothing_can_end_early(text: str) -> None:
    markdown = quoted(text)
    assert markdown[0] == markdown[-1] == "`"
    assert "`" not in markdown[1:-1]
    assert markdown.isprintable()
    assert 3 <= len(markdown) <= LONGEST + 2


def test_short_plain_text_is_quoted_unchanged() -> None:
    assert quoted("<b>vae</b>") == "`<b>vae</b>`"
