"""Schedules: bounded, continuous, and the curves their papers describe."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vae_core.config import BETA_SCHEDULES, LEARNING_RATE_SCHEDULES, TrainConfig
from vae_core.schedules import beta_at, course_of_beta, cycle, learning_rate_at, one_cycle, warm_up

SCHEDULES = [("learning_rate", name) for name in LEARNING_RATE_SCHEDULES] + [("beta", name) for name in BETA_SCHEDULES]
SETTINGS = {
    "epochs": st.integers(1, 300),
    "beta": st.floats(0, 100),
    "beta_warmup": st.floats(0, 50),
    "beta_cycle": st.floats(0.5, 50),
    "learning_rate": st.floats(1e-5, 1),
    "learning_rate_warmup": st.floats(0, 50),
    "learning_rate_cycle": st.floats(0.5, 50),
}


@given(schedule=st.sampled_from(SCHEDULES), settings=st.fixed_dictionaries(SETTINGS), share=st.floats(0, 1))
def test_a_schedule_stays_between_zero_and_its_setting(
    schedule: tuple[str, str], settings: dict[str, Any], share: float
) -> None:
    setting, name = schedule
    config = TrainConfig(**{**settings, f"{setting}_schedule": name})
    at = learning_rate_at if setting == "learning_rate" else beta_at
    assert 0 <= at(config, share * config.epochs) <= getattr(config, setting) * (1 + 1e-12)


@given(length=st.floats(0.5, 50), epochs=st.floats(0, 100), step=st.floats(0, 0.01))
def test_a_warm_up_rises_in_a_straight_line_and_then_stays(length: float, epochs: float, step: float) -> None:
    assert 0 <= warm_up(epochs + step, length) - warm_up(epochs, length) <= step / length + 1e-12
    assert warm_up(length + epochs, length) == 1.0
    assert warm_up(length / 4, length) == pytest.approx(0.25)


def test_a_warm_up_without_length_is_over_at_once() -> None:
    assert warm_up(0.0, 0.0) == 1.0


@given(period=st.floats(0.5, 50), share=st.floats(0, 0.999), times=st.integers(0, 5))
def test_a_cycle_rises_over_half_of_each_period_and_then_stays(period: float, share: float, times: int) -> None:
    expected = min(1.0, 2 * share)
    assert cycle(share * period, period) == pytest.approx(expected, abs=1e-9)
    if share > 1e-6:  # not at the seam, where rounding may fall on either side
        assert cycle((times + share) * period, period) == pytest.approx(expected, abs=1e-9)


@given(progress=st.floats(0, 1), step=st.floats(0, 1e-3))
def test_one_cycle_has_no_jumps(progress: float, step: float) -> None:
    # The steepest slope of half a cosine over 0.3 is pi / 2 / 0.3.
    assert abs(one_cycle(min(1.0, progress + step)) - one_cycle(progress)) <= math.pi / 0.6 * step + 1e-12


def test_one_cycle_is_the_one_of_torch() -> None:
    steps = 2_000
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=steps + 1)
    for step in range(steps + 1):
        if step % 50 == 0:
            # Torch counts its phases in whole steps and so differs by a step of the steepest slope.
            assert one_cycle(step / steps) == pytest.approx(scheduler.get_last_lr()[0], abs=6 / steps)
        optimizer.step()
        if step < steps:
            scheduler.step()


@pytest.mark.parametrize(("progress", "expected"), [(0.0, 1 / 25), (0.3, 1.0), (1.0, 1e-4 / 25), (1.7, 1e-4 / 25)])
def test_one_cycle_begins_peaks_and_ends_where_it_should(progress: float, expected: float) -> None:
    assert one_cycle(progress) == pytest.approx(expected)


def test_a_cyclical_learning_rate_falls_to_nothing_and_comes_back() -> None:
    config = TrainConfig(learning_rate=0.5, learning_rate_schedule="cyclical", learning_rate_cycle=4.0)
    values = [learning_rate_at(config, epochs) for epochs in (0, 1, 2, 3, 4)]
    assert values == pytest.approx([0.5, 0.25, 0.0, 0.25, 0.5])


def test_beta_warms_up_to_its_setting() -> None:
    config = TrainConfig(beta=4.0, beta_schedule="linear", beta_warmup=8.0)
    assert [beta_at(config, epochs) for epochs in (0, 2, 8, 100)] == pytest.approx([0.0, 1.0, 4.0, 4.0])


def test_a_constant_schedule_is_its_setting() -> None:
    config = TrainConfig(beta=4.0, beta_schedule="constant", learning_rate=0.1, learning_rate_schedule="constant")
    assert {(beta_at(config, epochs), learning_rate_at(config, epochs)) for epochs in (0, 0.5, 7)} == {(4.0, 0.1)}


@given(length=st.floats(0.01, 50), start=st.floats(0, 20), end=st.floats(0, 20), share=st.floats(0, 3))
def test_beta_sent_by_hand_goes_from_where_it_was_to_where_it_is_sent(
    length: float, start: float, end: float, share: float
) -> None:
    assert course_of_beta("constant", share * length, length, start, end) == end
    straight = course_of_beta("linear", share * length, length, start, end)
    assert straight == pytest.approx(start + (end - start) * min(1.0, share), abs=1e-9)
    assert course_of_beta("cyclical", 2 * length, length, start, end) == pytest.approx(0.0, abs=1e-9)
    assert course_of_beta("cyclical", 0.25 * length, length, start, end) == pytest.approx(end / 2)
    assert course_of_beta("cyclical", 0.75 * length, length, start, end) == pytest.approx(end)
