"""The measures of two models side by side: in words which is better, and what each of them means."""

from __future__ import annotations

from typing import Final

import streamlit as st

from pages.common.card import MINUS
from pages.common.i18n import _
from vae_core.comparison import Row, compare_figures, same_data, same_nats
from vae_core.registry import Card

DASH: Final = "–"


def measures(first: Card, second: Card) -> None:
    """Show every measure of both models, and say which of them cannot be compared."""
    if not same_data(first, second):
        st.info(_("These models were trained on different images, so none of their figures is called better."))
    elif not same_nats(first, second):
        st.info(
            _(
                "Nats of binarised digits, of grey digits and of densities are not of one kind: those rows stand side "
                "by side, and neither figure is called better."
            )
        )
    if first.latent_dim != second.latent_dim:
        st.info(_("Their latent spaces differ in size: what is measured of images compares, the rest less so."))
    head = [_("Measure"), first.name, second.name, _("Better"), _("What it says")]
    lines = [head, ["---", "---:", "---:", "---", "---"]]
    lines += [_cells(row, first, second) for row in compare_figures(first, second)]
    with st.container(key="measures"):
        st.markdown("\n".join(f"| {' | '.join(line)} |" for line in lines))
    st.caption(
        _(
            "On MNIST's test images; measured once, when the model was made. An autoencoder has no prior of its own: "
            "it is measured under N(0, I), and again under the Gaussian fitted to its codes. It has no rate, no ELBO. "
            "Behind ± stands one standard error."
        )
    )


def _cells(row: Row, first: Card, second: Card) -> list[str]:
    title = _titles()[row.measure.key]
    sides = (("first", row.first, row.first_error), ("second", row.second, row.second_error))
    values = [_value(row, value, error, row.verdict == side) for side, value, error in sides]
    better = {"first": f":green[**{first.name}**]", "second": f":green[**{second.name}**]", "same": _("the same")}
    unit = {"nats": _("nats"), "pixels/z": _("pixels per unit of z"), "features²": _("features²")}.get(row.measure.unit)
    name = _("{name}, {unit}").format(name=title, unit=unit) if unit else title
    if row.fitted:
        return [
            _("{name}; AE under its fitted Gaussian").format(name=title),
            *values,
            better.get(row.verdict, DASH),
            "",
        ]
    return [name, *values, better.get(row.verdict, DASH), _meanings()[row.measure.key]]


def _value(row: Row, value: float | None, error: float | None, better: bool) -> str:
    if value is None:
        return DASH
    if row.measure.unit == "share":
        text = _with_error(100 * value, None if error is None else 100 * error, 2 if value < 0.01 else 1)
        text += "\N{NO-BREAK SPACE}%"
    else:
        text = f"{value:g}" if row.measure.unit == "count" else _with_error(value, error, 1)
    return f":green[**{text}**]" if better else text


def _with_error(value: float, error: float | None, digits: int) -> str:
    if error is not None and 0 < error < 0.05:
        digits = 2
    text = f"{value:.{digits}f}".replace("-", MINUS)
    return text if error is None else f"{text} ±\N{NO-BREAK SPACE}{error:.{digits}f}"


def _titles() -> dict[str, str]:
    return {
        "continuity": _("Steepness"),
        "continuity_p99": _("Steepness, 99th percentile"),
        "completeness": _("Completeness"),
        "precision": _("Precision"),
        "recall": _("Recall"),
        "frechet": _("Fréchet distance"),
        "holes": _("Holes"),
        "rate": _("Rate"),
        "distortion": _("Distortion"),
        "elbo": _("ELBO"),
        "log_evidence": _("log p(x), exact"),
        "active_units": _("Active units"),
        "mutual_information": _("Mutual information"),
    }


def _meanings() -> dict[str, str]:
    return {
        "continuity": _("How fast the image changes with z. Lower: near codes give like images; paths run smoothly."),
        "continuity_p99": _("The same where it is steepest. Lower: no cliffs where one digit jumps to another."),
        "completeness": _("Share of samples recognised as a digit. Higher: a random z gives something that is one."),
        "precision": _("Share of samples that lie among real digits. Higher: samples look real."),
        "recall": _(
            "Share of real digits that lie among samples. Near 0: decoded means are blurrier than real digits."
        ),
        "frechet": _("How far samples are from real digits as a whole. Lower: alike in look and in variety."),
        "holes": _("Share of the prior where hardly any code is. Lower: few samples are of what was never learned."),
        "rate": _("What a code tells of its image: KL(q(z|x) ‖ p(z)). It is the price of a detailed code.").replace(
            "|", "\\|"
        ),
        "distortion": _("What reconstruction loses: −log p(x|z). Lower: images come back as they were.").replace(
            "|", "\\|"
        ),
        "elbo": _("A lower bound of log p(x): −(distortion + rate). Higher: a better model of the data."),
        "log_evidence": _("How likely the model finds new digits. Higher: it has learned how digits are distributed."),
        "active_units": _("Latent dimensions that depend on the image. Fewer than there are: some have collapsed."),
        "mutual_information": _("What codes tell about which image they are of. It cannot exceed log of their number."),
    }
