"""Quadrature: the integral of p(x|z) p(z) on a grid that is fine only where it needs to be."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import simpson as integrate_samples
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from tests.factories import make_model
from tests.linear_gaussian import LinearGaussian
from vae_core.errors import ModelError
from vae_core.growing_grid import BLOCK
from vae_core.models import Autoencoder
from vae_core.quadrature import HALF_WIDTH, WIDEST, integrate, log_joint, needed_half_width, require_planar


def _sharp(seed: int, latent_dim: int, sharpness: float, likelihood: str = "bernoulli") -> Autoencoder:
    """A random decoder whose images change within 1 / sharpness of the latent space."""
    model = make_model(seed, latent_dim=latent_dim, decoder_widths=(24,), activation="tanh", likelihood=likelihood)
    weights = model.decoder.state_dict()
    weights["layers.0.weight"].mul_(sharpness)
    weights["layers.1.weight"].mul_(4)
    return model


def _images(model: Autoencoder, z: Tensor, seed: int = 0) -> Tensor:
    """Draw images from p(x|z)."""
    x = model.likelihood.sample(model.decode_params(z), torch.Generator().manual_seed(seed))
    return x.reshape(-1, 1, 28, 28)


def _prior(count: int, latent_dim: int, seed: int = 1) -> Tensor:
    return torch.randn(count, latent_dim, generator=torch.Generator().manual_seed(seed))


def _double(model: Autoencoder, x: Tensor, z: Tensor) -> Tensor:
    """Return log p(x, z), (N, G), for images (N, 1, 28, 28) and points (G, d), all in double precision."""
    log_prior = -0.5 * (z**2).sum(-1) - 0.5 * z.shape[-1] * math.log(2 * math.pi)
    parts = []
    for points in z.split(4000):
        params = copy.deepcopy(model).double().decode_params(points)
        parts.append(torch.stack([model.likelihood.log_prob(image.double().flatten(), params) for image in x]))
    return torch.cat(parts, 1) + log_prior


def _along_a_line(model: Autoencoder, x: Tensor, around: float = 0.0) -> Tensor:
    """Return log p(x) of a one-dimensional model by Simpson's rule, with many more points near one place."""
    fine = around + np.linspace(-0.05, 0.05, 2001)
    ends = [np.linspace(-8, fine[0], 4001)[:-1], np.linspace(fine[-1], 8, 4001)[1:]]
    z = np.concatenate([ends[0], fine, ends[1]])
    joint = _double(model, x, torch.tensor(z)[:, None]).numpy()
    top = joint.max(1, keepdims=True)
    return torch.tensor(top[:, 0] + np.log(integrate_samples(np.exp(joint - top), x=z)))


@settings(max_examples=5)
@given(seed=st.integers(0, 1000), sharpness=st.floats(1, 12))
def test_the_integral_along_a_line_is_that_of_simpson(seed: int, sharpness: float) -> None:
    model = _sharp(seed, 1, sharpness)
    x = _images(model, _prior(2, 1, seed))
    assert torch.allclose(integrate(model, x)[1].double(), _along_a_line(model, x), atol=0.02)


@pytest.mark.parametrize("likelihood", ["bernoulli", "continuous-bernoulli", "gaussian-learned"])
def test_the_integral_over_the_plane_is_that_of_a_plain_fine_grid(likelihood: str) -> None:
    model = _sharp(0, 2, 1.0, likelihood)
    x = _images(model, _prior(2, 2))
    axis = torch.linspace(-6, 6, 193, dtype=torch.float64)
    expected = _double(model, x, torch.cartesian_prod(axis, axis)).logsumexp(1) + 2 * math.log(12 / 192)
    assert torch.allclose(integrate(model, x)[1].double(), expected, atol=0.03)


@settings(max_examples=3)
@given(seed=st.integers(0, 1000), sharpness=st.floats(3, 20))
def test_a_grid_four_times_finer_changes_nothing(seed: int, sharpness: float) -> None:
    model = _sharp(seed, 2, sharpness)
    x = _images(model, _prior(10, 2, seed))
    grid, values = integrate(model, x)
    finer, finest = integrate(model, x, resolution=0.5)
    assert len(finer.z) > 2 * len(grid.z)
    assert (values - finest).abs().max() < 0.05


@pytest.mark.parametrize("place", [0.0, 0.25, -0.875, 0.3])
def test_a_cliff_is_found_wherever_it_stands_on_the_coarse_grid(place: float) -> None:
    # Two pictures, and all that is between them within a hundredth of the line.
    model = make_model(latent_dim=1, decoder_widths=(1,), activation="tanh")
    generator = torch.Generator().manual_seed(0)
    weights = {
        "layers.0.weight": torch.tensor([[300.0]]),
        "layers.0.bias": torch.tensor([-300.0 * place]),
        "layers.1.weight": 3 * torch.randn(784, 1, generator=generator),
        "layers.1.bias": torch.zeros(784),
    }
    model.decoder.load_state_dict(weights)
    x = _images(model, torch.tensor([[place], [place + 0.001], [place - 0.001]]))
    assert torch.allclose(integrate(model, x)[1].double(), _along_a_line(model, x, place), atol=0.03)


@pytest.mark.parametrize("scales", [(2.0,), (30.0,), (3.0, 1.0), (20.0, 0.5)])
def test_the_integral_of_a_linear_gaussian_model_is_its_closed_form(scales: tuple[float, ...]) -> None:
    # The narrowest posterior here has a deviation of 0.003, an eightieth of a coarse cell.
    exact = LinearGaussian(scales, variance=0.01)
    x = exact.images(_prior(6, len(scales)))
    grid, values = integrate(exact.model, x)
    assert (values.double() - exact.log_evidence(x)).abs().max() < 0.03
    assert grid.cell.min() < 1.1 * exact.posterior_variance.min().sqrt()


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_weights_are_those_of_the_prior(latent_dim: int) -> None:
    model = _sharp(0, latent_dim, 6.0)
    grid, _ = integrate(model, _images(model, _prior(10, latent_dim)))
    weight = grid.log_weight.double().exp()
    assert weight.sum().item() == pytest.approx(1, abs=2e-3)
    assert torch.allclose(weight @ grid.z.double() ** 2, torch.ones(latent_dim, dtype=torch.float64), atol=0.02)


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_cells_tile_the_square_without_gaps_or_overlaps(latent_dim: int) -> None:
    model = _sharp(1, latent_dim, 6.0)
    grid, _ = integrate(model, _images(model, _prior(5, latent_dim)))
    assert grid.cell.unique().numel() > 2
    assert (grid.cell.double() ** latent_dim).sum().item() == pytest.approx((2 * HALF_WIDTH) ** latent_dim)
    points = HALF_WIDTH * (2 * torch.rand(300, 1, latent_dim, generator=torch.Generator().manual_seed(0)) - 1)
    inside = ((points - grid.z).abs() < grid.cell[:, None] / 2).all(-1)
    assert inside.sum(1).tolist() == [1] * 300


def test_a_smooth_decoder_needs_no_more_than_the_coarse_grid() -> None:
    model = make_model(decoder_widths=())
    model.decoder.state_dict()["layers.0.weight"].mul_(0.01)
    grid, _ = integrate(model, torch.zeros(5, 1, 28, 28))
    assert grid.cell.tolist() == [0.25] * 52**2


def test_what_no_image_needs_is_not_refined() -> None:
    model = _sharp(2, 2, 12.0)
    z = _prior(20, 2)
    few, many = (integrate(model, _images(model, z[:count]))[0] for count in (1, 20))
    assert few.cell.min() < 0.05
    assert len(few.z) < len(many.z) / 2


def test_an_image_has_the_same_evidence_in_any_company() -> None:
    model = _sharp(3, 2, 8.0)
    x = _images(model, _prior(30, 2))
    together = integrate(model, x)[1]
    alone = torch.cat([integrate(model, image[None])[1] for image in x[:3]])
    assert torch.allclose(together[:3], alone, atol=2e-3)


def test_the_sums_over_the_grid_are_those_reported() -> None:
    model = _sharp(4, 2, 8.0)
    x = _images(model, _prior(5, 2))
    grid, values = integrate(model, x)
    assert torch.allclose(log_joint(model, grid, x).logsumexp(1), values, atol=1e-3)


def test_single_precision_costs_next_to_nothing() -> None:
    model = _sharp(5, 2, 6.0, "gaussian-learned")
    x = _images(model, _prior(5, 2))
    grid, values = integrate(model, x)
    joint = _double(model, x, grid.z.double()) + 2 * grid.cell.double().log()
    assert torch.allclose(values.double(), joint.logsumexp(1), atol=2e-3)


def test_codes_far_outside_the_prior_widen_the_grid() -> None:
    exact = LinearGaussian((4.0,), variance=0.04, kind="ae")
    x = exact.images(torch.tensor([[11.0], [-20.0], [0.5]]))
    grid, values = integrate(exact.model, x)
    assert grid.z.abs().max() > 20
    assert torch.allclose(values.double(), exact.log_evidence(x), rtol=2e-6, atol=0.03)


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=3))
def test_a_grid_is_wide_enough_for_its_codes_and_never_wider_than_useful(code: list[float]) -> None:
    width = needed_half_width(torch.tensor([code])).item()
    assert width in (HALF_WIDTH, 13.0, WIDEST)
    assert width == WIDEST or width >= max(map(abs, code)) + 0.99


class _LargestTensor(TorchDispatchMode):
    """Notes how many numbers the largest tensor holds that any operation makes."""

    numbers = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if isinstance(out, Tensor):
            self.numbers = max(self.numbers, out.numel())
        return out


def test_memory_grows_with_images_or_nodes_but_not_with_both() -> None:
    model = _sharp(6, 2, 12.0)
    x = _images(model, _prior(100, 2))
    mode: Any = _LargestTensor
    with mode() as largest:
        grid, _ = integrate(model, x)
    assert len(grid.z) > 10 * BLOCK
    assert largest.numbers < 1.5 * max(len(x), 784) * BLOCK


@pytest.mark.parametrize("latent_dim", [3, 20])
def test_beyond_two_dimensions_the_grid_is_refused(latent_dim: int) -> None:
    model = make_model(latent_dim=latent_dim)
    with pytest.raises(ModelError, match=f"this model has {latent_dim}: use the iwae bound"):
        require_planar(model)
    with pytest.raises(ModelError, match="latent size of 1 or 2"):
        integrate(model, torch.zeros(1, 1, 28, 28))


def test_nodes_are_exact_in_single_precision() -> None:
    exact = LinearGaussian((30.0,), variance=1e-3)
    grid, _ = integrate(exact.model, exact.images(torch.zeros(1, 1)))
    places = grid.z.double() / grid.cell[:, None].double() - 0.5
    assert np.array_equal(places.numpy(), np.round(places.numpy()))
