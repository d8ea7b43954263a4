"""The identity log p(x) = ELBO + KL, and its gaps, where all of them have closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.factories import make_model
from tests.folded import Folded
from tests.linear_gaussian import LinearGaussian
from vae_core.errors import ModelError
from vae_core.evidence import posterior
from vae_core.gaps import Gaps, elbo_of, gaps, identity, kl_to_posterior
from vae_core.gaussians import Gaussians, of_encoder
from vae_core.modes import find_modes
from vae_core.registry import load_model


def _displaced(shift: tuple[float, float], stretch: float) -> tuple[LinearGaussian, Tensor, Tensor]:
    """A model whose encoder is off by a shift and a stretch, images of it, and KL(q || p) of each."""
    exact = LinearGaussian((0.6, 0.3), 0.05)
    x = exact.images(torch.randn(3, 2, generator=torch.Generator().manual_seed(1)))
    exact.model.encoder.state_dict()["layers.0.bias"].add_(torch.tensor([*shift, 2 * stretch, 2 * stretch]))
    moved = torch.tensor(shift, dtype=torch.float64) ** 2 / exact.posterior_variance
    kl = 0.5 * moved.sum() + math.exp(2 * stretch) - 1 - 2 * stretch
    return exact, x, kl.expand(3)


@settings(max_examples=3)
@given(shift=st.tuples(st.floats(-0.8, 0.8), st.floats(-0.8, 0.8)), stretch=st.floats(-1, 0.7))
def test_every_term_of_the_identity_is_its_closed_form(shift: tuple[float, float], stretch: float) -> None:
    exact, x, kl = _displaced(shift, stretch)
    found = identity(exact.model, x)
    assert (found.kl.double() - kl).abs().max() < 0.02
    assert (found.log_evidence.double() - exact.log_evidence(x)).abs().max() < 0.03
    assert (found.elbo.double() - (exact.log_evidence(x) - kl)).abs().max() < 0.02
    assert torch.equal(found.residual, found.elbo + found.kl - found.log_evidence)


@pytest.mark.parametrize("name", ["vae-classic", "vae-beta-20"])
def test_the_terms_add_up_for_bundled_models(name: str) -> None:
    model = load_model(name)
    x = model.likelihood.sample(
        model.decode_params(torch.randn(8, 2, generator=torch.Generator().manual_seed(0))),
        torch.Generator().manual_seed(1),
    ).reshape(-1, 1, 28, 28)
    found = identity(model, x)
    assert found.residual.abs().mean() < 0.02
    assert found.residual.abs().max() < 0.1
    assert (found.kl > -1e-3).all()


def _rotated(angle: float) -> tuple[LinearGaussian, Tensor]:
    """A model whose latent plane is turned, so that the posterior is a Gaussian with slanting axes."""
    exact = LinearGaussian((0.9, 0.2), 0.05)
    x = exact.images(torch.tensor([[0.8, -0.4]]))
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    weights = exact.model.decoder.state_dict()["layers.0.weight"]
    weights.copy_(weights @ turn.T)
    return exact, x


def _gaps(exact: LinearGaussian | Folded, x: Tensor) -> Gaps:
    found = posterior(exact.model, x)
    return gaps(exact.model, x, found, find_modes(exact.model, x, found))


@pytest.mark.parametrize("angle", [0.3, math.pi / 4, 1.1])
def test_the_best_gaussians_are_those_of_the_closed_form(angle: float) -> None:
    exact, x = _rotated(angle)
    found = _gaps(exact, x)
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]).double()
    precision = turn @ torch.diag(1 / exact.posterior_variance) @ turn.T
    # KL of the diagonal Gaussian with the same precisions to the posterior (Bishop 2006, sec. 10.1.2).
    expected = 0.5 * (precision.diagonal().log().sum() - precision.logdet()).item()
    assert found.approximation == pytest.approx(expected, abs=0.02)
    assert found.best_full == pytest.approx(found.log_evidence, abs=0.02)
    assert found.amortisation > 0.1
    mean = (turn @ exact.posterior_mean(x)[0]).float()
    for q in (found.best_q, found.best_full_q):
        assert torch.allclose(q.mean[0], mean, atol=0.01)
    assert torch.allclose(found.best_full_q.covariance[0].double(), precision.inverse(), rtol=0.05, atol=1e-3)


def test_of_two_modes_the_best_gaussian_takes_one_and_misses_log_two() -> None:
    exact = Folded((3.0, 0.7), 0.01)
    x = exact.half.images(torch.tensor([[1.0, 0.3]]))
    found = _gaps(exact, x)
    assert found.log_evidence == pytest.approx(exact.log_evidence(x).item(), abs=0.03)
    assert found.approximation == pytest.approx(math.log(2), abs=0.03)
    assert found.amortisation == pytest.approx(0, abs=0.02)


def test_a_start_at_the_better_mode_saves_an_encoder_that_sits_at_the_worse() -> None:
    exact, x, _ = _displaced((0.0, 0.0), 0.0)
    # An encoder that has nothing to do with the posterior.
    exact.model.encoder.state_dict()["layers.0.bias"].add_(torch.tensor([4.0, -4.0, 0.0, 0.0]))
    found = _gaps(exact, x[:1])
    assert found.approximation == pytest.approx(0, abs=0.02)
    assert found.elbo < found.log_evidence - 10


def test_the_refinement_climbs_from_the_encoder_to_the_best_gaussian() -> None:
    exact, x, kl = _displaced((0.4, -0.3), 0.4)
    found = _gaps(exact, x[:1])
    course = found.refined
    assert (course.elbo[1:] >= course.elbo[:-1]).all()
    assert course.elbo[0, 0].item() == pytest.approx(found.elbo, abs=0.01)
    assert course.elbo[-1, 0].item() == pytest.approx(found.best, abs=0.01)
    assert found.best - found.elbo == pytest.approx(kl[0].item(), abs=0.02)
    assert torch.equal(course.mean[0], of_encoder(exact.model, x[:1]).mean)


def test_gaps_are_never_negative_and_add_up() -> None:
    model = load_model("vae-classic")
    x = model.likelihood.sample(model.decode_params(torch.tensor([[0.3, 0.9]])), torch.Generator().manual_seed(0))
    x = x.reshape(1, 1, 28, 28)
    found = posterior(model, x)
    split = gaps(model, x, found, find_modes(model, x, found))
    assert split.elbo <= split.best <= split.best_full <= split.log_evidence + 0.02
    kl = kl_to_posterior(model, x, of_encoder(model, x)).item()
    assert split.amortisation + split.approximation == pytest.approx(kl, abs=0.03)


@pytest.mark.parametrize("latent_dim", [3, 20])
def test_beyond_two_dimensions_there_is_no_exact_term(latent_dim: int) -> None:
    x = torch.zeros(1, 1, 28, 28)
    model = make_model(latent_dim=latent_dim)
    with pytest.raises(ModelError, match="latent size of 1 or 2"):
        identity(model, x)
    with pytest.raises(ModelError, match="latent size of 1 or 2"):
        elbo_of(model, x, Gaussians(torch.zeros(1, latent_dim), torch.eye(latent_dim)[None]))
    with pytest.raises(ModelError, match="no q"):
        identity(make_model(kind="ae"), x)
