"""Test digits by their gap: which are easy, and which have two posteriors."""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import streamlit as st

from pages.common import state
from pages.common.i18n import _
from pages.common.image_sets import Shown
from pages.common.inference_view import DIGIT, ORDER, ORDERS, SOURCE, inputs, survey
from pages.common.parameters import PINS, Z
from pages.common.sides import Side
from vae_core.export import png
from vae_core.gap_table import Row, gap_rows

AT_ONCE: Final = 100
MOST: Final = 1000
TABLE: Final = "inference.digits"
_KEYS: Final[dict[str, Callable[[Row], float]]] = {
    "gap": lambda row: -row.gap,
    "amortisation": lambda row: -row.amortisation,
    "approximation": lambda row: -row.approximation,
    "modes": lambda row: -row.second,
    "number": lambda row: row.number,
}


def digits_panel(side: Side, shown: Shown) -> None:
    """Show the digits that were looked at, sorted; choosing a row chooses the digit."""
    if not side.model.is_variational:
        st.markdown(_("An autoencoder has no q(z|x), and so no gap to sort digits by."))
        return
    found = _known(side.key)
    with st.container(horizontal=True, vertical_alignment="center", key="inline-digits"):
        st.selectbox(
            _("Sorted by"),
            ORDERS,
            key=ORDER.key,
            width=320,
            format_func=_order_title,
            help=_("What the digits are sorted by, the largest first"),
        )
        _offer(side, shown, found)
    if not found:
        st.markdown(_("Nothing has been looked at yet: it takes a second or less for each digit."))
        return
    _show(side, shown, sorted(found, key=_KEYS[state.get(ORDER)]))


@st.cache_resource(max_entries=16, show_spinner=False)
def _known(key: str) -> list[Row]:
    """Return the digits of a model that were looked at so far: one list for all sessions, which grows."""
    return []


def _offer(side: Side, shown: Shown, found: list[Row]) -> None:
    done = len(found)
    if done >= MOST:
        return
    words = _("Look at {count} digits") if not done else _("Look at {count} more")
    if st.button(words.format(count=AT_ONCE), key="look-at-digits", help=_("Their exact evidence, gaps and modes")):
        bar = st.progress(0.0)
        x = inputs(side, shown)
        wanted = range(done, min(done + AT_ONCE, MOST))
        for rows in gap_rows(side.model, x, wanted, survey(side, x[:1])):
            # Another session may have come first.
            known = {row.number for row in found}
            found.extend(row for row in rows if row.number not in known)
            bar.progress((rows[-1].number + 1 - wanted.start) / len(wanted))
        st.rerun(scope="fragment")


def _show(side: Side, shown: Shown, rows: list[Row]) -> None:
    table: dict[str, list[Any]] = {
        "image": [_url(shown, row.number) for row in rows],
        "number": [row.number for row in rows],
        "log_evidence": [row.log_evidence for row in rows],
        "elbo": [row.elbo for row in rows],
        "gap": [row.gap for row in rows],
        "amortisation": [row.amortisation for row in rows],
        "approximation": [row.approximation for row in rows],
        "modes": [row.modes for row in rows],
        "second": [100 * row.second for row in rows],
    }
    number = st.column_config.NumberColumn
    config: dict[str, Any] = {
        "image": st.column_config.ImageColumn(_("Digit")),
        "number": number(_("Number"), format="%d"),
        "log_evidence": number("log p(x)", format="%.2f"),
        "elbo": number("ELBO", format="%.2f"),
        "gap": number(_("Gap"), format="%.2f"),
        "amortisation": number(_("Amortisation"), format="%.2f"),
        "approximation": number(_("Approximation"), format="%.3f"),
        "modes": number(_("Modes"), format="%d"),
        "second": number(_("Second mode, %"), format="%.0f"),
    }
    st.dataframe(
        table,
        column_config=config,
        row_height=48,
        height=520,
        hide_index=True,
        key=TABLE,
        selection_mode="single-row",
        on_select=partial(_choose, [row.number for row in rows]),
    )
    st.caption(_summary(rows))


def _choose(numbers: list[int]) -> None:
    chosen = st.session_state[TABLE]["selection"]["rows"]
    if chosen and chosen[0] < len(numbers):
        state.put(DIGIT, numbers[chosen[0]])
        state.put(SOURCE, "test")
        state.put(PINS, ())
        state.put(Z, None)


def _summary(rows: list[Row]) -> str:
    total = sum(row.gap for row in rows)
    two = sum(row.second > 0.1 for row in rows)
    sentence = _(
        "{count} digits, gap {gap} nats on average, of which {share} is amortisation. {two} have two posteriors: a "
        "second mode with more than 10 % of the mass. Select a row to look at that digit."
    )
    share = sum(row.amortisation for row in rows) / total if total > 0 else 0.0
    return sentence.format(count=len(rows), gap=f"{total / len(rows):.2f}", share=f"{100 * share:.0f} %", two=two)


def _order_title(order: str) -> str:
    return {
        "gap": _("Gap: log p(x) − ELBO"),
        "amortisation": _("Amortisation gap"),
        "approximation": _("Approximation gap"),
        "modes": _("Share of the second mode"),
        "number": _("Number in the test set"),
    }[order]


def _url(shown: Shown, number: int) -> str:
    return "data:image/png;base64," + base64.b64encode(png(shown.images.images[number], 2)).decode()
