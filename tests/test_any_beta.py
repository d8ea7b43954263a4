"""The any-beta model: one network whose gates turn with beta."""

from __future__ import annotations

import dataclasses
import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from vae_core.config import ModelConfig, RunConfig, TrainConfig, from_json, to_json
from vae_core.data import binarize_once, load_images
from vae_core.errors import ConfigError
from vae_core.models import Autoencoder, Gate
from vae_core.objectives import elbo, elbo_terms
from vae_core.registry import load_model, read_card
from vae_core.training import fit
from vae_core.training_state import start
from vae_core.training_step import BALANCE, DRAWN_BELOW, balanced_loss, draw_log_beta

CONFIG = ModelConfig(encoder_widths=(16, 12), decoder_widths=(14, 16), beta_range=(0.01, 200.0))


def _model() -> Autoencoder:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return Autoencoder(CONFIG).eval()


def _images(count: int) -> Tensor:
    return torch.rand(count, 1, 28, 28, generator=torch.Generator().manual_seed(0))


@given(exponent=st.floats(math.log(0.01), math.log(200)))
def test_fixed_at_a_beta_it_computes_what_the_gates_compute(exponent: float) -> None:
    model, x = _model(), _images(3)
    beta = min(200.0, max(0.01, math.exp(exponent)))
    log_beta = torch.full((3, 1), math.log(beta))
    mu, logvar = model.encode(x, log_beta)
    fixed = model.at(beta)
    fixed_mu, fixed_logvar = fixed.encode(x)
    assert logvar is not None
    assert fixed_logvar is not None
    assert torch.allclose(mu, fixed_mu, atol=1e-5)
    assert torch.allclose(logvar, fixed_logvar, atol=1e-5)
    assert torch.allclose(model.decode_params(mu, log_beta), fixed.decode_params(mu), atol=1e-5)


def test_fixed_at_a_beta_it_is_an_ordinary_model() -> None:
    fixed = _model().at(4.0)
    assert fixed.config.beta_range == ()
    assert not [name for name in fixed.state_dict() if "gate" in name]
    assert fixed.decode(torch.zeros(2, 2)).shape == (2, 1, 28, 28)
    with pytest.raises(ConfigError, match="single beta"):
        fixed.at(1.0)


def test_fixing_leaves_the_model_itself_as_it_was() -> None:
    model = _model()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.at(100.0)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_without_a_beta_it_stands_at_one() -> None:
    model, x = _model(), _images(2)
    assert torch.allclose(model.encode(x)[0], model.at(1.0).encode(x)[0], atol=1e-6)


def test_betas_can_differ_from_image_to_image() -> None:
    model, x = _model(), _images(2)
    log_beta = torch.tensor([[math.log(0.1)], [math.log(20.0)]])
    both = model.encode(x, log_beta)[0]
    alone = [model.at(beta).encode(x[i : i + 1])[0] for i, beta in enumerate((0.1, 20.0))]
    assert torch.allclose(both, torch.cat(alone), atol=1e-5)


@pytest.mark.parametrize("beta", [0.0, -1.0, math.inf, math.nan, 0.009, 201.0])
def test_a_beta_out_of_range_is_refused_with_the_range(beta: float) -> None:
    with pytest.raises(ConfigError, match=r"0\.01 to 200"):
        _model().at(beta)


@pytest.mark.parametrize("ends", [(1.0,), (2.0, 1.0), (0.0, 1.0), (1.0, math.inf), (1.0, 2.0, 3.0)])
def test_a_beta_range_has_two_sensible_ends(ends: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match="beta range"):
        ModelConfig(beta_range=ends)


def test_an_autoencoder_has_no_beta_to_range_over() -> None:
    with pytest.raises(ConfigError, match="variational"):
        ModelConfig(kind="ae", beta_range=(0.1, 10.0))


def test_the_configuration_survives_json() -> None:
    assert from_json(ModelConfig, to_json(CONFIG)) == CONFIG


@pytest.mark.parametrize("ends", [(0.01, 200.0), (0.1, 100.0), (0.1, 10.0)])
def test_betas_are_drawn_evenly_between_those_that_part_the_range(ends: tuple[float, float]) -> None:
    drawn = draw_log_beta(ends, 40_000, torch.Generator().manual_seed(0))
    assert drawn is not None
    assert drawn.shape == (40_000, 1)
    low, high = ends
    places = [low, *(beta for beta, _ in DRAWN_BELOW if low < beta < high), high]
    shares = [0.0, *(share for beta, share in DRAWN_BELOW if low < beta < high), 1.0]
    for (first, end), (below, above) in zip(pairwise(places), pairwise(shares), strict=True):
        quarters = torch.histc(drawn, bins=4, min=math.log(first), max=math.log(end)) / 40_000
        assert torch.allclose(quarters, torch.full((4,), (above - below) / 4), atol=0.01)
    assert draw_log_beta((), 5, torch.Generator()) is None


def test_most_gates_begin_open_and_the_others_turn_within_the_range() -> None:
    low, high = CONFIG.beta_range
    model = Autoencoder(dataclasses.replace(CONFIG, decoder_widths=(200,)))
    gate = model.decoder.gates[0]
    assert isinstance(gate, Gate)
    ends = gate(torch.tensor([[math.log(low)], [math.log(high)]]))
    shared = (ends > 0.99).all(0)
    assert shared.sum() >= 160
    turning = -(gate.v / gate.u)[160:].detach()
    assert turning.min() >= math.log(low) - 1e-4
    assert turning.max() <= math.log(high) + 1e-4


def test_a_balanced_loss_is_the_loss_over_a_power_of_one_plus_beta() -> None:
    model, x = _model(), _images(2)
    beta = torch.tensor([0.5, 8.0])
    terms = elbo_terms(model, x, generator=torch.Generator().manual_seed(1), log_beta=beta.log()[:, None])
    expected = ((terms.reconstruction + beta * terms.kl) / (1 + beta) ** BALANCE).mean()
    assert torch.isclose(balanced_loss(terms, beta), expected)


def test_training_moves_the_gates_and_lowers_the_rate_as_beta_rises() -> None:
    images = (255 * _images(256).squeeze(1)).to(torch.uint8)
    images[:128] = images[:128] // 8
    model = dataclasses.replace(CONFIG, encoder_widths=(64,), decoder_widths=(64,))
    train = TrainConfig(epochs=100, learning_rate=0.008, batch_size=64, beta_schedule="constant", device="cpu")
    config = RunConfig(model, train)
    state = start(config)
    before = state.model.decoder.state_dict()["gates.0.u"].clone()
    for _progress in fit(state, images):
        pass
    assert not torch.equal(before, state.model.decoder.state_dict()["gates.0.u"])
    x = images.float().div(255).unsqueeze(1)
    rates = [
        elbo_terms(state.model.at(beta), x, generator=torch.Generator().manual_seed(0)).kl.mean()
        for beta in (0.01, 200.0)
    ]
    assert rates[0] > 3 * rates[1]


@pytest.mark.parametrize("beta", [0.1, 1.0, 4.0, 20.0])
def test_the_bundled_model_is_within_a_nat_of_one_trained_as_long_for_that_beta_alone(beta: float) -> None:
    names = ("vae-any-beta", f"vae-beta-{beta:g}")
    x = binarize_once(load_images("mnist", "test")[0])
    losses = []
    for name in names:
        model = load_model(name)
        model = model.at(beta) if model.config.beta_range else model
        losses.append(elbo(model, x, 2, torch.Generator().manual_seed(0)).loss(beta).mean().item())
    assert losses[0] < losses[1] + 1.0
    runs = [read_card(name).config for name in names]
    assert dataclasses.replace(runs[0].model, beta_range=()) == runs[1].model
    budgets = [(run.train.epochs, run.train.batch_size, run.train.learning_rate) for run in runs]
    assert budgets[0] == budgets[1]
