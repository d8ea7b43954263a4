"""Lengths in the pulled-back metric against closed forms, and points at equal distances."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.surfaces import cylinder, linear_model, sphere, steep_model, surface_model
from vae_core.curves import MOST_SAMPLES, measure, straight, subdivide

MODEL = steep_model()
near = st.tuples(*[st.floats(-3, 3, width=32)] * 2)


def test_a_straight_line_under_a_linear_decoder_is_as_long_as_its_image() -> None:
    model, weight = linear_model(3)
    a, b = torch.tensor([0.5, -1.0, 2.0]), torch.tensor([-2.0, 0.25, 1.0])
    length = measure(model, torch.stack([a, b])).length
    assert length == pytest.approx((weight @ (b - a)).norm().item(), rel=1e-5)


def test_a_circle_of_latitude_has_its_length() -> None:
    polar = 0.7
    ends = torch.tensor([[polar, 0.0], [polar, 2 * math.pi]])
    # Its ends decode to one image: what counts is the way between.
    assert measure(surface_model(sphere), ends).length == pytest.approx(2 * math.pi * math.sin(polar), rel=1e-4)


def test_a_helix_has_its_length() -> None:
    ends = torch.tensor([[0.0, 0.0], [9.0, 4.0]])
    assert measure(surface_model(cylinder), ends).length == pytest.approx(math.hypot(9, 4), rel=1e-4)


def test_the_length_of_a_broken_line_is_that_of_its_legs() -> None:
    corners = torch.tensor([[0.0, 0.0], [1.0, 2.0], [-1.0, 1.5], [2.0, -2.0]])
    legs = sum(measure(MODEL, corners[k : k + 2]).length for k in range(3))
    assert measure(MODEL, corners).length == pytest.approx(legs, rel=3e-4)


@given(near, near, st.lists(st.floats(0.01, 0.99), min_size=1, max_size=6, unique=True))
def test_the_length_does_not_depend_on_how_the_line_is_run_through(
    a: tuple[float, float], b: tuple[float, float], stops: list[float]
) -> None:
    ends = torch.tensor([a, b])
    shares = torch.tensor([0.0, *sorted(stops), 1.0])
    stopped = torch.lerp(ends[0], ends[1], shares[:, None])
    assert measure(MODEL, stopped).length == pytest.approx(measure(MODEL, ends).length, rel=3e-4, abs=1e-4)


@given(near, near)
def test_the_way_back_is_as_long(a: tuple[float, float], b: tuple[float, float]) -> None:
    there, back = torch.tensor([a, b]), torch.tensor([b, a])
    assert measure(MODEL, there).length == pytest.approx(measure(MODEL, back).length, rel=1e-4, abs=1e-4)


@given(near, near)
def test_no_way_is_shorter_than_its_ends_are_apart(a: tuple[float, float], b: tuple[float, float]) -> None:
    ends = torch.tensor([a, b])
    apart = (MODEL.decode(ends[:1]) - MODEL.decode(ends[1:])).norm().item()
    assert measure(MODEL, ends).length >= apart * (1 - 1e-5)


@pytest.mark.parametrize("corners", [2, 65])
def test_a_length_is_close_to_that_of_many_more_samples(corners: int) -> None:
    points = straight(torch.tensor([-3.0, -2.0]), torch.tensor([2.5, 3.0]), corners)
    curve = measure(MODEL, points)
    images = MODEL.decode(subdivide(points, 30_000 // (corners - 1))).flatten(1).double()
    assert curve.length == pytest.approx(images.diff(dim=0).norm(dim=1).sum().item(), rel=1e-4)
    assert len(curve.z) <= MOST_SAMPLES + 1
    torch.testing.assert_close(curve.points, points, rtol=0, atol=0)


def test_points_at_equal_distances_decode_to_images_at_equal_distances() -> None:
    curve = measure(MODEL, torch.tensor([[-3.0, -2.0], [0.0, 2.5], [2.5, -3.0]]))
    points = curve.evenly(401)
    steps = MODEL.decode(points).flatten(1).diff(dim=0).norm(dim=1)
    # But for the step over the corner, and the bends within the others.
    assert steps.sort().values[1:].tolist() == pytest.approx([curve.length / 400] * 399, rel=0.02)
    assert torch.equal(points[0], curve.points[0])
    assert torch.equal(points[-1], curve.points[-1])


def test_a_share_of_a_circle_is_at_that_angle() -> None:
    polar = 1.1
    curve = measure(surface_model(sphere), torch.tensor([[polar, -1.0], [polar, 3.0]]))
    found = curve.at(torch.tensor([0.0, 0.25, 0.5, 1.0]))
    torch.testing.assert_close(found, torch.tensor([[polar, -1.0], [polar, 0.0], [polar, 1.0], [polar, 3.0]]))


def test_where_the_image_stands_still_a_curve_goes_on_evenly() -> None:
    def flat(z: Tensor) -> Tensor:
        return torch.zeros_like(z)

    curve = measure(surface_model(flat), torch.tensor([[0.0, 0.0], [1.0, 2.0]]))
    assert curve.length == 0
    torch.testing.assert_close(curve.evenly(5), straight(curve.points[0], curve.points[1], 5))


def test_a_curve_that_stays_where_it_is_has_no_length() -> None:
    curve = measure(MODEL, torch.tensor([[0.5, 1.0], [0.5, 1.0]]))
    assert curve.length == pytest.approx(0, abs=1e-5)  # single precision
    assert torch.equal(curve.evenly(3), torch.tensor([[0.5, 1.0]] * 3))


def test_a_straight_line_ends_where_it_should() -> None:
    a, b = torch.tensor([0.1, 1e6]), torch.tensor([-0.3, 0.7])
    points = straight(a, b, 7)
    assert torch.equal(points[0], a)
    assert torch.equal(points[-1], b)
    assert torch.equal(subdivide(points, 3)[::3], points)
