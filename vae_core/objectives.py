"""The objective of a VAE: reconstruction, KL divergence and the evidence lower bound, in nats per image."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from vae_core.errors import ConfigError, ModelError
from vae_core.likelihoods import LOG_2PI
from vae_core.models import Autoencoder


class ElboTerms(NamedTuple):
    """The terms of the ELBO, each (N,), in nats per image: ``elbo = -(reconstruction + kl)``."""

    reconstruction: Tensor
    """Distortion: -E_q[log p(x|z)], summed over pixels."""
    kl: Tensor
    """Rate: KL(q(z|x) || p(z)), summed over latent dimensions."""

    @property
    def elbo(self) -> Tensor:
        """The evidence lower bound, E_q[log p(x|z)] - KL(q(z|x) || p(z))."""
        return -self.loss(1.0)

    def loss(self, beta: float | Tensor) -> Tensor:
        """Return ``reconstruction + beta * kl`` (Higgins et al. 2017, eq. 4); shape (N,)."""
        return self.reconstruction + beta * self.kl


def kl_per_dimension(mu: Tensor, logvar: Tensor) -> Tensor:
    """Return KL(N(mu, e^logvar) || N(0, 1)) of every latent dimension, in nats; shape (N, d).

    Kingma & Welling 2014, appendix B.
    """
    return 0.5 * (mu.square() + logvar.expm1() - logvar)


def kl_divergence(mu: Tensor, logvar: Tensor) -> Tensor:
    """Return KL(q(z|x) || N(0, I)) in nats; shape (N,)."""
    return kl_per_dimension(mu, logvar).sum(-1)


def gaussian_log_prob(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """Return log N(z; mu, diag(e^logvar)) in nats, summed over the last dimension."""
    return -0.5 * (LOG_2PI + logvar + (z - mu) ** 2 * (-logvar).exp()).sum(-1)


def reparameterise(mu: Tensor, logvar: Tensor, epsilon: Tensor) -> Tensor:
    """Return z = mu + sigma * epsilon (Kingma & Welling 2014, eq. 4)."""
    return mu + (0.5 * logvar).exp() * epsilon


def standard_normal(like: Tensor, generator: torch.Generator | None, *leading: int) -> Tensor:
    """Draw epsilon of shape (*leading, *like.shape) with the dtype and device of ``like``."""
    return torch.randn(*leading, *like.shape, generator=generator, dtype=like.dtype, device=like.device)


def draw_epsilon(
    model: Autoencoder, x: Tensor, generator: torch.Generator | None = None, samples: int = 1
) -> Tensor | None:
    """Draw the noise of z for images (N, 1, 28, 28): (N, d), or (samples, N, d) for more than one; None for an AE."""
    if not model.is_variational:
        return None
    # The mean over a single draw is that draw, and training takes no other.
    draws = () if samples == 1 else (samples,)
    return standard_normal(x.new_empty(len(x), model.config.latent_dim), generator, *draws)


def elbo_terms_at(model: Autoencoder, x: Tensor, epsilon: Tensor | None, log_beta: Tensor | None = None) -> ElboTerms:
    """Return the differentiable terms of the objective for images (N, 1, 28, 28) and the noise of `draw_epsilon`.

    An AE is the case of a noiseless encoder without a rate: its reconstruction is -log p(x|z) at z = encode(x)
    and its kl is zero by convention, so that one loss trains both. An any-beta model takes log beta (N, 1).

    Raises ValueError where a VAE gets no noise.
    """
    mu, logvar = model.encode(x, log_beta)
    if logvar is None:
        return ElboTerms(-model.log_likelihood(x, mu), torch.zeros_like(mu[:, 0]))
    if epsilon is None:
        raise ValueError("the z of a VAE is drawn: give the noise for it, as `draw_epsilon` draws it")
    likelihood = model.log_likelihood(x, reparameterise(mu, logvar, epsilon), log_beta)
    mean = likelihood if epsilon.dim() == mu.dim() else likelihood.mean(0)
    return ElboTerms(-mean, kl_divergence(mu, logvar))


def elbo_terms(
    model: Autoencoder,
    x: Tensor,
    samples: int = 1,
    generator: torch.Generator | None = None,
    log_beta: Tensor | None = None,
) -> ElboTerms:
    """Return the terms of `elbo_terms_at` with noise drawn for them, so many draws an image."""
    return elbo_terms_at(model, x, draw_epsilon(model, x, generator, samples), log_beta)


@torch.no_grad()
def elbo(
    model: Autoencoder,
    x: Tensor,
    samples: int = 1,
    generator: torch.Generator | None = None,
    batch_size: int = 10_000,
) -> ElboTerms:
    """Return the ELBO and its two terms for images (N, 1, 28, 28), each (N,), in nats per image.

    ``samples`` draws of z per image estimate the reconstruction; the KL is exact. ``batch_size`` counts decoded
    images held in memory at once. Raises ModelError for an autoencoder, which has no q(z|x) and so no ELBO.
    """
    if not model.is_variational:
        raise ModelError(
            "an autoencoder has no encoder distribution and so no ELBO: use its reconstruction error, or load a VAE"
        )
    if samples < 1:
        raise ConfigError(f"the ELBO needs at least one sample per image, not {samples}")
    parts = [elbo_terms(model, chunk, samples, generator) for chunk in x.split(max(1, batch_size // samples))]
    return ElboTerms(*(torch.cat(terms) for terms in zip(*parts, strict=True)))
