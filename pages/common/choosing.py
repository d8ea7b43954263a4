"""A row of buttons that chooses one of a few things: a part of the page, a link, a source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.common.parameters import Parameter


def choose(parameter: Parameter[Any], titles: Mapping[str, str], name: str, about: str, required: bool = True) -> None:
    """Draw a button for each choice, by its title; ``name`` is what they are called where they are not seen.

    Where none is ``required``, another click on the chosen one leaves it.
    """
    st.segmented_control(
        name,
        tuple(titles),
        key=parameter.key,
        required=required,
        format_func=titles.__getitem__,
        label_visibility="collapsed",
        help=about,
    )
