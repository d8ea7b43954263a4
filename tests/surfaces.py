"""Models whose mean image is a surface of known geometry, given as a function of z."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tests.factories import make_model
from vae_core.likelihoods import Gaussian
from vae_core.models import PIXELS, Autoencoder

Surface = Callable[[Tensor], Tensor]


class RawMean(Gaussian):
    """A Gaussian whose mean is the decoder's raw output."""

    def mean(self, params: Tensor) -> Tensor:
        return params[..., 0, :]


class Drawn(nn.Module):
    """A decoder whose first outputs are the coordinates of a surface, and whose others are zero."""

    def __init__(self, surface: Surface) -> None:
        super().__init__()
        self.surface = surface

    def forward(self, z: Tensor, log_beta: Tensor | None = None) -> Tensor:
        """Map z (..., d) to (..., 784)."""
        coordinates = self.surface(z)
        empty = coordinates.new_zeros(*coordinates.shape[:-1], PIXELS - coordinates.shape[-1])
        return torch.cat([coordinates, empty], -1)


def surface_model(surface: Surface, latent_dim: int = 2) -> Autoencoder:
    """Return a model whose mean image has the surface's coordinates, (..., k) for z (..., d), as its first pixels."""
    model = make_model(latent_dim=latent_dim)
    model.likelihood = RawMean(0.1)
    model.add_module("decoder", Drawn(surface))
    return model


def steep_model(seed: int = 3) -> Autoencoder:
    """Return an untrained model whose image bends as z moves, while others' are all but flat."""
    model = make_model(seed, decoder_widths=(16, 16))
    for parameter in model.decoder.parameters():
        parameter.mul_(4)
    return model


def linear_model(latent_dim: int = 2) -> tuple[Autoencoder, Tensor]:
    """Return a model whose mean image is linear in z, and its matrix (784, d)."""
    model = make_model(latent_dim=latent_dim, decoder_widths=())
    model.likelihood = RawMean(0.1)
    return model, model.decoder.layers[0].get_parameter("weight")


def sphere(z: Tensor) -> Tensor:
    """The unit sphere by polar angle and longitude."""
    polar, longitude = z.unbind(-1)
    return torch.stack([polar.sin() * longitude.cos(), polar.sin() * longitude.sin(), polar.cos()], -1)


def cylinder(z: Tensor) -> Tensor:
    """The cylinder of radius 1 about the third axis, by angle and height."""
    angle, height = z.unbind(-1)
    return torch.stack([angle.cos(), angle.sin(), height], -1)


def cone(z: Tensor, slope: float = 3.0) -> Tensor:
    """A cone over the plane with its tip above the origin, by the coordinates on the plane."""
    return torch.cat([z, slope * z.norm(dim=-1, keepdim=True)], -1)


def bump(z: Tensor, height: float = 2.0) -> Tensor:
    """A round hill on the plane, by the coordinates on the plane."""
    return torch.cat([z, height * (-z.square().sum(-1, keepdim=True)).exp()], -1)
