"""What a model is given to look at: images as the pixels its likelihood is a density of."""

from __future__ import annotations

from torch import Tensor

from vae_core.data import binarize_once, to_pixels
from vae_core.models import Autoencoder


def model_input(model: Autoencoder, images: Tensor) -> Tensor:
    """Return uint8 images (N, 28, 28) as the pixels the model's likelihood is a density of, (N, 1, 28, 28).

    Binary pixels are binarised once under a fixed seed, as published figures are; grey ones are value / 255.
    """
    return binarize_once(images) if model.likelihood.pixels == "binary" else to_pixels(images)
