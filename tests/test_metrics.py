"""Measures of a latent space against their definitions."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tests.factories import make_images, make_model, make_recogniser
from vae_core.bounds import Bounds, estimate_bounds
from vae_core.data import to_pixels
from vae_core.errors import ConfigError, DataError, ModelError
from vae_core.evidence import log_evidence
from vae_core.fitted_prior import with_fitted_prior
from vae_core.generation import Recognised, recognise
from vae_core.inputs import model_input
from vae_core.metrics import (
    ACTIVE_THRESHOLD,
    MEASURES,
    PRIORS,
    Measures,
    active_units,
    as_figures,
    latent_activity,
    measure,
)
from vae_core.models import Autoencoder
from vae_core.objectives import elbo
from vae_core.recogniser import Recogniser


def test_activity_is_the_variance_of_each_mean(generator: torch.Generator) -> None:
    mu = torch.randn(50, 3, generator=generator) * torch.tensor([0.0, 0.5, 2.0]) + 7
    assert latent_activity(mu).numpy() == pytest.approx(np.var(mu.numpy(), axis=0), abs=1e-5)


@given(st.lists(st.floats(0, 3), min_size=1, max_size=8), st.floats(-5, 5))
def test_a_unit_is_active_where_it_moves_more_than_the_threshold(scales: list[float], shift: float) -> None:
    # Two points at distance 2s have the variance s squared.
    scale = torch.tensor(scales, dtype=torch.float64)
    mu = torch.stack([scale, -scale]) + shift
    near = (scale**2 - ACTIVE_THRESHOLD).abs() < 1e-9
    assert abs(active_units(mu) - int((scale**2 > ACTIVE_THRESHOLD).sum())) <= int(near.sum())


def test_a_collapsed_model_has_no_active_unit() -> None:
    assert active_units(torch.full((10, 4), 0.3)) == 0


# Everything together


IMAGES, _ = make_images(40)
COUNTS = {"samples": 200, "exact": False}


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return make_recogniser()


def measured(model: Autoencoder, recogniser: Recogniser | None = None, **options: Any) -> Measures:
    seeded = {"generator": torch.Generator().manual_seed(0)}
    return measure(model, IMAGES, recogniser, **{**COUNTS, **seeded, **options})


def constant(model: Autoencoder) -> Autoencoder:
    for parameter in model.decoder.parameters():
        parameter.zero_()
    return model


def test_every_measure_is_registered_under_its_name() -> None:
    assert [*(known.key for known in MEASURES), "errors"] == [field.name for field in dataclasses.fields(Measures)]


@pytest.mark.parametrize("latent_dim", [1, 2, 3, 30])
@pytest.mark.parametrize("kind", ["vae", "ae"])
def test_a_model_of_any_size_has_every_measure_that_it_can(kind: str, latent_dim: int, recogniser: Recogniser) -> None:
    model = make_model(kind=kind, latent_dim=latent_dim)
    found = dataclasses.asdict(measured(model, recogniser, exact=True))
    errors = found.pop("errors")
    undefined = {"rate", "elbo", "mutual_information"} if kind == "ae" else set()
    if latent_dim > 2:
        undefined.add("log_evidence")
    if latent_dim > 10:
        undefined.add("holes")
    assert {key for key, value in found.items() if value is None} == undefined
    for known in MEASURES:
        value = found[known.key]
        if value is not None:
            assert math.isfinite(value)
            assert known.unit != "share" or 0 <= value <= 1
            assert known.key in ("elbo", "log_evidence") or value >= 0
    without = undefined | {"frechet", "active_units"} | ({"holes"} if latent_dim <= 2 else set())
    assert {known.key for known in MEASURES if errors.get(known.key) is None} == without
    assert all(error >= 0 for error in errors.values() if error is not None)


def test_a_decoder_that_ignores_its_input_is_smooth_and_says_nothing(recogniser: Recogniser) -> None:
    model = constant(make_model())
    found = measured(model, recogniser, exact=True)
    assert (found.continuity, found.continuity_p99, found.recall) == (0, 0, 0)
    # Every pixel is a fair coin, whatever z is.
    assert found.distortion == pytest.approx(784 * math.log(2))
    assert found.log_evidence == pytest.approx(-784 * math.log(2), rel=1e-5)


def test_a_linear_decoder_is_as_steep_as_its_matrix_on_average() -> None:
    model = make_model(decoder_widths=())
    layer = model.decoder.layers[0]
    layer.get_parameter("weight").mul_(0.01)
    layer.get_parameter("bias").zero_()
    # The sigmoid of nearly nothing has the slope 1/4.
    expected = layer.get_parameter("weight").norm().item() / 4
    found = measured(model)
    assert found.continuity == pytest.approx(expected, rel=1e-4)
    assert found.continuity_p99 == pytest.approx(expected, rel=1e-4)


def test_an_encoder_that_ignores_its_input_fills_the_prior_and_tells_nothing() -> None:
    model = make_model()
    for parameter in model.encoder.parameters():
        parameter.zero_()
    found = measured(model)
    assert (found.holes, found.active_units) == (0, 0)
    assert (found.rate, found.mutual_information) == pytest.approx((0, 0), abs=1e-9)
    assert found.elbo == pytest.approx(-found.distortion)


def test_the_bounds_are_those_of_the_evidence_module() -> None:
    model = make_model()
    x = model_input(model, IMAGES)
    bounds = estimate_bounds(model, x, 3, torch.Generator().manual_seed(5))
    terms = elbo(model, x, 3, torch.Generator().manual_seed(5))
    assert bounds.distortion == pytest.approx(terms.reconstruction.mean().item(), rel=1e-6)
    assert bounds.rate == pytest.approx(terms.kl.mean().item(), rel=1e-6)
    assert bounds.elbo == pytest.approx(terms.elbo.mean().item(), rel=1e-6)
    assert bounds.log_evidence == pytest.approx(log_evidence(model, x).mean().item(), rel=1e-6)
    images = {"distortion": terms.reconstruction, "rate": terms.kl, "elbo": terms.elbo}
    expected = {key: stats.sem(values.double()) for key, values in images.items()}
    assert bounds.errors == pytest.approx({**expected, "log_evidence": stats.sem(log_evidence(model, x))}, rel=1e-4)


@pytest.mark.parametrize("key", ["continuity", "continuity_p99", "holes"])
def test_a_standard_error_is_how_far_measures_of_other_draws_spread(key: str) -> None:
    model = make_model(latent_dim=3)
    model.encoder.layers[-1].get_parameter("bias")[0] += 1.5  # so that about half of the prior is a hole
    found = [measured(model, generator=torch.Generator().manual_seed(seed), samples=300) for seed in range(60)]
    spread = np.std([getattr(one, key) for one in found], ddof=1)
    assert spread > 0
    # Of 60 draws a deviation is known within a tenth; that of a high quantile is itself estimated from few values.
    said = np.mean([one.errors[key] for one in found])
    assert said == pytest.approx(spread, rel=0.5 if key == "continuity_p99" else 0.3)


def test_known_bounds_are_not_estimated_again() -> None:
    found = measured(make_model(), bounds=Bounds(1.0, 2.0, -3.0, -2.5))
    assert (found.rate, found.distortion, found.elbo, found.log_evidence) == (1.0, 2.0, -3.0, -2.5)


def test_the_fitted_prior_of_an_autoencoder_is_that_of_its_codes(recogniser: Recogniser) -> None:
    model = make_model(kind="ae")
    mu, _ = model.encode(model_input(model, IMAGES))
    standard, fitted = (measured(model, recogniser, prior=prior, exact=True) for prior in PRIORS)
    moved = measured(with_fitted_prior(model, mu), recogniser, exact=True)
    assert dataclasses.replace(fitted, active_units=moved.active_units) == moved
    assert fitted.active_units == standard.active_units == active_units(mu)
    assert fitted.distortion == pytest.approx(standard.distortion, rel=1e-5)
    # Its codes are spread far less than N(0, I), so fewer of its draws are far from any.
    assert fitted.holes is not None
    assert standard.holes is not None
    assert fitted.holes < standard.holes
    assert fitted.continuity < standard.continuity


def test_without_a_recogniser_its_measures_are_left_out() -> None:
    found = measured(make_model())
    assert (found.completeness, found.precision, found.recall, found.frechet) == (None, None, None, None)


def test_the_same_seed_gives_the_same_measures(recogniser: Recogniser) -> None:
    before = torch.get_rng_state()
    assert measured(make_model(), recogniser) == measured(make_model(), recogniser)
    assert torch.equal(torch.get_rng_state(), before)


def test_more_images_than_are_compared_are_drawn_from(recogniser: Recogniser, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []

    def noting(judge: Recogniser, x: torch.Tensor) -> Recognised:
        seen.append(x)
        return recognise(judge, x)

    monkeypatch.setattr("vae_core.metrics.IMAGES", 20)
    monkeypatch.setattr("vae_core.metrics.recognise", noting)
    measured(make_model(), recogniser)
    real = next(x for x in seen if len(x) == 20)
    same = (real[:, None] == to_pixels(IMAGES)).flatten(2).all(2)
    assert same.any(1).all()
    assert same.any(0).sum() == 20
    assert not same[:, :20].any(1).all()


def test_the_share_done_rises_to_one() -> None:
    said: list[float] = []
    measured(make_model(), report=said.append)
    assert said == sorted(said)
    assert said[-1] == 1


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown prior 'flat': choose one of standard, fitted"):
        measured(make_model(), prior="flat")
    with pytest.raises(ModelError, match="only an autoencoder's can be fitted"):
        measured(make_model(), prior="fitted")
    with pytest.raises(DataError, match="no images to measure on"):
        measure(make_model(), IMAGES[:0])


def test_as_one_dictionary_the_fitted_prior_has_keys_of_its_own() -> None:
    model = make_model(kind="ae")
    standard, fitted = (measured(model, prior=prior) for prior in PRIORS)
    flat = as_figures(standard, fitted)
    assert (flat["holes"], flat["holes_fitted"]) == (standard.holes, fitted.holes)
    assert (flat["holes_fitted_error"], flat["continuity_error"]) == (None, standard.errors["continuity"])
    assert flat["continuity_fitted_error"] == fitted.errors["continuity"]
    assert "active_units_fitted" not in flat
    alone = as_figures(standard)
    assert list(alone) == list(flat)
    assert all(value is None for key, value in alone.items() if "_fitted" in key)
