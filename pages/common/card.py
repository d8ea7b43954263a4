"""A model's card: what it is, how it was trained, what it reaches, and the command that makes it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import streamlit as st

from pages.common.i18n import _
from pages.common.setting_names import schedule_title
from vae_core.models import PIXELS
from vae_core.registry import Card

Rows = Sequence[tuple[str, str]]
MINUS: Final = "−"


def model_card(card: Card) -> None:
    """Show all that is known about a model; of a run that is how it was made."""
    if card.command:
        st.markdown(_(card.description))
    columns = st.columns(3, gap="large")
    for column, title, rows in zip(
        columns,
        (_("**The model**"), _("**Its training**"), _("**On the test set**")),
        (_architecture(card), _training(card), _figures(card)),
        strict=True,
    ):
        column.markdown(title)
        column.table(dict(rows), border="horizontal")
    if not card.command:
        st.markdown(_("To measure it, and to see how it was trained:"))
        st.code(f"python -m vae_core evaluate runs/{card.name}\npython -m vae_core runs show runs/{card.name}", "bash")
        return
    st.markdown(_("To make it again:"))
    st.code(card.command, language="bash")


def _architecture(card: Card) -> Rows:
    model = card.model
    heads = 2 if model.likelihood == "gaussian-learned" else 1
    moments = 2 if model.kind == "vae" else 1
    decoded = f"{heads} × {PIXELS}" if heads > 1 else str(PIXELS)
    coded = f"{moments} × {model.latent_dim}" if moments > 1 else str(model.latent_dim)
    return [
        (_("Kind"), _("variational autoencoder") if model.kind == "vae" else _("autoencoder")),
        (_("Encoder"), _widths(PIXELS, *model.encoder_widths, coded)),
        (_("Decoder"), _widths(model.latent_dim, *model.decoder_widths, decoded)),
        (_("Activation"), {"silu": "SiLU", "relu": "ReLU", "gelu": "GELU", "elu": "ELU"}.get(model.activation, "tanh")),
        (_("Likelihood"), _likelihood(model.likelihood, model.variance)),
        (_("File"), _file(card)),
    ]


def _file(card: Card) -> str:
    # A run's is its checkpoint, with all that training goes on from.
    text = _("{size} MB, float16") if card.command else _("{size} MB")
    return text.format(size=f"{card.size / 1e6:.1f}")


def _widths(*widths: int | str) -> str:
    return " – ".join(map(str, widths))


def _likelihood(name: str, variance: float) -> str:
    return {
        "bernoulli": _("Bernoulli, on pixels drawn black or white"),
        "bernoulli-grey": _("Bernoulli, on grey pixels (cross-entropy)"),
        "continuous-bernoulli": _("continuous Bernoulli"),
        "gaussian": _("Gaussian of variance {variance}").format(variance=f"{variance:g}"),
        "gaussian-learned": _("Gaussian, mean and deviation learned for each pixel"),
    }[name]


def _training(card: Card) -> Rows:
    train = card.config.train
    rows = [
        (_("Data"), train.data),
        (_("Epochs"), _("{epochs} of batches of {size}").format(epochs=train.epochs, size=train.batch_size)),
        (_("Learning rate"), _rate(train.learning_rate, train.learning_rate_schedule)),
        (_("Weight decay"), f"{train.weight_decay:g}"),
    ]
    if card.model.beta_range:
        low, high = card.model.beta_range
        rows.append(("β", _("{low} to {high}, shown here at 1").format(low=f"{low:g}", high=f"{high:g}")))
    elif card.beta is not None:
        rows.append(("β", _beta(train.beta, train.beta_schedule, train.beta_warmup)))
    return [
        *rows,
        (_("Precision"), {"fp32": "float32", "bf16": "bfloat16"}[train.precision]),
        *([(_("Time"), _duration(card.seconds))] if card.seconds else []),
    ]


def _rate(rate: float, schedule: str) -> str:
    return _("{rate}, {schedule}").format(rate=f"{rate:g}", schedule=schedule_title(schedule))


def _beta(beta: float, schedule: str, warmup: float) -> str:
    if schedule == "linear" and warmup:
        return _("{beta}, reached in {epochs} epochs").format(beta=f"{beta:g}", epochs=f"{warmup:g}")
    return f"{beta:g}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return _("{seconds} s").format(seconds=round(seconds))
    return _("{minutes} min").format(minutes=round(seconds / 60))


def _figures(card: Card) -> Rows:
    figures = card.figures
    if not figures:
        return [(_("Unit"), _("not measured yet"))]
    names = {
        "log_evidence": _("log p(x), exact"),
        "elbo": _("ELBO"),
        "reconstruction": _("Reconstruction"),
        "kl": _("KL divergence"),
        "iwae": _("Importance-weighted bound"),
    }
    unit = _("nats per binarised image") if figures.get("pixels") == "binary" else _("nats per grey image")
    rows = [(title, _measured(figures, name)) for name, title in names.items() if figures.get(name) is not None]
    if figures.get("squared_error") is not None:
        rows.append((_("Squared error a pixel"), f"{figures['squared_error']:.4f}"))
    if figures.get("active_units") is not None:
        rows.append((_("Active units"), f"{figures['active_units']:g}"))
    return [(_("Unit"), unit), *rows, (_("Images"), f"{figures.get('images', 0):,}")]


def _measured(figures: Mapping[str, Any], name: str) -> str:
    value = f"{figures[name]:.2f}".replace("-", MINUS)
    error = figures.get(f"{name}_error")
    return value if error is None else f"{value} ± {error:.2f}"
