"""Sections of the learn page: the VAE's loss, term by term, its balance, and the gradient through a draw."""

from __future__ import annotations

import math
from functools import cache
from typing import Final

import streamlit as st
import torch
from torch import Tensor

from pages.common.i18n import _
from pages.common.learn_models import choose_digit, code, example, real
from pages.common.learn_parts import chart, faded, formula, line, mark, number, readings, row, second, see, show
from pages.common.theme import palette
from vae_core.divergence import Gauss
from vae_core.gradient_estimators import Estimates, estimate
from vae_core.objectives import kl_divergence, kl_per_dimension, reparameterise

SCALES: Final = torch.logspace(-1, 1.2, 23)
BETAS: Final = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0)
NOISES: Final = 128
AVERAGED: Final = (1, 4, 16, 64)
POOL: Final = 6400
MOST_ESTIMATES: Final = 2000
SQUARE_AT: Final = 1.5


def loss() -> None:
    """Show the KL of one latent dimension as the sum of what its mean and its width cost."""
    _explain_loss()
    with row("controls"):
        mu = st.slider("μ", -3.0, 3.0, 1.5, 0.05, key="learn.mu", help=_("The mean of q"), width=260)
        sigma = st.slider("σ", 0.05, 3.0, 0.4, 0.05, key="learn.sigma", help=_("The width of q"), width=260)
    left, right = st.columns(2, gap="medium")
    with left:
        _costs(mu, sigma)
    with right:
        _against_prior(Gauss(mu, sigma))
    parts = _kl_parts(mu, sigma)
    readings(
        {
            "½ μ²": number(parts[0]),
            "½ (σ² − log σ² − 1)": number(parts[1]),
            "KL(q ‖ p)": number(parts[2]),
        }
    )
    see("train", _("Every number of one real training step"), panel="microscope")


def _explain_loss() -> None:
    st.markdown(
        _(
            r"The loss of a VAE has two terms. **Reconstruction**: decode a draw from $q(z|x)$ and charge $-\log "
            "p(x|z)$, how badly that explains the image. **Regularisation**: charge the divergence of $q(z|x)$ from "
            "the prior, so that codes stay where draws will come from. For Gaussians the second has a closed form, one "
            "summand for each latent dimension."
        )
    )
    formula(
        r"\mathcal{L} = -\mathbb{E}_{q}[\log p(x|z)] + D_{\mathrm{KL}}(q(z|x)\,\|\,p(z))",
        r"D_{\mathrm{KL}} = \tfrac12 \sum_i \big(\mu_i^2 + \sigma_i^2 - \log \sigma_i^2 - 1\big)",
    )
    st.markdown(
        _(
            r"The mean pays $\mu^2$: it is pulled to the middle, so that codes do not drift apart. The width pays "
            r"$\sigma^2 - \log \sigma^2 - 1$: much for being wide, since that makes a muddle, and without limit for "
            r"being narrow, since a point is a function again. The $-1$ only makes it zero at $\sigma = 1$."
        )
    )


def _kl_parts(mu: float, sigma: float) -> list[float]:
    """What the mean costs alone, what the width costs alone, and both together, in nats."""
    means = torch.tensor([mu, 0.0, mu], dtype=torch.float64)
    logvars = 2 * torch.tensor([1.0, sigma, sigma], dtype=torch.float64).log()
    return kl_per_dimension(means, logvars).tolist()


def _costs(mu: float, sigma: float) -> None:
    colours = palette()
    means, widths = torch.linspace(-3, 3, 121), torch.linspace(0.03, 3, 120)
    figure = chart(_("μ or σ"), _("cost, nats"))
    line(figure, means, kl_per_dimension(means, torch.zeros(121)), _("of the mean"), colours.accent)
    line(figure, widths, kl_per_dimension(torch.zeros(120), 2 * widths.log()), _("of the width"), second(colours))
    parts = _kl_parts(mu, sigma)
    for x, y, colour in ((mu, parts[0], colours.accent), (sigma, parts[1], second(colours))):
        mark(figure, [x], [y], "", colour)
        figure.data[-1].showlegend = False
    figure.update_yaxes(range=[-0.15, 4.6])
    show(figure, "costs", _("What the mean and the width of q cost"))


def _against_prior(q: Gauss) -> None:
    colours, x = palette(), torch.linspace(-4.5, 4.5, 181, dtype=torch.float64)
    figure = chart("z", _("density"))
    line(figure, x, Gauss(0, 1).log_prob(x).exp(), _("prior p(z)"), colours.unknown, fill=True)
    line(figure, x, q.log_prob(x).exp(), "q(z|x)", colours.accent)
    figure.update_yaxes(range=[0, max(1.05, 0.45 / q.std)])
    show(figure, "against-prior", _("q beside the prior"))


def balance() -> None:
    """Show both terms of the loss of a real digit while the width of its code changes, and where their sum is least."""
    st.markdown(
        _(
            "The two terms pull in opposite directions. Reconstruction would like $q(z|x)$ to be a point, the best "
            "one; the KL would like it to be the prior, the same for every image. What the encoder says is the "
            "compromise. Here is one real digit with its code made narrower and wider than the VAE's encoder makes it."
        )
    )
    formula(
        r"\mathcal{L}_\beta = -\mathbb{E}_{q}[\log p(x|z)]",
        r"{} + \beta\, D_{\mathrm{KL}}(q(z|x)\,\|\,p(z))",
        joined=True,
    )
    with row("controls"):
        kind = choose_digit("balance", "2")
        beta = st.select_slider(
            "β", BETAS, 1.0, key="learn.beta", width=260, help=_("The weight of the KL; the model was trained with 1")
        )
    distortion, rate = _terms(kind)
    total = distortion + beta * rate
    _balance(distortion, rate, total, beta)
    least, own = int(total.argmin()), int((SCALES - 1).abs().argmin())
    readings(
        {
            _("reconstruction at the encoder's σ, nats"): number(float(distortion[own]), 1),
            _("KL, nats"): number(float(rate[own]), 2),
            _("loss, nats"): number(float(total[own]), 1),
            _("the least loss is at"): f"{number(float(SCALES[least]), 2)} σ",
        }
    )
    st.markdown(
        _(
            "With the β it was trained with, the encoder's own width is near the best there is. A larger β would have "
            "it wider, until codes overlap and digits blur; a smaller one narrower, until they are points and the VAE "
            "is an autoencoder again."
        )
    )
    see("beta", _("Turn β on a model that has learned all of them"), beta="4")


@cache
def _terms(kind: int) -> tuple[Tensor, Tensor]:
    """The terms of the loss of one digit for every width: reconstruction over the same draws each time, and KL."""
    model, x = real("vae").model, example(kind)
    mu, logvar = code(kind)
    noise = torch.randn(NOISES, 2, generator=torch.Generator().manual_seed(0))
    wider = [logvar + 2 * scale.log() for scale in SCALES]
    with torch.no_grad():
        distortion = [-model.log_likelihood(x, reparameterise(mu, w, noise)[:, None]).mean() for w in wider]
    return torch.stack(distortion), torch.stack([kl_divergence(mu, w) for w in wider])


def _balance(distortion: Tensor, rate: Tensor, total: Tensor, beta: float) -> None:
    colours = palette()
    figure = chart(_("width, as a multiple of the encoder's σ"), _("nats above the least"))
    for values, name, colour, dash in (
        (distortion, _("reconstruction"), second(colours), "solid"),
        (beta * rate, _("β · KL"), colours.unknown, "solid"),
        (total, _("their sum"), colours.accent, "solid"),
    ):
        line(figure, SCALES, values - values.min(), name, colour, dash)
    least = int(total.argmin())
    mark(figure, [float(SCALES[least])], [0], _("least loss"), colours.accent)
    figure.add_vline(1, line_width=1, line_dash="dot", line_color=colours.unknown)
    figure.update_xaxes(type="log", tickvals=[0.1, 0.2, 0.5, 1, 2, 5, 10])
    figure.update_yaxes(range=[-2, 40])
    show(figure, "balance", _("The two terms of the loss and their sum against the width of the code"))


def reparameterisation() -> None:
    """Show how two estimates of one gradient scatter: through the draw, and by the score function."""
    _explain_reparameterisation()
    with row("controls"):
        name = st.segmented_control(
            "f(z)", ("square", "digit"), default="square", required=True, key="learn.f",
            format_func={"square": "z²", "digit": _("the loss of a real digit")}.__getitem__,
            help=_("Of what the expectation is taken"),
        )  # fmt: skip
        averaged = st.select_slider(
            _("Draws averaged"), AVERAGED, 1, key="learn.averaged", width=240, help=_("For each of the estimates")
        )
    found = _square_estimates() if name == "square" else _digit_estimates()
    _scatter(found, averaged)
    variances = [float(estimates[:, 0].var()) / averaged for estimates in found]
    readings(
        {
            _("mean, reparameterised"): f"{float(found.pathwise[:, 0].mean()):,.4g}",
            _("mean, score function"): f"{float(found.score[:, 0].mean()):,.4g}",
            _("variance, reparameterised"): f"{variances[0]:,.4g}",
            _("variance, score function"): f"{variances[1]:,.4g}",
            _("draws for the same precision"): f"× {variances[1] / variances[0]:,.0f}",
        }
    )
    see("train", _("Where the gradient of a real step can go, and where not"), panel="microscope")


def _explain_reparameterisation() -> None:
    st.markdown(
        _(
            "Training needs the gradient of an expectation by the parameters of the very distribution it is taken "
            r"under. Through $z \sim q$ there is no derivative. Written as $z = \mu + \sigma \odot \varepsilon$ with "
            r"$\varepsilon \sim \mathcal{N}(0, I)$ there is one: the chance now comes from outside, and $z$ is a plain "
            r"function of $\mu$ and $\sigma$."
        )
    )
    formula(
        r"\nabla_{\mu}\, \mathbb{E}_{q}[f(z)] = \mathbb{E}_{\varepsilon}\big[\nabla_z f(\mu + \sigma \varepsilon)\big]",
        r"= \mathbb{E}_{q}\big[f(z)\, \nabla_{\mu} \log q(z)\big]",
        joined=True,
    )
    st.markdown(
        _(
            "The right-hand side is the score-function estimator, which needs no derivative of $f$ and works for any "
            "distribution. Both are right on average. But a single draw of one knows the slope of $f$, while the other "
            "only sees how large $f$ was, and a loss of a hundred nats makes that a very loud number."
        )
    )


@cache
def _square_estimates() -> Estimates:
    noise = torch.randn(POOL, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mu = torch.tensor([SQUARE_AT], dtype=torch.float64)
    return estimate(lambda z: z.square().sum(-1), mu, torch.zeros_like(mu), noise)


@cache
def _digit_estimates() -> Estimates:
    model, x = real("vae").model, example(2)
    mu, logvar = code(2)
    noise = torch.randn(POOL, 2, generator=torch.Generator().manual_seed(0))
    return estimate(lambda z: -model.log_likelihood(x, z[:, None])[:, 0], mu, logvar, noise)


def _scatter(found: Estimates, averaged: int) -> None:
    colours = palette()
    figure = chart(_("estimate of the gradient by μ₁"), _("share of estimates"))
    means = [each[:, 0].reshape(-1, averaged).mean(1)[:MOST_ESTIMATES] for each in found]
    reach = float(means[1].abs().quantile(0.98)) * 1.2
    width = 2 * reach / 80
    for values, name, colour in zip(
        means, (_("reparameterised"), _("score function")), (colours.accent, second(colours)), strict=True
    ):
        counts = torch.histc(values.double().clamp(-reach, reach), 80, -reach, reach) / len(values)
        centres = torch.arange(80, dtype=torch.float64) * width - reach + width / 2
        figure.add_bar(x=centres.tolist(), y=counts.tolist(), name=name, marker_color=faded(colour, 0.65), width=width)
    figure.update_traces(hovertemplate="%{x:.4g}: %{y:.1%}<extra></extra>")
    figure.update_layout(barmode="overlay", bargap=0)
    figure.add_vline(float(found.pathwise[:, 0].mean()), line_width=1, line_dash="dot", line_color=colours.unknown)
    figure.update_yaxes(type="log", range=[math.log10(4e-4), 0.1], tickformat=".1%", nticks=5)
    show(figure, "scatter", _("How the estimates of one gradient scatter, by both estimators"))
