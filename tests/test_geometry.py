"""The geometry of the decoder against closed forms and numerical differentiation."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.factories import make_model
from tests.surfaces import linear_model, sphere, surface_model
from vae_core import geometry
from vae_core.config import ACTIVATIONS, LIKELIHOODS
from vae_core.errors import ModelError
from vae_core.geometry import (
    jacobian,
    jacobian_ellipses,
    jacobian_norm,
    magnification,
    magnification_map,
    metric,
)


def points(dimension: int = 2, count: int = 30, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(count, dimension, generator=torch.Generator().manual_seed(1), dtype=dtype)


def test_a_layer_with_a_sigmoid_has_the_jacobian_of_the_chain_rule() -> None:
    model = make_model(latent_dim=3, decoder_widths=())
    z = points(3)
    mean = model.decode(z).flatten(1)
    weight = model.decoder.layers[0].get_parameter("weight")
    torch.testing.assert_close(jacobian(model, z), (mean * (1 - mean))[..., None] * weight)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_the_jacobian_is_that_of_numerical_differentiation(likelihood: str, activation: str) -> None:
    model = make_model(likelihood=likelihood, activation=activation, decoder_widths=(9, 11)).double()
    z, step = points(dtype=torch.float64), 1e-6
    derivatives = jacobian(model, z)
    for axis in range(2):
        shift = torch.zeros(2, dtype=torch.float64)
        shift[axis] = step
        slope = (model.decode(z + shift) - model.decode(z - shift)).flatten(1) / (2 * step)
        torch.testing.assert_close(derivatives[..., axis], slope, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("latent_dim", [1, 2, 5])
def test_a_linear_decoder_has_the_geometry_of_its_matrix_everywhere(latent_dim: int) -> None:
    model, weight = linear_model(latent_dim)
    sizes = torch.linalg.svdvals(weight.double())
    z = points(latent_dim)
    assert jacobian_norm(model, z).tolist() == pytest.approx([sizes.square().sum().sqrt().item()] * len(z))
    assert magnification(model, z).tolist() == pytest.approx([sizes.prod().item()] * len(z))


def test_a_constant_decoder_moves_nothing() -> None:
    model = make_model()
    for parameter in model.decoder.parameters():
        parameter.zero_()
    assert not jacobian_norm(model, points()).any()
    assert not magnification(model, points()).any()


def test_a_direction_that_changes_nothing_makes_no_volume() -> None:
    model = make_model(latent_dim=3)
    model.decoder.layers[0].get_parameter("weight")[:, 1] = 0
    assert (jacobian_norm(model, points(3)) > 0).all()
    assert not magnification(model, points(3)).any()


def test_the_metric_of_a_sphere_is_that_of_its_polar_coordinates() -> None:
    z = torch.tensor([[0.4, -1.0], [1.3, 2.0]])
    expected = torch.stack([torch.diag(torch.tensor([1.0, polar.sin() ** 2])) for polar in z[:, 0]])
    torch.testing.assert_close(metric(surface_model(sphere), z).float(), expected)


@pytest.mark.parametrize("latent_dim", [1, 2, 4])
def test_the_ellipses_of_a_linear_decoder_are_the_inverse_of_its_metric(latent_dim: int) -> None:
    model, weight = linear_model(latent_dim)
    found = jacobian_ellipses(model, points(latent_dim, 3), step=0.7, longest=100.0)
    expected = 0.7**2 * torch.linalg.inv((weight.mT @ weight).double())
    torch.testing.assert_close(found, expected.expand(3, -1, -1), rtol=1e-4, atol=1e-8)


@given(st.integers(0, 9), st.floats(0.01, 1.0), st.floats(0, 6.28))
def test_a_step_to_the_rim_of_an_ellipse_changes_the_image_by_as_much(seed: int, step: float, angle: float) -> None:
    model, z = make_model(seed), points(count=4)
    factor = torch.linalg.cholesky(jacobian_ellipses(model, z, step, 1e6))
    rim = factor @ torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
    moved = jacobian(model, z).double() @ rim[..., None]
    assert moved[..., 0].norm(dim=1).tolist() == pytest.approx([step] * 4, rel=1e-4)


def test_a_direction_that_changes_nothing_has_the_longest_half_axis() -> None:
    model = make_model()
    model.decoder.layers[0].get_parameter("weight")[:, 1] = 0
    ellipses = jacobian_ellipses(model, points(count=5), step=0.01, longest=0.25)
    torch.testing.assert_close(ellipses[:, 1, 1], torch.full((5,), 0.25**2, dtype=torch.float64))
    assert not ellipses[:, 0, 1].any()
    assert (torch.linalg.eigvalsh(ellipses) <= 0.25**2 * (1 + 1e-9)).all()


def test_the_map_has_y_down_its_rows_and_x_along_them() -> None:
    model = make_model()
    x, y = torch.linspace(-3, 3, 4), torch.linspace(-1, 2, 3)
    raster = magnification_map(model, x, y)
    assert raster.shape == (3, 4)
    for row in range(3):
        for column in range(4):
            there = torch.stack([x[column], y[row]])[None]
            assert raster[row, column].item() == pytest.approx(magnification(model, there).item(), rel=1e-5)


@pytest.mark.parametrize("latent_dim", [1, 3])
def test_there_is_a_map_of_a_plane_only(latent_dim: int) -> None:
    with pytest.raises(ModelError, match=f"needs a latent size of 2 and this model has {latent_dim}"):
        magnification_map(make_model(latent_dim=latent_dim), torch.zeros(2), torch.zeros(2))


@given(st.integers(0, 9), st.sampled_from([1, 2, 3]), st.sampled_from(LIKELIHOODS))
def test_the_volume_is_at_most_that_of_a_cube_with_the_same_norm(seed: int, dimension: int, likelihood: str) -> None:
    # The product of the squared singular values is at most their mean to the power of d.
    model = make_model(seed, latent_dim=dimension, likelihood=likelihood)
    z = points(dimension, 5)
    largest = (jacobian_norm(model, z) / math.sqrt(dimension)) ** dimension
    volumes = magnification(model, z)
    assert (volumes >= 0).all()
    assert (volumes <= largest * (1 + 1e-6)).all()


@given(st.permutations(range(8)))
def test_every_point_has_its_own_geometry_whatever_the_others(order: list[int]) -> None:
    model, z = make_model(), points(count=8)
    torch.testing.assert_close(jacobian_norm(model, z[order]), jacobian_norm(model, z)[order])
    torch.testing.assert_close(magnification(model, z[order]), magnification(model, z)[order])


def test_turning_the_latent_space_changes_neither_norm_nor_volume() -> None:
    model, turned, z = make_model(), make_model(), points()
    turn = torch.tensor([[0.8, -0.6], [0.6, 0.8]])
    weight = turned.decoder.layers[0].get_parameter("weight")
    weight.copy_(weight @ turn)
    torch.testing.assert_close(jacobian_norm(turned, z @ turn), jacobian_norm(model, z), rtol=1e-5, atol=0)
    torch.testing.assert_close(magnification(turned, z @ turn), magnification(model, z), rtol=1e-5, atol=0)


def test_it_does_not_matter_how_many_points_fit_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    model, z = make_model(), points()
    whole = magnification(model, z)
    monkeypatch.setattr(geometry, "_COLUMNS", 7)
    torch.testing.assert_close(magnification(model, z), whole, rtol=1e-5, atol=0)
    assert magnification(model, z[:1]).shape == (1,)


def test_no_graph_is_kept_for_a_model_in_training() -> None:
    model = make_model().requires_grad_(True)
    assert not jacobian(model, points()).requires_grad
