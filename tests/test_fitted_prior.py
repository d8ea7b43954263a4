"""An autoencoder in the coordinates of the Gaussian fitted to its codes."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.factories import make_images, make_model
from vae_core.errors import ModelError
from vae_core.evidence import log_evidence
from vae_core.fitted_prior import with_fitted_prior
from vae_core.inputs import model_input
from vae_core.models import Autoencoder

IMAGES, _ = make_images(60)


def fitted(latent_dim: int = 2, **settings: Any) -> tuple[Autoencoder, Autoencoder, Tensor]:
    """Return an AE, the same under the fitted prior, and the images that it was fitted to."""
    model = make_model(kind="ae", latent_dim=latent_dim, **settings)
    x = model_input(model, IMAGES)
    return model, with_fitted_prior(model, model.encode(x)[0]), x


@pytest.mark.parametrize("latent_dim", [1, 2, 5])
def test_its_codes_have_mean_nought_and_unit_covariance(latent_dim: int) -> None:
    _, moved, x = fitted(latent_dim)
    codes = moved.encode(x)[0].double()
    torch.testing.assert_close(codes.mean(0), torch.zeros(latent_dim).double(), atol=1e-3, rtol=0)
    covariance = codes.T.cov(correction=0).reshape(latent_dim, latent_dim)
    torch.testing.assert_close(covariance, torch.eye(latent_dim).double(), atol=1e-2, rtol=0)


@pytest.mark.parametrize("widths", [(), (12,)])
def test_reconstructions_stay_what_they_were(widths: tuple[int, ...]) -> None:
    model, moved, x = fitted(encoder_widths=widths, decoder_widths=widths)
    before, after = (autoencoder.decode(autoencoder.encode(x)[0]) for autoencoder in (model, moved))
    torch.testing.assert_close(after, before, atol=1e-5, rtol=0)


def test_draws_from_the_prior_are_draws_from_the_fitted_gaussian(generator: torch.Generator) -> None:
    model, moved, x = fitted()
    codes = model.encode(x)[0].double()
    root = torch.linalg.cholesky(codes.T.cov(correction=0)).float()
    noise = torch.randn(20_000, 2, generator=generator)
    z = codes.mean(0).float() + noise @ root.T
    drawn = model.log_likelihood(x[:3], z[:, None].expand(-1, 3, -1))
    expected = drawn.double().logsumexp(0) - math.log(len(noise))
    torch.testing.assert_close(log_evidence(moved, x[:3]).double(), expected, atol=0.02, rtol=0)


def test_the_model_itself_is_left_alone() -> None:
    model = make_model(kind="ae")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with_fitted_prior(model, torch.randn(9, 2, generator=torch.Generator().manual_seed(0)))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_a_dimension_without_use_does_no_harm() -> None:
    model = make_model(kind="ae", latent_dim=3)
    last = model.encoder.layers[-1]
    last.get_parameter("weight")[1], last.get_parameter("bias")[1] = 0, 0.5
    x = model_input(model, IMAGES)
    moved = with_fitted_prior(model, model.encode(x)[0])
    assert all(parameter.isfinite().all() for parameter in moved.parameters())
    torch.testing.assert_close(moved.decode(moved.encode(x)[0]), model.decode(model.encode(x)[0]), atol=1e-3, rtol=0)


def test_a_vae_has_a_prior_of_its_own() -> None:
    with pytest.raises(ModelError, match="only an autoencoder's can be fitted"):
        with_fitted_prior(make_model(), torch.zeros(5, 2))
