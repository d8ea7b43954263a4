"""Estimators of log p(x) side by side as their samples grow, against the exact value where there is one."""

from __future__ import annotations

import math
from typing import Final

import streamlit as st
import torch

from pages.common.i18n import _
from pages.common.inference_gaps import PLAIN, signed
from pages.common.inference_view import Subject, is_exact, look
from pages.common.sides import Side
from pages.common.theme import palette
from vae_core.estimators import MOST, REPEATS, Estimate, estimates
from vae_core.figures_estimators import estimator_chart, estimator_names

SHOWN_AT: Final = (1, 10, 100, 1000, MOST)


def estimator_panel(side: Side, chosen: Subject) -> None:
    """Show the estimates of one image, their spread and their effective sample sizes."""
    place = st.empty()
    with place.container():
        bar = st.progress(0.0, _("Drawing {count} samples…").format(count=f"{MOST * REPEATS:,}"))
        found = _estimates(side.key, chosen.key, side, chosen, bar)
    place.empty()
    exact = look(side, chosen).posterior.log_evidence.item() if is_exact(side) else None
    left, right = st.columns([8, 5], gap="large")
    with left:
        st.plotly_chart(estimator_chart(found, exact, palette(), _), key="estimators", config=PLAIN)
    with right:
        _table(found, exact)
        st.caption(_lesson(found, exact))


@st.cache_data(max_entries=64, show_spinner=False)
def _estimates(key: str, image: str, _side: Side, _chosen: Subject, _bar: object) -> list[Estimate]:
    report = getattr(_bar, "progress", lambda share: None)
    return estimates(_side.model, _chosen.x, torch.Generator().manual_seed(0), report=report)


def _table(found: list[Estimate], exact: float | None) -> None:
    names = estimator_names(_)
    lines = [f"| {_('samples')} | " + " | ".join(f"{size:,}" for size in SHOWN_AT) + " |"]
    lines.append("|:--|" + "--:|" * len(SHOWN_AT))
    for each in found:
        at = dict(zip(each.samples.tolist(), each.median.tolist(), strict=True))
        cells = [signed(at[size], 1) if size in at else "" for size in SHOWN_AT]
        lines.append(f"| {names[each.name]} | " + " | ".join(cells) + " |")
    if exact is not None:
        lines.append(f"| {_('exact log p(x)')} | " + " | ".join([signed(exact, 1)] * len(SHOWN_AT)) + " |")
    st.markdown("\n".join(lines))


def _lesson(found: list[Estimate], exact: float | None) -> str:
    """Say in numbers why one needs an encoder."""
    by_name = {each.name: each for each in found}
    words = _("Lines are medians, bands hold 80 % of the repeats: 200 of them, and {repeats} at the right end.").format(
        repeats=REPEATS
    )
    prior, own = by_name["prior"], by_name.get("importance")
    counted = prior.effective
    if counted is not None:
        sentence = _("Of {most} draws from the prior about {count} count: nearly all decode to other digits.")
        words += " " + sentence.format(most=f"{MOST:,}", count=_short(counted[-1].item()))
    if own is not None and own.effective is not None:
        sentence = _("Of as many from q about {count} do, because the encoder says where to look.")
        words += " " + sentence.format(count=_short(own.effective[-1].item()))
    if own is not None and exact is not None and exact - own.median[-1].item() > 0.5:
        words += " " + _(
            "Even so importance sampling stays below the exact value: q has missed a part of the posterior, and the "
            "effective sample size does not tell."
        )
    return words


def _short(count: float) -> str:
    return f"{count:.1f}" if count < 10 else f"{math.floor(count):,}"
