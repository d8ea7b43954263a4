"""Inference from some pixels of an image: p(z | seen pixels), exact on a grid, and the images that complete it.

Given z the pixels are independent, so a hidden pixel is left out of p(x|z) by dropping its factor. The posterior, the
evidence and everything else are then those of a model that has only the factors of the seen pixels.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from vae_core.errors import DataError
from vae_core.evidence import Posterior
from vae_core.likelihoods import Likelihood
from vae_core.models import IMAGE_SHAPE, PIXELS, Autoencoder


class Seen(Likelihood):
    """A likelihood of the seen pixels alone; ``mask`` (D,) is 1 for those and 0 for hidden ones."""

    def __init__(self, whole: Likelihood, mask: Tensor) -> None:
        self.whole = whole
        self.mask = mask
        self.heads, self.pixels = whole.heads, whole.pixels

    def pixel_log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        return self.whole.pixel_log_prob(x, params) * self.mask

    def mean(self, params: Tensor) -> Tensor:
        return self.whole.mean(params)

    def std(self, params: Tensor) -> Tensor:
        return self.whole.std(params)

    def sample(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return self.whole.sample(params, generator)

    def statistics(self, x: Tensor) -> Tensor:
        return self._masked(self.whole.statistics(x))

    def natural(self, params: Tensor) -> Tensor:
        return self._masked(self.whole.natural(params))

    def expected_statistics(self, params: Tensor) -> Tensor:
        return self._masked(self.whole.expected_statistics(params))

    def pixel_log_partition(self, params: Tensor) -> Tensor:
        return self.whole.pixel_log_partition(params) * self.mask

    def pixel_base(self, x: Tensor) -> Tensor:
        return self.whole.pixel_base(x) * self.mask

    def _masked(self, statistics: Tensor) -> Tensor:
        """Hide what belongs to hidden pixels; where a pixel has several statistics, they lie D apart."""
        return statistics * self.mask.repeat(statistics.shape[-1] // len(self.mask))


def seeing(model: Autoencoder, mask: Tensor) -> Autoencoder:
    """Return the model of the seen pixels: ``mask`` (28, 28) is True where a pixel is seen.

    It shares the weights of ``model``; its log p(x), posterior and modes are those given the seen pixels.
    Raises DataError where the mask is of another size.
    """
    if mask.numel() != PIXELS:
        raise DataError(f"a mask says of each of {PIXELS} pixels whether it is seen, not of {mask.numel()}")
    seen = copy.copy(model)
    seen.likelihood = Seen(model.likelihood, mask.flatten().to(next(model.parameters())))
    return seen


@torch.no_grad()
def completions(
    model: Autoencoder, found: Posterior, count: int, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Return draws z (count, d) from the posterior of one image, and the images (count, 1, 28, 28) they decode to.

    With the posterior given the seen pixels, these complete them.
    """
    z = found.sample(count, generator)[0]
    return z, model.decode(z).reshape(-1, *IMAGE_SHAPE)
