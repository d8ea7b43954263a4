"""How families of models draw: each ends at the distribution it should, by the steps it has."""

from __future__ import annotations

import math

import pytest
import torch

from vae_core.errors import ConfigError
from vae_core.families import FAMILIES, codebook, denoised, generate, misfit, quantiles
from vae_core.mixtures import mixture

TARGET = mixture((0.4, -1, 0.4), (0.6, 0.8, 0.5))
COUNT = 8000
CHANCE = math.sqrt(48 / (2 * math.pi * COUNT))


def drawn(family: str, steps: int) -> torch.Tensor:
    """The ways of many draws."""
    return generate(family, TARGET, COUNT, steps, torch.Generator().manual_seed(0))


def test_the_mixture_s_own_draws_are_out_of_place_by_chance_alone() -> None:
    values = TARGET.sample(COUNT, torch.Generator().manual_seed(1))
    assert misfit(TARGET, values) == pytest.approx(CHANCE, rel=0.5)
    assert misfit(TARGET, values + 10) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("family", FAMILIES)
def test_with_many_steps_every_family_draws_the_target(family: str) -> None:
    steps = {"energy": 400, "autoregressive": 12, "vector-quantised": 300}.get(family, 64)
    assert misfit(TARGET, drawn(family, steps)[-1]) < 3 * CHANCE


@pytest.mark.parametrize("family", ["autoregressive", "vector-quantised", "diffusion", "latent-diffusion", "energy"])
def test_with_few_steps_it_is_further_off(family: str) -> None:
    assert misfit(TARGET, drawn(family, 2)[-1]) > 4 * CHANCE


@pytest.mark.parametrize(("family", "rows"), [("flow", 9), ("diffusion", 9), ("energy", 9), ("autoregressive", 9)])
def test_a_way_has_a_place_for_every_step(family: str, rows: int) -> None:
    assert drawn(family, 8).shape == (rows, COUNT)


def test_a_flow_keeps_the_order_of_its_noise_in_every_layer_and_a_folding_generator_does_not() -> None:
    ways = drawn("flow", 5)
    order = ways[0].argsort()
    assert all(bool((row[order].diff() >= -1e-12).all()) for row in ways)
    start, end = drawn("gan", 1)
    assert bool((end[start.argsort()].diff() < 0).any())


def test_quantiles_of_one_gaussian_are_those_of_the_normal_distribution() -> None:
    found = quantiles(mixture((1, 0.5, 0.7)), torch.tensor([0.1587, 0.5, 0.8413], dtype=torch.float64))
    assert found.tolist() == pytest.approx([-0.2, 0.5, 1.2], abs=0.01)


def test_denoising_one_gaussian_has_the_closed_form() -> None:
    """x0 ~ N(m, s^2) seen through noise: the precision-weighted mean (Bishop 2006, eq. 2.141)."""
    mean, std, signal = 0.5, 0.7, 0.6
    x = torch.tensor([-1.0, 0.3, 2.0], dtype=torch.float64)
    noise = 1 - signal**2
    expected = (mean / std**2 + signal * x / noise) / (1 / std**2 + signal**2 / noise)
    assert torch.allclose(denoised(mixture((1, mean, std)), x, signal), expected)


def test_the_codes_of_a_book_are_the_means_of_what_they_stand_for() -> None:
    codes, shares = codebook(TARGET, 8, torch.Generator().manual_seed(0))
    assert float(shares.sum()) == pytest.approx(1)
    assert bool((codes.diff() > 0).all())
    assert float(codes @ shares.double()) == pytest.approx(float(TARGET.weights @ TARGET.means), abs=0.03)


@pytest.mark.parametrize(
    ("family", "steps", "reason"), [("wishful", 1, "autoregressive, flow"), ("flow", 0, "one step")]
)
def test_what_there_is_not_is_refused(family: str, steps: int, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        drawn(family, steps)
