"""Estimators of log p(x) against the closed form of a linear Gaussian model."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import make_model
from tests.linear_gaussian import LinearGaussian
from vae_core.estimators import effective_samples, estimates


def test_where_q_is_the_posterior_every_weight_is_the_evidence() -> None:
    exact = LinearGaussian((0.6, 0.3), 0.05)
    x = exact.images(torch.tensor([[0.5, 0.5]]))
    value = exact.log_evidence(x).item()
    found = {each.name: each for each in estimates(exact.model, x, torch.Generator().manual_seed(0), 2000, 4)}
    for name in ("importance", "iwae-1", "iwae-10", "iwae-100"):
        assert found[name].median.tolist() == pytest.approx([value] * len(found[name].samples), abs=0.02)
        assert (found[name].high - found[name].low).max() < 0.02
    effective = found["importance"].effective
    assert effective is not None
    assert effective.tolist() == pytest.approx(found["importance"].samples.tolist(), rel=1e-3)


def test_estimators_come_nearer_as_samples_grow_and_the_prior_needs_more_of_them() -> None:
    exact = LinearGaussian((1.5, 1.0), 0.02)
    exact.model.encoder.state_dict()["layers.0.bias"].add_(torch.tensor([0.1, -0.1, 0.5, 0.5]))
    x = exact.images(torch.tensor([[0.5, 0.5]]))
    value = exact.log_evidence(x).item()
    found = {each.name: each for each in estimates(exact.model, x, torch.Generator().manual_seed(0), 2000, 8)}
    for name in ("prior", "importance"):
        distance = (found[name].median - value).abs()
        assert distance[-1] < 0.3
        assert distance[0] > distance[-1]
        spread = found[name].high - found[name].low
        assert spread[-1] < spread[2]
    prior, own = found["prior"].effective, found["importance"].effective
    assert prior is not None
    assert own is not None
    assert own[-1] > 10 * prior[-1]
    # A bound of k samples stays where it is, however many of them are averaged; a larger k is nearer.
    last = {name: each.median[-1].item() for name, each in found.items()}
    assert last["iwae-1"] < last["iwae-10"] < last["iwae-100"] + 0.02
    assert last["iwae-100"] < value + 0.05
    assert value - last["iwae-1"] > 0.2


def test_an_autoencoder_has_draws_from_the_prior_alone_and_its_bounds_fit_the_samples() -> None:
    exact = LinearGaussian((0.6, 0.3), 0.05, kind="ae")
    x = exact.images(torch.tensor([[0.5, 0.5]]))
    found = estimates(exact.model, x, torch.Generator().manual_seed(0), 1000, 2)
    assert [each.name for each in found] == ["prior"]
    assert found[0].median[-1].item() == pytest.approx(exact.log_evidence(x).item(), abs=0.3)


def test_a_model_of_many_dimensions_has_estimates_too(generator: torch.Generator) -> None:
    shares: list[float] = []
    found = estimates(make_model(latent_dim=7), torch.zeros(1, 1, 28, 28), generator, 100, 2, shares.append)
    assert [each.name for each in found] == ["prior", "importance", "iwae-1", "iwae-10"]
    assert found[-1].samples.tolist() == [10, 20, 50, 100]
    assert all(torch.isfinite(each.median).all() for each in found)
    assert shares[-1] == 1.0


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=20))
def test_the_effective_size_lies_between_one_and_all(weights: list[float]) -> None:
    size = effective_samples(torch.tensor(weights, dtype=torch.float64)).item()
    assert 1 - 1e-9 <= size <= len(weights) + 1e-9


def test_the_effective_size_of_one_weight_among_nothing_is_one() -> None:
    weights = torch.tensor([0.0, -math.inf, -math.inf], dtype=torch.float64)
    assert effective_samples(weights).item() == pytest.approx(1)
    assert effective_samples(torch.zeros(40)).item() == pytest.approx(40)
