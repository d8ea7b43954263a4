"""The identity log p(x) = ELBO + KL of one digit as numbers that add up, and its gap split in two."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import streamlit as st

from pages.common.i18n import _
from pages.common.inference_view import Look, Subject, known_split, look, show_course, split, terms
from pages.common.sides import Side
from pages.common.theme import is_dark, palette
from vae_core.export import grid_png
from vae_core.figures_inference import close_up, ladder, play_controls, window
from vae_core.posterior_raster import levels, posterior_raster

PLAIN: Final[dict[str, Any]] = {"displayModeBar": False}
FINE: Final = 0.02
"""Nats within which the terms are said to add up."""


def signed(value: float, digits: int = 3) -> str:
    """Return a number with a true minus sign."""
    return f"{value:.{digits}f}".replace("-", "−")


def identity(side: Side, chosen: Subject) -> None:
    """Show log p(x), the ELBO and the KL, each computed on its own, as a sum."""
    if not side.model.is_variational:
        found = look(side, chosen)
        st.metric(_("log p(x), exact"), _nats(found.posterior.log_evidence.item()), help=_evidence_help())
        st.caption(
            _(
                "An autoencoder has a decoder, and under the prior N(0, I) an exact log p(x) and a true posterior. It "
                "has no q(z|x), and so no ELBO and no gap."
            )
        )
        return
    found_terms = terms(side, chosen)
    log_evidence, elbo, kl = (term.item() for term in (found_terms.log_evidence, found_terms.elbo, found_terms.kl))
    columns = st.columns(3)
    columns[0].metric(_("log p(x)"), signed(log_evidence), help=_evidence_help())
    columns[1].metric("= ELBO", signed(elbo), help=_("E_q[log p(x, z)] + H(q), at Gauss-Hermite nodes of q"))
    columns[2].metric("+ KL(q‖p)", signed(kl), help=_("log q(z|x) − log p(z|x), its mean over a lattice laid over q"))
    residual = found_terms.residual.item()
    sentence = _("In nats. Each is computed without the other two; the sum is off by {residual}.")
    st.caption(sentence.format(residual=signed(residual, 4)))


def _evidence_help() -> str:
    return _("The integral of p(x|z) p(z) over the whole latent space, by quadrature")


def _nats(value: float) -> str:
    return _("{value} nats").format(value=signed(value))


def gap_panel(side: Side, chosen: Subject) -> None:
    """Show the close-up with q refined, and the gap split in two."""
    if not side.model.is_variational:
        st.markdown(_("An autoencoder has no q(z|x), and so no gap to split."))
        return
    found = look(side, chosen)
    with st.spinner(_("Refining q for this digit…")):
        gaps = split(side, chosen)
    left, right = st.columns([6, 5], gap="large")
    with left:
        if found.raster is None:
            st.caption(_("A latent space of one dimension is no plane."))
        else:
            shown = window(found.raster, gaps)
            near = posterior_raster(found.posterior, within=shown, finer=2)
            figure = close_up(near, levels(found.raster), gaps, shown, palette(), _)
            figure = play_controls(figure, _("Play"), _("Pause"), _ink())
            st.plotly_chart(figure, key="close-up", config=PLAIN)
            if known_split(side, chosen) is None:
                st.button(
                    _("Show the course on the plane"),
                    key="show-course",
                    type="tertiary",
                    icon=":material/timeline:",
                    on_click=partial(show_course, side, chosen),
                    help=_("Lays the way of the refined q, and the best Gaussian, over the plane above"),
                )
    with right:
        st.plotly_chart(ladder(gaps, palette(), _), key="ladder", config=PLAIN)
        _table(gaps.elbo, gaps.best, gaps.best_full, gaps.log_evidence)
        st.caption(_explain(found, gaps.amortisation, gaps.approximation))


def _ink() -> str:
    return "#e4e7eb" if is_dark() else "#1c2127"


def _table(elbo: float, best: float, full: float, exact: float) -> None:
    rows = {
        _("The encoder's q"): elbo,
        _("The best Gaussian with upright axes"): best,
        _("The best Gaussian of any shape"): full,
        _("The posterior itself: log p(x)"): exact,
    }
    lines = [f"| | {_('ELBO, nats')} | {_('gained')} |", "|:--|--:|--:|"]
    before = None
    for name, value in rows.items():
        gained = "" if before is None else f"+{max(0.0, value - before):.3f}"
        lines.append(f"| {name} | {signed(value)} | {gained} |")
        before = value
    st.markdown("\n".join(lines))


def _explain(found: Look, amortisation: float, approximation: float) -> str:
    if len(found.modes.share) > 1 and found.modes.share[1] > 0.1:
        return _(
            "The posterior has {count} modes, and a Gaussian can sit on one of them only: the approximation gap cannot "
            "be closed by any encoder of this family."
        ).format(count=len(found.modes.share))
    if amortisation > 3 * approximation:
        return _(
            "Most of the gap is the encoder's: it serves all digits with one set of weights, and a few gradient steps "
            "for this digit alone find a much better Gaussian."
        )
    return _("The encoder is nearly as good as any Gaussian here; what is left is the posterior's shape.")


def pictures(side: Side, chosen: Subject, found: Look) -> None:
    """Show the digit as the model sees it beside what its modes decode to."""
    places = found.modes.z[:3]
    decoded = side.model.decode(places)[:, 0].mul(255).round().byte()
    images = [chosen.image, chosen.x[0, 0].mul(255).round().byte(), *decoded]
    titles = [
        _("The digit"),
        _("As the model sees it"),
        *(
            [_("Mode")]
            if len(places) == 1
            else [_("Mode {number}").format(number=number) for number in range(1, len(places) + 1)]
        ),
    ]
    with st.container(horizontal=True, gap="small", key="pictures"):
        for title, image in zip(titles, images, strict=True):
            st.image(grid_png(image[None], 1, 3), caption=title, width=84)
