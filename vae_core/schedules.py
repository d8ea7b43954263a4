"""Schedules: the learning rate and beta as pure functions of how many epochs have passed.

Being pure, they need no state in a checkpoint, and a resumed run follows them exactly.
"""

from __future__ import annotations

import math

from vae_core.config import TrainConfig


def warm_up(epochs: float, length: float) -> float:
    """Return the fraction in [0, 1] reached after ``epochs`` of a linear warm-up; at once 1 if it has no length."""
    return 1.0 if length <= 0 else min(1.0, epochs / length)


def cycle(epochs: float, period: float, rising: float = 0.5) -> float:
    """Return the cyclical annealing fraction: linear over the first half of each period, then 1.

    Fu et al. 2019, eq. 6, with R = 1/2.
    """
    return min(1.0, (epochs / period % 1.0) / rising)


def one_cycle(progress: float, rising: float = 0.3, start: float = 1 / 25, end: float = 1e-4) -> float:
    """Return the one-cycle learning-rate factor after a share ``progress`` of training (Smith & Topin 2019).

    Half a cosine up from ``start`` to 1, then half a cosine down to ``end`` of where it began.
    """
    if progress < rising:
        return start + (1 - start) * (1 - math.cos(math.pi * progress / rising)) / 2
    falling = min(1.0, (progress - rising) / (1 - rising))
    return start * end + (1 - start * end) * (1 + math.cos(math.pi * falling)) / 2


def learning_rate_at(config: TrainConfig, epochs: float) -> float:
    """Return the learning rate after ``epochs`` (a fraction counts) of the training that ``config`` describes."""
    factors = {
        "constant": lambda: 1.0,
        "linear": lambda: warm_up(epochs, config.learning_rate_warmup),
        "cyclical": lambda: 0.5 * (1 + math.cos(2 * math.pi * epochs / config.learning_rate_cycle)),
        "one-cycle": lambda: one_cycle(epochs / config.epochs),
    }
    return config.learning_rate * factors[config.learning_rate_schedule]()


def beta_at(config: TrainConfig, epochs: float) -> float:
    """Return beta after ``epochs`` (a fraction counts) of the training that ``config`` describes."""
    factors = {
        "constant": lambda: 1.0,
        "linear": lambda: warm_up(epochs, config.beta_warmup),
        "cyclical": lambda: cycle(epochs, config.beta_cycle),
    }
    return config.beta * factors[config.beta_schedule]()


def course_of_beta(schedule: str, passed: float, length: float, start: float, end: float) -> float:
    """Return beta ``passed`` epochs after it was sent by hand from ``start`` to ``end`` on a schedule of some length.

    "constant" is there at once; "linear" gets there in ``length`` epochs; "cyclical" rises from 0 to it over the first
    half of each period of ``length`` epochs, and stays for the second.
    """
    if schedule == "linear":
        return start + (end - start) * warm_up(passed, length)
    return end * cycle(passed, length) if schedule == "cyclical" else end
