"""Likelihoods p(x|z) of an image given the decoder's raw output, as exponential families.

Raw outputs ("parameters") have shape (..., heads, D): one head of logits, or a second head for a learned
standard deviation. Every density is in nats, summed over the D pixels. Each likelihood also writes itself as
``log p(x|z) = statistics(x) . natural(params) - log_partition(params) + base(x)``, which turns the evidence on
a grid into matrix products (Wainwright & Jordan 2008, eq. 3.5).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor

from vae_core.config import ModelConfig

LOG_2PI = math.log(2 * math.pi)


class Likelihood(ABC):
    """p(x|z) for images with D independent pixels; ``pixels`` says which images it is a density of."""

    heads = 1
    pixels = "grey"
    """``binary``: images of zeros and ones (log-probabilities); ``grey``: values in [0, 1]."""

    def log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        """Return log p(x|z) in nats for x (..., D) and params (..., heads, D); shape (...)."""
        return self.pixel_log_prob(x, params).sum(-1)

    @abstractmethod
    def pixel_log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        """Return the contribution of every pixel to log p(x|z), in nats; shape (..., D)."""

    @abstractmethod
    def mean(self, params: Tensor) -> Tensor:
        """Return E[x|z], in [0, 1]; shape (..., D)."""

    @abstractmethod
    def std(self, params: Tensor) -> Tensor:
        """Return the standard deviation of every pixel given z; shape (..., D)."""

    @abstractmethod
    def sample(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw x from p(x|z); shape (..., D)."""

    def statistics(self, x: Tensor) -> Tensor:
        """Return the sufficient statistics of images (N, D); shape (N, S)."""
        return x

    @abstractmethod
    def natural(self, params: Tensor) -> Tensor:
        """Return the natural parameters, shape (G, S), for params (G, heads, D)."""

    def log_partition(self, params: Tensor) -> Tensor:
        """Return the log-partition function, shape (G,), for params (G, heads, D)."""
        log_partition: Tensor = self.pixel_log_partition(params).sum(-1)
        return log_partition

    @abstractmethod
    def pixel_log_partition(self, params: Tensor) -> Tensor:
        """Return what each pixel contributes to the log-partition function, (G, D), for params (G, heads, D)."""

    @abstractmethod
    def expected_statistics(self, params: Tensor) -> Tensor:
        """Return E[statistics(x)|z], shape (G, S), for params (G, heads, D)."""

    def base(self, x: Tensor) -> Tensor:
        """Return the log base measure of images (N, D) in nats; shape (N,)."""
        return self.pixel_base(x).sum(-1)

    def pixel_base(self, x: Tensor) -> Tensor:
        """Return what each pixel of images (N, D) contributes to the log base measure, in nats; shape (N, D)."""
        return torch.zeros_like(x)


def _draw(like: Tensor, generator: torch.Generator | None) -> Tensor:
    return torch.rand(like.shape, generator=generator, dtype=like.dtype, device=like.device)


class Bernoulli(Likelihood):
    """Independent coin flips with logit ``params``; on grey images the usual cross-entropy."""

    def __init__(self, pixels: str) -> None:
        self.pixels = pixels

    def log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        # Two sums rather than the sum of `pixel_log_prob`, for the sake of training: half as many passes over pixels.
        logits = params.squeeze(-2)  # Rather than [..., 0, :], whose gradient would be copied into an array of zeros.
        # And no dot product, which autocast would round to bfloat16.
        return (x * logits).sum(-1) - F.softplus(logits).sum(-1)

    def pixel_log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        logits = params[..., 0, :]
        return x * logits - F.softplus(logits)

    def mean(self, params: Tensor) -> Tensor:
        return params[..., 0, :].sigmoid()

    def std(self, params: Tensor) -> Tensor:
        logits = params[..., 0, :]
        return (logits.sigmoid() * (-logits).sigmoid()).sqrt()

    def sample(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        mean = self.mean(params)
        return (_draw(mean, generator) < mean).to(mean.dtype)

    def natural(self, params: Tensor) -> Tensor:
        return params[..., 0, :]

    def pixel_log_partition(self, params: Tensor) -> Tensor:
        return F.softplus(params[..., 0, :])

    def expected_statistics(self, params: Tensor) -> Tensor:
        return self.mean(params)


class ContinuousBernoulli(Likelihood):
    """The continuous Bernoulli on [0, 1] with logit ``params`` (Loaiza-Ganem & Cunningham 2019).

    Its moments are written with q = 1 / (e^|l| - 1), which no logit makes overflow, and as series near l = 0, where
    the closed forms subtract large numbers.
    """

    _NEAR_ZERO = 0.5

    def _split(self, params: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return where a logit is near 0, those logits, the sizes of the others, and q; gradients stay finite."""
        logits = params[..., 0, :]
        near = logits.abs() < self._NEAR_ZERO
        close = torch.where(near, logits, torch.zeros_like(logits))
        size = torch.where(near, torch.ones_like(logits), logits.abs())
        return near, close, size, (-size).exp() / -torch.expm1(-size)

    def pixel_log_partition(self, params: Tensor) -> Tensor:
        """log((e^l - 1) / l), the normaliser of e^(l x) on [0, 1]."""
        near, close, size, _ = self._split(params)
        exact = params[..., 0, :].clamp(min=0) + torch.log(-torch.expm1(-size)) - size.log()
        series = close / 2 + close**2 / 24 - close**4 / 2880 + close**6 / 181440
        return torch.where(near, series, exact)

    def pixel_log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        return params[..., 0, :] * x - self.pixel_log_partition(params)

    def mean(self, params: Tensor) -> Tensor:
        near, close, size, q = self._split(params)
        exact = torch.where(params[..., 0, :] > 0, 1 + q - 1 / size, 1 / size - q)
        return torch.where(near, 0.5 + close / 12 - close**3 / 720 + close**5 / 30240, exact)

    def std(self, params: Tensor) -> Tensor:
        near, close, size, q = self._split(params)
        exact = 1 / size**2 - q * (1 + q)
        series = 1 / 12 - close**2 / 240 + close**4 / 6048 - close**6 / 172800
        return torch.where(near, series, exact).sqrt()

    def sample(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        logits = params[..., 0, :]
        uniform = _draw(logits, generator)
        # The inverse distribution function for a negative logit, reflected for a positive one; smaller logits than
        # the floor are as good as uniform.
        size = logits.abs().clamp(min=1e-6)
        drawn = torch.log1p(uniform * torch.expm1(-size)) / -size
        return torch.where(logits > 0, 1 - drawn, drawn).clamp(0, 1)

    def natural(self, params: Tensor) -> Tensor:
        return params[..., 0, :]

    def expected_statistics(self, params: Tensor) -> Tensor:
        return self.mean(params)


class Gaussian(Likelihood):
    """A Gaussian with mean sigmoid(params) and one fixed variance c for every pixel."""

    def __init__(self, variance: float) -> None:
        self.variance = variance

    def pixel_log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        error = (x - self.mean(params)) ** 2
        return -0.5 * (error / self.variance + math.log(self.variance) + LOG_2PI)

    def mean(self, params: Tensor) -> Tensor:
        return params[..., 0, :].sigmoid()

    def std(self, params: Tensor) -> Tensor:
        return torch.full_like(params[..., 0, :], math.sqrt(self.variance))

    def sample(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return _add_noise(self.mean(params), self.std(params), generator)

    def natural(self, params: Tensor) -> Tensor:
        return self.mean(params) / self.variance

    def pixel_log_partition(self, params: Tensor) -> Tensor:
        return self.mean(params) ** 2 / (2 * self.variance)

    def expected_statistics(self, params: Tensor) -> Tensor:
        return self.mean(params)

    def pixel_base(self, x: Tensor) -> Tensor:
        return -0.5 * ((x**2) / self.variance + math.log(self.variance) + LOG_2PI)


class LearnedGaussian(Likelihood):
    """A Gaussian whose mean and standard deviation the decoder gives for every pixel.

    The standard deviation stays in (e^-3, 1): without a floor the density at the ever-black border pixels of
    MNIST grows without bound.
    """

    heads = 2
    LOG_STD_FLOOR = -3.0

    def log_std(self, params: Tensor) -> Tensor:
        """Return the log standard deviation of every pixel; shape (..., D)."""
        return self.LOG_STD_FLOOR * (1 - params[..., 1, :].sigmoid())

    def pixel_log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        log_std = self.log_std(params)
        standardised = (x - self.mean(params)) * (-log_std).exp()
        return -0.5 * standardised**2 - log_std - 0.5 * LOG_2PI

    def mean(self, params: Tensor) -> Tensor:
        return params[..., 0, :].sigmoid()

    def std(self, params: Tensor) -> Tensor:
        return self.log_std(params).exp()

    def sample(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return _add_noise(self.mean(params), self.std(params), generator)

    def statistics(self, x: Tensor) -> Tensor:
        return torch.cat([x, x**2], -1)

    def natural(self, params: Tensor) -> Tensor:
        precision = (-2 * self.log_std(params)).exp()
        return torch.cat([self.mean(params) * precision, -0.5 * precision], -1)

    def pixel_log_partition(self, params: Tensor) -> Tensor:
        log_std = self.log_std(params)
        standardised = self.mean(params) * (-log_std).exp()
        return 0.5 * standardised**2 + log_std + 0.5 * LOG_2PI

    def expected_statistics(self, params: Tensor) -> Tensor:
        mean = self.mean(params)
        return torch.cat([mean, mean**2 + self.std(params) ** 2], -1)


def _add_noise(mean: Tensor, std: Tensor, generator: torch.Generator | None) -> Tensor:
    noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype, device=mean.device)
    return mean + std * noise


def build_likelihood(config: ModelConfig) -> Likelihood:
    """Return the likelihood a configuration names."""
    builders = {
        "bernoulli": lambda: Bernoulli("binary"),
        "bernoulli-grey": lambda: Bernoulli("grey"),
        "continuous-bernoulli": ContinuousBernoulli,
        "gaussian": lambda: Gaussian(config.variance),
        "gaussian-learned": LearnedGaussian,
    }
    return builders[config.likelihood]()
