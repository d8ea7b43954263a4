"""The figures of a model against the functions and closed forms they come from."""

from __future__ import annotations

import math

import pytest
import torch

from tests.factories import make_images, make_model, make_recogniser
from vae_core.config import LIKELIHOODS
from vae_core.data import binarize_once, to_pixels
from vae_core.errors import LatentExplorerError
from vae_core.evaluation import evaluate
from vae_core.evidence import iwae, log_evidence
from vae_core.inputs import model_input
from vae_core.metrics import MEASURES
from vae_core.objectives import elbo

IMAGES, _ = make_images(40)
ESTIMATES = ("elbo", "reconstruction", "kl", "log_evidence", "iwae")


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_the_bounds_are_in_their_order(likelihood: str) -> None:
    # An encoder far off the posterior, of a decoder that tells codes apart: no bound is tight.
    model = make_model(likelihood=likelihood)
    model.encoder.layers[-1].get_parameter("bias").add_(torch.tensor([1.0, -1.0, -1.0, -1.0]))
    model.decoder.layers[0].get_parameter("weight").mul_(4)
    figures = evaluate(model, IMAGES, samples=20, iwae_samples=200)
    assert figures["elbo"] == pytest.approx(-(figures["reconstruction"] + figures["kl"]), rel=1e-5)
    assert figures["elbo"] < figures["iwae"] - 1
    assert figures["iwae"] < figures["log_evidence"] - 0.1


def test_the_exact_evidence_is_that_of_the_whole_set() -> None:
    model = make_model()
    values = log_evidence(model, binarize_once(IMAGES)).double()
    figures = evaluate(model, IMAGES, samples=1, iwae_samples=0)
    assert figures["log_evidence"] == pytest.approx(values.mean().item())
    assert figures["log_evidence_error"] == pytest.approx(values.std().item() / math.sqrt(40))


def test_an_autoencoder_has_no_bounds_and_a_deep_latent_space_no_exact_evidence() -> None:
    ae = evaluate(make_model(kind="ae"), IMAGES)
    assert [key for key in ESTIMATES if ae[key] is None] == ["elbo", "kl", "iwae"]
    assert ae["iwae_samples"] is None
    deep = evaluate(make_model(latent_dim=5), IMAGES, iwae_samples=5)
    assert [key for key in ESTIMATES if deep[key] is None] == ["log_evidence"]


def test_what_is_not_asked_for_is_left_out() -> None:
    figures = evaluate(make_model(), IMAGES, iwae_samples=0, exact=False)
    assert (figures["iwae"], figures["iwae_samples"], figures["log_evidence"]) == (None, None, None)


def test_the_same_model_and_images_give_the_same_figures() -> None:
    assert evaluate(make_model(), IMAGES, 2, 3) == evaluate(make_model(), IMAGES, 2, 3)


def test_measuring_leaves_the_global_randomness_alone() -> None:
    before = torch.get_rng_state()
    evaluate(make_model(), IMAGES, 1, 1)
    assert torch.equal(torch.get_rng_state(), before)


def test_squared_error_is_a_mean_over_grey_pixels() -> None:
    model = make_model(likelihood="gaussian", kind="ae")
    x = to_pixels(IMAGES)
    expected = ((model.decode(model.encode(x)[0]) - x) ** 2).double().mean().item()
    assert evaluate(model, IMAGES)["squared_error"] == pytest.approx(expected)


def test_figures_do_not_depend_on_how_many_images_fit_in_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_model(kind="ae")
    whole = evaluate(model, IMAGES)
    monkeypatch.setattr("vae_core.evaluation.CHUNK", 7)
    parts = evaluate(model, IMAGES)
    for key in ("reconstruction", "log_evidence", "squared_error"):
        assert parts[key] == pytest.approx(whole[key], rel=1e-5)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_a_model_of_binary_pixels_sees_binary_pixels_and_others_grey(likelihood: str) -> None:
    model = make_model(likelihood=likelihood)
    x = model_input(model, IMAGES)
    assert x.shape == (40, 1, 28, 28)
    binary = bool(((x == 0) | (x == 1)).all())
    assert binary == (likelihood == "bernoulli")
    assert evaluate(model, IMAGES, 1, 0, exact=False)["pixels"] == ("binary" if binary else "grey")


def test_the_share_done_rises_to_one() -> None:
    said: list[tuple[str, float]] = []
    evaluate(make_model(), IMAGES, 1, 1, report=lambda stage, share: said.append((stage, share)))
    assert said == [("bounds", 1.0), ("evidence", 0.0), ("evidence", 1.0)]


def test_one_image_has_no_standard_error() -> None:
    figures = evaluate(make_model(), IMAGES[:1], 1, 1)
    assert all(figures[key] is not None for key in ESTIMATES)
    assert [figures[f"{key}_error"] for key in (*ESTIMATES, "squared_error")] == [None] * 6


def test_standard_errors_are_the_spread_of_figures_over_other_images_of_the_kind() -> None:
    """The bootstrap: the figures of images drawn again from those there are (Efron & Tibshirani 1993, ch. 6)."""
    model = make_model()
    figures = evaluate(model, IMAGES, samples=1, iwae_samples=5)
    x = binarize_once(IMAGES)
    generator = torch.Generator().manual_seed(0)
    terms = elbo(model, x, 1, generator)
    mean_images = model.decode(model.encode(x)[0])
    images = {
        "elbo": terms.elbo,
        "reconstruction": terms.reconstruction,
        "kl": terms.kl,
        "iwae": iwae(model, x, 5, generator),
        "log_evidence": log_evidence(model, x),
        "squared_error": (mean_images - to_pixels(IMAGES)).square().flatten(1).mean(1),
    }
    again = torch.randint(len(x), (4000, len(x)), generator=generator)
    for key, values in images.items():
        assert figures[key] == pytest.approx(values.double().mean().item(), rel=1e-6)
        # The bootstrap divides by N where the standard error divides by N - 1.
        spread = values.double()[again].mean(1).std().item() * math.sqrt(40 / 39)
        assert figures[f"{key}_error"] == pytest.approx(spread, rel=0.05)


def test_every_figure_has_a_standard_error_or_none_is_defined() -> None:
    figures = evaluate(make_model(), IMAGES, 1, 2, measures=True, recogniser=make_recogniser())
    keys = {*ESTIMATES, "squared_error", *(known.key for known in MEASURES)}
    without = {key for key in keys if figures.get(f"{key}_error") is None}
    assert without == {"frechet", "active_units", "holes"}
    assert (figures["rate_error"], figures["distortion_error"]) == (
        figures["kl_error"],
        figures["reconstruction_error"],
    )


def test_no_image_or_no_sample_is_refused() -> None:
    with pytest.raises(LatentExplorerError, match="no images to evaluate on"):
        evaluate(make_model(), IMAGES[:0])
    with pytest.raises(LatentExplorerError, match="at least one sample, not 0"):
        evaluate(make_model(), IMAGES, samples=0)
    with pytest.raises(LatentExplorerError, match="at least one sample, not -1"):
        evaluate(make_model(), IMAGES, iwae_samples=-1)


# The measures of a regular latent space


def test_measures_are_added_where_they_are_asked_for() -> None:
    model = make_model()
    plain, full = (evaluate(model, IMAGES, 1, 0, measures=wanted) for wanted in (False, True))
    assert {key: full[key] for key in plain} == plain
    added = set(full) - set(plain)
    assert {"rate", "distortion", "holes", "continuity", "mutual_information", "holes_fitted"} <= added
    assert (full["rate"], full["distortion"]) == (full["kl"], full["reconstruction"])
    assert all(full[key] is None for key in added if key.endswith("_fitted"))


def test_an_autoencoder_is_measured_under_either_prior() -> None:
    figures = evaluate(make_model(kind="ae"), IMAGES, 1, 0, measures=True)
    assert (figures["rate"], figures["mutual_information"]) == (None, None)
    for key in ("continuity", "holes", "log_evidence"):
        assert math.isfinite(figures[key])
        assert math.isfinite(figures[f"{key}_fitted"])
    left_out = evaluate(make_model(kind="ae"), IMAGES, 1, 0, exact=False, measures=True)
    assert left_out["log_evidence_fitted"] is None


@pytest.mark.parametrize("kind", ["vae", "ae"])
def test_the_share_of_measuring_rises_to_one(kind: str) -> None:
    said: list[tuple[str, float]] = []
    model = make_model(kind=kind)
    evaluate(model, IMAGES, 1, 0, exact=False, report=lambda *told: said.append(told), measures=True)
    shares = [share for stage, share in said if stage == "regularity"]
    assert shares == sorted(shares)
    assert shares[-1] == 1
