"""The gallery of digits and betas: each digit, and what an any-beta model makes of it at one beta after another."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vae_core.data import to_pixels
from vae_core.errors import LatentExplorerError
from vae_core.export import grid_png, to_grey
from vae_core.models import Autoencoder

GALLERY_BETAS = (0.01, 0.1, 0.5, 1.0, 4.0, 10.0, 20.0, 50.0, 200.0)


@torch.no_grad()
def beta_gallery(model: Autoencoder, images: Tensor, betas: Sequence[float]) -> Tensor:
    """Return for uint8 images (N, H, W) each image and its mean reconstruction at every beta, (N, 1 + B, H, W) uint8.

    Codes are the encoder's means. Raises ConfigError for a beta out of the model's range or a model of one beta, and
    LatentExplorerError where there is no beta.
    """
    if not betas:
        raise LatentExplorerError("there is no beta to show: choose at least one")
    x = to_pixels(images)
    columns = [images]
    for fixed in map(model.at, betas):
        columns.append(to_grey(fixed.decode(fixed.encode(x)[0])))
    return torch.stack(columns, 1)


def beta_gallery_png(model: Autoencoder, images: Tensor, betas: Sequence[float], scale: int = 2) -> bytes:
    """Return the gallery as a PNG: a row for each image, the image first and then one column for each beta.

    Each pixel is ``scale`` pixels wide. Raises as `beta_gallery`, and LatentExplorerError where there is no image.
    """
    gallery = beta_gallery(model, images, betas)
    return grid_png(gallery.flatten(0, 1), columns=gallery.shape[1], scale=scale)
