"""Latent paths against their geometry."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vae_core.errors import LatentExplorerError
from vae_core.interpolation import METHODS, lerp, path, slerp

coordinate = st.floats(-5, 5, allow_nan=False).map(lambda value: round(value, 3))
point = st.tuples(coordinate, coordinate).map(lambda z: torch.tensor(z, dtype=torch.float64))
TIMES = torch.linspace(0, 1, 11, dtype=torch.float64)


@pytest.mark.parametrize("method", METHODS)
@given(a=point, b=point)
def test_a_path_starts_and_ends_at_its_pins(method: str, a: torch.Tensor, b: torch.Tensor) -> None:
    points = METHODS[method](a, b, TIMES)
    assert torch.allclose(points[0], a, atol=1e-9)
    assert torch.allclose(points[-1], b, atol=1e-9)


@given(a=point, b=point)
def test_a_line_divides_its_length_evenly(a: torch.Tensor, b: torch.Tensor) -> None:
    steps = lerp(a, b, TIMES).diff(dim=0)
    assert torch.allclose(steps, ((b - a) / 10).expand_as(steps), atol=1e-9)


def test_an_arc_keeps_the_radius_of_its_ends_and_turns_evenly() -> None:
    a, b = torch.tensor([2.0, 0.0]).double(), torch.tensor([0.0, 2.0]).double()
    points = slerp(a, b, TIMES)
    angles = torch.atan2(points[:, 1], points[:, 0])
    assert torch.allclose(points.norm(dim=1), torch.full((11,), 2.0).double())
    assert torch.allclose(angles, TIMES * math.pi / 2)


def test_the_radius_changes_linearly_where_the_ends_differ() -> None:
    points = slerp(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 3.0]), torch.tensor([0.0, 0.5, 1.0]))
    assert points.norm(dim=1).tolist() == pytest.approx([1, 2, 3])


@pytest.mark.parametrize("b", [(-2.0, 0.0), (4.0, 0.0), (0.0, 0.0)])
def test_without_an_arc_about_the_origin_the_path_is_straight(b: tuple[float, float]) -> None:
    a, end = torch.tensor([2.0, 0.0]), torch.tensor(b)
    assert torch.allclose(slerp(a, end, TIMES.float()), lerp(a, end, TIMES.float()))


@given(count=st.integers(2, 6), frames=st.integers(2, 60))
def test_every_pin_is_on_the_path(count: int, frames: int) -> None:
    pins = torch.randn(count, 2, generator=torch.Generator().manual_seed(count)).double()
    points = path(pins, frames, "spherical")
    distance = torch.cdist(pins, points).amin(1)
    assert distance.max() < 1e-5
    assert (len(points) - 1) % (count - 1) == 0


def test_one_pin_is_no_path() -> None:
    with pytest.raises(LatentExplorerError, match="two pins"):
        path(torch.zeros(1, 2), 10)


def test_an_unknown_interpolation_names_the_choices() -> None:
    with pytest.raises(LatentExplorerError, match="linear, spherical"):
        path(torch.zeros(2, 2), 10, "cubic")
