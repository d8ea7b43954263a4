"""Geodesics against surfaces whose shortest lines are known, and never longer than the straight line."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import solve_bvp, trapezoid
from torch import Tensor

from tests.factories import make_model
from tests.surfaces import bump, cone, cylinder, linear_model, sphere, steep_model, surface_model
from vae_core.atlas import encode_images
from vae_core.curves import straight
from vae_core.data import load_images
from vae_core.errors import LatentExplorerError
from vae_core.geodesics import energy, geodesic, smooth
from vae_core.latent_graph import build_graph
from vae_core.models import Autoencoder
from vae_core.registry import BUNDLED, load_model

NOWHERE = torch.zeros(2, 2)
MODEL = steep_model()
GRAPH = build_graph(MODEL, NOWHERE, 40)
near = st.tuples(*[st.floats(-3, 3, width=32)] * 2).map(torch.tensor)


def length_of(model: Autoencoder, points: Tensor, count: int = 8_000) -> float:
    """The length of a polyline by another way than the library's: in double precision, at evenly spread samples."""
    place = torch.linspace(0, len(points) - 1, count, dtype=torch.float64)
    leg = place.floor().clamp(max=len(points) - 2).long()
    ends = points.double()
    z = ends[leg] + (place - leg)[:, None] * (ends[leg + 1] - ends[leg])
    images = model.decode(z.float()).flatten(1).double()
    length: float = images.diff(dim=0).norm(dim=1).sum().item()
    return length


@pytest.mark.parametrize("latent_dim", [1, 2, 5])
def test_under_a_linear_decoder_it_is_the_straight_line(latent_dim: int) -> None:
    model, weight = linear_model(latent_dim)
    generator = torch.Generator().manual_seed(2)
    a, b = torch.randn(2, latent_dim, generator=generator)
    found = geodesic(model, a, b)
    assert found.is_straight
    assert found.curve.length == pytest.approx((weight @ (b - a)).norm().item(), rel=1e-5)


def test_under_a_linear_decoder_no_path_through_the_graph_is_shorter() -> None:
    model, _weight = linear_model()
    found = geodesic(model, torch.tensor([-1.3, 0.4]), torch.tensor([2.0, 1.7]), build_graph(model, NOWHERE, 30))
    assert found.is_straight


@pytest.mark.parametrize("with_graph", [False, True])
def test_on_a_sphere_it_is_the_great_circle(with_graph: bool) -> None:
    model = surface_model(sphere)
    a, b = torch.tensor([0.5, -1.0]), torch.tensor([0.8, 1.2])
    found = geodesic(model, a, b, build_graph(model, NOWHERE, 60) if with_graph else None)
    angle = torch.arccos(sphere(a) @ sphere(b)).item()
    assert found.curve.length == pytest.approx(angle, rel=1e-3)
    assert found.straight.length > 1.1 * angle
    normal = torch.linalg.cross(sphere(a), sphere(b))
    assert (sphere(found.curve.points) @ normal / normal.norm()).abs().max() < 0.02


def test_in_three_dimensions_it_is_the_great_circle_of_a_sphere_in_four() -> None:
    def hypersphere(z: Tensor) -> Tensor:
        first, rest = z[..., :1], z[..., 1:]
        return torch.cat([first.cos(), first.sin() * sphere(rest)], -1)

    a, b = torch.tensor([0.9, 0.7, -0.8]), torch.tensor([1.3, 1.0, 0.9])
    found = geodesic(surface_model(hypersphere, 3), a, b)
    assert found.curve.length == pytest.approx(torch.arccos(hypersphere(a) @ hypersphere(b)).item(), rel=1e-3)
    assert not found.is_straight


def test_on_a_cylinder_it_is_the_helix() -> None:
    found = geodesic(surface_model(cylinder), torch.tensor([-1.0, 0.0]), torch.tensor([1.5, 2.0]))
    assert found.is_straight
    assert found.curve.length == pytest.approx(math.hypot(2.5, 2), rel=1e-4)


def test_on_a_cone_it_is_straight_once_the_cone_is_cut_open() -> None:
    model, slope = surface_model(cone), 3.0
    a, b = torch.tensor([-2.0, 0.3]), torch.tensor([1.5, 0.4])
    found = geodesic(model, a, b, build_graph(model, NOWHERE, 60))
    steepness = math.sqrt(1 + slope**2)
    turn = (math.atan2(a[1].item(), a[0].item()) - math.atan2(b[1].item(), b[0].item())) / steepness
    r, s = a.norm().item() * steepness, b.norm().item() * steepness
    assert found.curve.length == pytest.approx(math.sqrt(r**2 + s**2 - 2 * r * s * math.cos(turn)), rel=2e-3)
    assert found.curve.length < 0.8 * found.straight.length


def test_it_finds_the_way_round_a_hill_that_solves_the_equation_of_geodesics() -> None:
    model, height = surface_model(bump), 2.0
    a, b = torch.tensor([-2.0, 0.2]), torch.tensor([2.0, 0.1])
    found = geodesic(model, a, b, build_graph(model, NOWHERE, 60))

    def hill(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        h = height * np.exp(-(x**2) - y**2)
        return -2 * x * h, -2 * y * h, (4 * x**2 - 2) * h, 4 * x * y * h, (4 * y**2 - 2) * h

    def motion(_t: NDArray[np.float64], state: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y, u, v = state
        hx, hy, hxx, hxy, hyy = hill(x, y)
        # On a graph z = h(x, y): x'' = -h_x (h_xx u² + 2 h_xy u v + h_yy v²) / (1 + |grad h|²), and y'' alike.
        pull = (hxx * u**2 + 2 * hxy * u * v + hyy * v**2) / (1 + hx**2 + hy**2)
        return np.stack([u, v, -hx * pull, -hy * pull])

    def ends(first: NDArray[np.float64], last: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.concatenate([first[:2] - a.numpy(), last[:2] - b.numpy()])

    t = np.linspace(0, 1, 60)
    guess = np.stack([-2 + 4 * t, 1.4 * np.sin(np.pi * t), np.full_like(t, 4), 1.4 * np.pi * np.cos(np.pi * t)])
    solved = solve_bvp(motion, ends, t, guess, tol=1e-8, max_nodes=20_000)
    assert solved.success
    x, y, u, v = solved.sol(np.linspace(0, 1, 4001))
    hx, hy, *_ = hill(x, y)
    length = trapezoid(np.sqrt(u**2 + v**2 + (hx * u + hy * v) ** 2), dx=1 / 4000)
    assert found.curve.length == pytest.approx(length, rel=1e-3)
    assert found.curve.points[:, 1].max().item() == pytest.approx(y.max(), abs=0.02)
    # Over the top it is longer, and so is the straight line.
    assert found.straight.length > 1.1 * length


@settings(max_examples=12)
@given(near, near, st.booleans())
def test_it_is_never_longer_than_the_straight_line_and_its_ends_are_exact(a: Tensor, b: Tensor, graph: bool) -> None:
    found = geodesic(MODEL, a, b, GRAPH if graph else None)
    assert found.curve.length <= found.straight.length
    for curve in (found.curve, found.straight):
        assert torch.equal(curve.points[0], a)
        assert torch.equal(curve.points[-1], b)
    assert length_of(MODEL, found.curve.points) <= length_of(MODEL, torch.stack([a, b])) * (1 + 1e-5) + 1e-5


@settings(max_examples=8)
@given(near, near)
def test_the_way_back_is_as_long(a: Tensor, b: Tensor) -> None:
    there, back = geodesic(MODEL, a, b, GRAPH), geodesic(MODEL, b, a, GRAPH)
    assert there.curve.length == pytest.approx(back.curve.length, rel=5e-3, abs=1e-4)


@settings(max_examples=6)
@given(near, near, near)
def test_a_detour_by_a_third_point_is_no_shorter(a: Tensor, b: Tensor, c: Tensor) -> None:
    direct, first, second = (geodesic(MODEL, *ends, GRAPH).curve.length for ends in ((a, c), (a, b), (b, c)))
    assert direct <= (first + second) * 1.005 + 1e-4


@pytest.mark.parametrize("name", BUNDLED)
def test_between_digits_of_different_class_it_is_never_longer_than_the_straight_line(name: str) -> None:
    model = load_model(name)
    images, labels = (part[:400] for part in load_images())
    codes = encode_images(model, images)[0]
    graph = build_graph(model, codes, 40)
    for first, last in ((0, 3), (17, 253)):
        assert labels[first] != labels[last]
        found = geodesic(model, codes[first], codes[last], graph)
        assert found.curve.length <= found.straight.length
        line = length_of(model, torch.stack([codes[first], codes[last]]))
        assert length_of(model, found.curve.points) <= line * (1 + 1e-6)


def test_smoothing_lessens_the_energy_and_leaves_the_ends() -> None:
    points = straight(torch.tensor([-2.0, 1.0]), torch.tensor([2.0, -1.5]), 33)
    points[1:-1] += 0.3 * torch.randn(31, 2, generator=torch.Generator().manual_seed(0))
    found = smooth(MODEL, points)
    assert energy(MODEL, found) < 0.5 * energy(MODEL, points)
    assert torch.equal(found[[0, -1]], points[[0, -1]])
    assert torch.equal(smooth(MODEL, points[:2]), points[:2])


def test_the_energy_is_the_squared_length_where_steps_are_equal() -> None:
    model, weight = linear_model()
    a, b = torch.tensor([0.0, 1.0]), torch.tensor([2.0, -1.0])
    squared = (weight @ (b - a)).square().sum().item()
    assert energy(model, straight(a, b, 9)).item() == pytest.approx(squared, rel=1e-5)
    uneven = torch.stack([a, torch.lerp(a, b, 0.1), b])
    assert energy(model, uneven, 1).item() == pytest.approx(squared * 2 * (0.1**2 + 0.9**2), rel=1e-5)


def test_a_model_in_training_gets_no_gradients() -> None:
    model = make_model(3).requires_grad_(True)
    found = geodesic(model, torch.tensor([-1.0, 0.0]), torch.tensor([1.0, 1.0]))
    assert not found.curve.points.requires_grad
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("graph", [None, GRAPH])
def test_from_a_point_to_itself_there_is_nowhere_to_go(graph: object) -> None:
    here = torch.tensor([0.5, 1.0])
    found = geodesic(MODEL, here, here, GRAPH if graph else None)
    assert found.is_straight
    assert found.curve.length == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("ends", [([0.0], [1.0]), ([0.0, math.nan], [1.0, 1.0]), ([0.0, 0.0], [math.inf, 1.0])])
def test_ends_that_are_no_points_of_the_plane_are_refused(ends: tuple[list[float], list[float]]) -> None:
    with pytest.raises(LatentExplorerError, match="two points of 2 finite numbers"):
        geodesic(MODEL, torch.tensor(ends[0]), torch.tensor(ends[1]))
