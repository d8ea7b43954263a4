"""Two models side by side: the same images, noise and path through both, and which of two figures is better."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.factories import make_images, make_model
from vae_core.comparison import (
    between,
    compare_figures,
    draw_noise,
    from_noise,
    nats_scale,
    one_of_each,
    reconstruct,
    same_nats,
)
from vae_core.data import binarize_once, to_pixels
from vae_core.errors import ModelError
from vae_core.export import to_grey
from vae_core.metrics import MEASURES
from vae_core.registry import Card, read_card

IMAGES, LABELS = make_images(40)


def card(kind: str = "vae", likelihood: str = "bernoulli", data: str = "mnist", **figures: Any) -> Card:
    """The reference model's card with other figures."""
    known = read_card("vae")
    model = replace(known.model, kind=kind, likelihood=likelihood)
    train = replace(known.config.train, data=data)
    return replace(known, config=replace(known.config, model=model, train=train), figures=figures)


def verdicts(first: Card, second: Card) -> dict[tuple[str, bool], str]:
    return {(row.measure.key, row.fitted): row.verdict for row in compare_figures(first, second)}


class TestReconstruct:
    def test_errors_are_those_of_the_binarised_digits_as_they_stand_in_the_whole_set(self) -> None:
        model = make_model(likelihood="bernoulli")
        made = reconstruct(model, IMAGES, [3, 17])
        x = binarize_once(IMAGES)[[3, 17]]
        logits = model.decode_params(model.encode(x)[0]).flatten(1)
        nats = torch.nn.functional.binary_cross_entropy_with_logits(logits, x.flatten(1), reduction="none").sum(1)
        torch.testing.assert_close(made.nats, nats)

    def test_squared_error_is_a_pixels_mean_on_grey_values(self) -> None:
        model = make_model(likelihood="gaussian")
        made = reconstruct(model, IMAGES, [5])
        x = to_pixels(IMAGES[5:6])
        means = model.decode(model.encode(x)[0])
        assert made.squared_error.item() == pytest.approx(((means - x) ** 2).mean().item())
        assert torch.equal(made.images, to_grey(means))


class TestSamples:
    def test_noise_depends_on_the_seed_alone(self) -> None:
        assert torch.equal(draw_noise(5, 2, 3), draw_noise(5, 2, 3))
        assert not torch.equal(draw_noise(5, 2, 3), draw_noise(5, 2, 4))

    def test_both_decoders_see_the_noise_itself(self) -> None:
        model, noise = make_model(), draw_noise(4, 2, 0)
        assert torch.equal(from_noise(model, noise), to_grey(model.decode(noise)))

    def test_fitted_noise_lies_where_the_codes_do(self) -> None:
        model, noise = make_model(kind="ae"), draw_noise(6, 2, 0)
        codes = torch.stack([3 + 2 * torch.linspace(-1, 1, 50), 0.5 * torch.linspace(-1, 1, 50) ** 2 - 4], 1)
        covariance = torch.cov(codes.T.double(), correction=0)
        values, axes = torch.linalg.eigh(covariance)
        moved = noise.double() @ (axes * values.sqrt()) @ axes.T + codes.double().mean(0)
        expected = to_grey(model.decode(moved.float())).int()
        assert (from_noise(model, noise, codes).int() - expected).abs().max() <= 1

    def test_a_vae_has_no_fitted_prior(self) -> None:
        with pytest.raises(ModelError):
            from_noise(make_model(), draw_noise(2, 2, 0), draw_noise(9, 2, 1))


class TestPathsAndDigits:
    def test_a_path_runs_straight_from_code_to_code(self) -> None:
        model = make_model()
        a, b = model.encode(to_pixels(IMAGES[:2]))[0]
        frames = between(model, IMAGES[:2], 5)
        expected = to_grey(model.decode(torch.stack([a + t * (b - a) for t in torch.linspace(0, 1, 5)])))
        assert (frames.int() - expected.int()).abs().max() <= 1

    def test_there_is_one_digit_of_each_class_and_others_with_another_seed(self) -> None:
        chosen = one_of_each(LABELS, 0)
        assert LABELS[chosen].tolist() == list(range(10))
        assert any(one_of_each(LABELS, seed) != chosen for seed in (1, 2))

    def test_a_class_without_images_is_left_out(self) -> None:
        assert LABELS[one_of_each(LABELS[:7], 0)].tolist() == list(range(7))


class TestFigures:
    def test_better_is_lower_or_higher_as_the_measure_says(self) -> None:
        found = verdicts(card(holes=0.1, completeness=0.9, elbo=-100.0), card(holes=0.2, completeness=0.8, elbo=-90.0))
        assert (found["holes", False], found["completeness", False], found["elbo", False]) == (
            "first",
            "first",
            "second",
        )

    def test_what_has_no_direction_is_not_called_better(self) -> None:
        assert verdicts(card(rate=5.0), card(rate=9.0))["rate", False] == "neither"

    @pytest.mark.parametrize("value", [None, float("nan"), "x", True])
    def test_a_figure_that_is_not_there_is_missing(self, value: object) -> None:
        assert verdicts(card(holes=value), card(holes=0.2))["holes", False] == "missing"
        assert set(verdicts(card(), card()).values()) == {"missing"}

    def test_nats_of_different_kinds_are_not_compared_but_the_rest_is(self) -> None:
        found = verdicts(
            card(distortion=100.0, holes=0.1), card(likelihood="bernoulli-grey", distortion=90.0, holes=0.2)
        )
        assert (found["distortion", False], found["holes", False]) == ("incomparable", "first")

    def test_nothing_is_compared_between_models_of_different_data(self) -> None:
        found = verdicts(card(holes=0.1), card(data="kmnist", holes=0.2))
        assert found["holes", False] == "incomparable"

    def test_densities_compare_with_each_other(self) -> None:
        assert nats_scale("gaussian") == nats_scale("continuous-bernoulli") == nats_scale("gaussian-learned")
        assert same_nats(card(likelihood="gaussian"), card(likelihood="gaussian-learned"))
        assert not same_nats(card(likelihood="bernoulli"), card(likelihood="bernoulli-grey"))

    def test_an_autoencoder_stands_a_second_time_under_its_fitted_prior_beside_the_vae_under_its_own(self) -> None:
        rows = compare_figures(card("ae", holes=0.3, holes_fitted=0.1), card(holes=0.2, holes_fitted=0.9))
        holes = {row.fitted: (row.first, row.second, row.verdict) for row in rows if row.measure.key == "holes"}
        assert holes == {False: (0.3, 0.2, "second"), True: (0.1, 0.2, "first")}
        assert len(rows) == len(MEASURES) + sum(measure.under_prior for measure in MEASURES)

    def test_two_vaes_have_each_measure_once_and_one_model_is_the_same_as_itself(self) -> None:
        known = read_card("vae")
        rows = compare_figures(known, known)
        assert [row.measure for row in rows] == list(MEASURES)
        assert {row.verdict for row in rows} <= {"same", "neither"}

    def test_figures_come_with_the_standard_errors_that_were_measured(self) -> None:
        ae = card("ae", holes=0.3, holes_error=0.01, holes_fitted=0.1, holes_fitted_error=0.02)
        rows = {(row.measure.key, row.fitted): row for row in compare_figures(ae, card(holes=0.2, holes_error=0.03))}
        assert (rows["holes", False].first_error, rows["holes", False].second_error) == (0.01, 0.03)
        assert (rows["holes", True].first_error, rows["holes", True].second_error) == (0.02, 0.03)
        assert rows["recall", False].first_error is None

    def test_rate_and_distortion_have_the_errors_of_kl_and_reconstruction(self) -> None:
        known = read_card("vae")
        rows = {row.measure.key: row.first_error for row in compare_figures(known, known)}
        assert (rows["rate"], rows["distortion"]) == (known.figures["kl_error"], known.figures["reconstruction_error"])
        assert rows["elbo"] == known.figures["elbo_error"]
