"""The geometry a decoder gives its latent space: how far the mean image moves when z does."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, vmap
from torch.func import jvp

from vae_core.errors import ModelError
from vae_core.models import Autoencoder

_COLUMNS = 4096
"""Columns of Jacobians held at once, of 784 numbers each."""


@torch.no_grad()
def jacobian(model: Autoencoder, z: Tensor) -> Tensor:
    """Return the derivative of the mean image by z, (N, 784, d), at the points z (N, d).

    Exact, by forward-mode differentiation (Baydin et al. 2018, sec. 3.1): one pass through the decoder carries the
    derivatives along all d axes. In pixel values (0 black, 1 white) per unit of z.
    """
    axes = torch.eye(z.shape[1], dtype=z.dtype, device=z.device)

    def along(axis: Tensor) -> Tensor:
        moved: Tensor = jvp(lambda at: model.likelihood.mean(model.decode_params(at)), (z,), (axis.expand_as(z),))[1]
        return moved

    columns: Tensor = vmap(along, out_dims=2)(axes)
    return columns


def _jacobians(model: Autoencoder, z: Tensor) -> Iterator[Tensor]:
    """Yield the Jacobians at z (N, d), some points at a time, on the CPU in double precision."""
    for points in z.split(max(1, _COLUMNS // z.shape[1])):
        yield jacobian(model, points).to("cpu", torch.float64)


def jacobian_norm(model: Autoencoder, z: Tensor) -> Tensor:
    """Return the Frobenius norm of the decoder's Jacobian at z (N, d), in pixel values per unit of z; shape (N,).

    Its square is the expected squared change of the image for a small step of unit variance in every dimension
    (Novak et al. 2018, on the sensitivity of networks).
    """
    return torch.cat([derivative.square().sum((1, 2)).sqrt() for derivative in _jacobians(model, z)])


def magnification(model: Autoencoder, z: Tensor) -> Tensor:
    """Return sqrt(det JᵀJ) at z (N, d): the volume that the decoder makes of a unit of latent volume; shape (N,).

    The magnification factor of Bishop et al. 1997, there for the GTM; in pixel values to the power of d per unit of
    latent volume. It is 0 where some direction leaves the image as it is.
    """
    volumes = []
    for derivative in _jacobians(model, z):
        # The triangular factor's diagonal, rather than det JᵀJ, which squares what rounding has already touched.
        triangular = torch.linalg.qr(derivative, mode="r").R
        volumes.append(triangular.diagonal(dim1=1, dim2=2).abs().prod(1))
    return torch.cat(volumes)


def metric(model: Autoencoder, z: Tensor) -> Tensor:
    """Return the metric JᵀJ that the mean decoder pulls back to z (N, d); shape (N, d, d).

    A small step dz changes the image by sqrt(dzᵀ JᵀJ dz) pixel values (Chen et al. 2018; in Arvanitidis et al. 2018
    with a further term for the spread of p(x|z)).
    """
    return torch.cat([derivative.mT @ derivative for derivative in _jacobians(model, z)])


def jacobian_ellipses(model: Autoencoder, z: Tensor, step: float, longest: float) -> Tensor:
    """Return the matrices of the ellipses about z (N, d) whose rims decode to images ``step`` pixel values away.

    To first order: step² (JᵀJ)⁻¹, (N, d, d), as a covariance at one sigma. A direction that hardly changes the image,
    or not at all, has a half-axis of ``longest``, in units of z, and no more.
    """
    values, vectors = torch.linalg.eigh(metric(model, z))
    squares = step**2 / values.clamp(min=(step / longest) ** 2)
    ellipses: Tensor = (vectors * squares[:, None]) @ vectors.mT
    return ellipses


def magnification_map(model: Autoencoder, x: Tensor, y: Tensor) -> Tensor:
    """Return the magnification on the raster of the coordinates x (W,) and y (H,); shape (H, W), row j at y[j].

    Raises ModelError unless the latent space is a plane.
    """
    if model.config.latent_dim != 2:
        raise ModelError(
            f"a map of the magnification needs a latent size of 2 and this model has {model.config.latent_dim}: "
            "ask for its values at single points instead"
        )
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    return magnification(model, torch.stack([columns, rows], -1).reshape(-1, 2)).reshape(len(y), len(x))
