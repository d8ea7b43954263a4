"""The training loop: reproducible, resumable to the bit, and stopped in time."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.factories import make_images
from tests.training_cases import IMAGES, plain_loss, same, tiny_run, trained, weights
from vae_core import training
from vae_core.checkpoints import load_state, save_state
from vae_core.config import RunConfig
from vae_core.errors import ConfigError, DataError
from vae_core.training import Progress, fit
from vae_core.training_state import TrainState, start
from vae_core.training_step import EVALUATION_SEED, NonFiniteLossError, evaluation_loss, train_step


def _figures(reports: list[Progress]) -> list[Progress]:
    """Return reports without the figures that a clock made."""
    return [replace(report, seconds=0.0, samples_per_second=0.0) for report in reports]


@pytest.mark.parametrize("kind", ["vae", "ae"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_loss_falls(kind: str, precision: str) -> None:
    config = tiny_run({"kind": kind}, epochs=12, precision=precision, beta_schedule="constant")
    state, reports = trained(config, make_images(300)[0])
    losses = [report.reconstruction + report.kl for report in reports]
    assert all(math.isfinite(loss) for loss in losses)
    assert losses[-1] < 0.7 * losses[0]
    assert {value.dtype for value in state.model.state_dict().values()} == {torch.float32}
    assert all(report.kl == 0 for report in reports) == (kind == "ae")


def test_training_follows_from_the_seed_alone() -> None:
    (one, reports), (other, _) = trained(tiny_run(seed=3)), trained(tiny_run(seed=4))
    before = torch.get_rng_state()
    torch.manual_seed(9)
    again, same_reports = trained(tiny_run(seed=3))
    torch.set_rng_state(before)
    assert same(weights(one), weights(again))
    assert _figures(reports) == _figures(same_reports)
    assert not same(weights(one), weights(other))


def test_training_leaves_the_randomness_of_others_alone() -> None:
    before = torch.get_rng_state()
    trained(tiny_run(validation=8))
    assert torch.equal(torch.get_rng_state(), before)


def test_epochs_take_every_image_once_in_an_order_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Tensor] = []

    def record(state: TrainState, images: Tensor, beta: float, learning_rate: float) -> tuple[Tensor, Tensor]:
        seen.append(images)
        return train_step(state, images, beta, learning_rate)

    monkeypatch.setattr(training, "train_step", record)
    trained(tiny_run(epochs=2))
    assert [len(batch) for batch in seen] == [16, 16, 16, 2] * 2
    first, second = torch.cat(seen[:4]), torch.cat(seen[4:])
    rows = sorted(IMAGES.flatten(1).tolist())
    assert sorted(first.tolist()) == sorted(second.tolist()) == rows
    assert not torch.equal(first, second)


def test_progress_is_reported_every_so_many_steps_and_at_every_epoch() -> None:
    config = tiny_run(epochs=2, beta=4.0, learning_rate_schedule="linear", learning_rate_warmup=2.0)
    _, reports = trained(config, report_every=3)
    assert [report.step for report in reports] == [3, 4, 6, 8]
    assert [report.epoch for report in reports] == [0, 1, 1, 2]
    assert {report.total_steps for report in reports} == {8}
    # Those of the last step taken, which began one step earlier; beta warms up over one epoch of four steps.
    assert [report.beta for report in reports] == pytest.approx([2.0, 3.0, 4.0, 4.0])
    assert [report.learning_rate for report in reports] == pytest.approx(
        [config.train.learning_rate * (step - 1) / 8 for step in (3, 4, 6, 8)]
    )
    assert [report.seconds for report in reports] == sorted(report.seconds for report in reports)


def test_a_report_averages_over_the_steps_since_the_last() -> None:
    _, every = trained(tiny_run(epochs=1), report_every=1)
    _, rare = trained(tiny_run(epochs=1), report_every=3)
    assert rare[0].reconstruction == pytest.approx(sum(report.reconstruction for report in every[:3]) / 3)
    assert rare[0].kl == pytest.approx(sum(report.kl for report in every[:3]) / 3)
    assert rare[1].reconstruction == pytest.approx(every[3].reconstruction)


def test_the_clock_stands_still_while_a_report_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("time.perf_counter", lambda: now)
    state = start(tiny_run())
    for report in fit(state, IMAGES, report_every=2):
        now += 3600.0  # a person pauses, a checkpoint is written
        assert report.seconds == 0.0
    assert state.seconds == 0.0


def test_a_batch_larger_than_the_data_set_is_the_data_set() -> None:
    state, reports = trained(tiny_run(batch_size=1000))
    assert [report.step for report in reports] == [1, 2, 3]
    assert state.step == reports[-1].total_steps == 3


def _moments(state: TrainState) -> dict[str, Tensor]:
    return {
        f"{index}.{name}": value
        for index, parameter in enumerate(state.model.parameters())
        for name, value in state.optimizer.state[parameter].items()
    }


def _stopped_at(state: TrainState, step: int, images: Tensor) -> list[Progress]:
    """Train up to a step and drop the loop there, as an interruption does."""
    reports: list[Progress] = []
    for report in fit(state, images, report_every=1) if step else ():
        reports.append(report)
        if report.step == step:
            break
    return reports


@pytest.fixture(scope="module")
def spot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a checkpoint may be written over and over."""
    return tmp_path_factory.mktemp("resume") / "checkpoint.safetensors"


@settings(max_examples=6)
@given(step=st.integers(0, 9), likelihood=st.sampled_from(["bernoulli", "gaussian-learned"]), gated=st.booleans())
def test_a_run_resumed_at_any_step_is_the_uninterrupted_one_to_the_bit(
    spot: Path, step: int, likelihood: str, gated: bool
) -> None:
    model = {"likelihood": likelihood, "beta_range": (0.1, 10.0) if gated else ()}
    config = tiny_run(model, validation=4, patience=3, clip_norm=50.0)
    whole, reports = trained(config, report_every=1)
    assert whole.step == 9
    first = start(config)
    before = _stopped_at(first, step, IMAGES)
    save_state(spot, first)
    second = load_state(spot)
    after = list(fit(second, IMAGES, report_every=1))
    assert _figures(before + after) == _figures(reports)
    assert second.step == whole.step
    assert same(weights(second), weights(whole))
    assert same(_moments(second), _moments(whole))
    assert same(second.best_weights, whole.best_weights)
    assert torch.equal(second.noise.get_state(), whole.noise.get_state())


def test_a_loss_that_is_not_finite_stops_before_any_weight_changes() -> None:
    state = start(tiny_run())
    state.model.decoder.state_dict()["layers.1.bias"].fill_(1e38)  # a number, but not the sum of 784
    before = weights(state)
    with pytest.raises(NonFiniteLossError, match=r"at step 1: lower the learning rate"):
        next(fit(state, IMAGES))
    assert state.step == 0
    assert same(weights(state), before)
    assert not state.optimizer.state


def test_weights_that_stop_being_numbers_are_never_offered_for_saving() -> None:
    state = start(tiny_run())
    weight = next(state.model.parameters())
    weight.register_hook(lambda gradient: gradient * math.inf)
    with pytest.raises(NonFiniteLossError, match=r"weights stopped being numbers by step 1"):
        next(fit(state, IMAGES, report_every=1))


def test_validation_images_are_measured_but_never_learnt_from() -> None:
    other = torch.cat([IMAGES[:40], 255 - IMAGES[40:]])
    config = tiny_run(validation=10)
    (one, reports), (twin, other_reports) = trained(config), trained(config, other)
    without, unmeasured = trained(tiny_run(), IMAGES[:40])
    assert same(weights(one), weights(twin))
    assert same(weights(one), weights(without))
    assert all(
        report.validation_loss != changed.validation_loss
        for report, changed in zip(reports, other_reports, strict=True)
    )
    assert all(report.validation_loss is None for report in unmeasured)


def test_the_validation_loss_is_that_of_plain_torch_at_the_final_beta() -> None:
    config = tiny_run({"likelihood": "bernoulli-grey"}, validation=10, beta=3.0, epochs=1, beta_warmup=100.0)
    state, reports = trained(config, report_every=1)
    assert [report.validation_loss is None for report in reports] == [True, True, False]
    epsilon = torch.randn(10, 2, generator=torch.Generator().manual_seed(EVALUATION_SEED))
    with torch.no_grad():
        expected = float(plain_loss(state, IMAGES[40:].flatten(1) / 255, 3.0, epsilon))
    assert reports[-1].validation_loss == pytest.approx(expected, rel=1e-5)
    x = IMAGES[40:, None] / 255
    assert evaluation_loss(state, x) == evaluation_loss(state, x) == reports[-1].validation_loss


def _overfitting(patience: int = 3, **train: Any) -> tuple[RunConfig, Tensor]:
    """Return a run whose validation images look like none it learns from, so that its loss on them soon rises."""
    settings = {"epochs": 40, "validation": 10, "patience": patience, "learning_rate_schedule": "constant", **train}
    return tiny_run({"likelihood": "bernoulli-grey"}, **settings), torch.cat([IMAGES[:40], 255 - IMAGES[40:]])


def _losses(reports: list[Progress]) -> list[float]:
    return [report.validation_loss for report in reports if report.validation_loss is not None]


def test_early_stopping_puts_the_best_weights_back() -> None:
    config, images = _overfitting()
    state, reports = trained(config, images)
    losses = _losses(reports)
    best = losses.index(min(losses)) + 1
    assert state.best_epoch == best
    assert len(losses) == best + 3 < 40
    assert [report.stopped_early for report in reports] == [False] * (len(reports) - 1) + [True]
    assert reports[best - 1].improved
    assert not any(report.improved for report in reports[best:])
    assert evaluation_loss(state, images[40:, None] / 255) == min(losses) == state.best_loss
    assert losses[-1] > min(losses)
    assert not state.model.training


def test_without_patience_training_goes_on_and_keeps_the_newest_weights() -> None:
    config, images = _overfitting(patience=0, epochs=8)
    state, reports = trained(config, images)
    losses = _losses(reports)
    assert len(losses) == 8
    assert losses[-1] > min(losses)
    assert not state.best_weights
    assert evaluation_loss(state, images[40:, None] / 255) == losses[-1]


@pytest.mark.parametrize("epochs_after_the_best", [0, 1, 2, 3])
def test_early_stopping_survives_an_interruption(spot: Path, epochs_after_the_best: int) -> None:
    config, images = _overfitting()
    whole, reports = trained(config, images)
    stop = whole.best_epoch + epochs_after_the_best
    first = start(config)
    before = _stopped_at(first, 3 * stop, images)
    assert before[-1].epoch == stop
    save_state(spot, first)
    second = load_state(spot)
    after = list(fit(second, images))
    assert _figures(after) == _figures(reports[stop:])
    assert second.step == whole.step
    assert same(weights(second), weights(whole))


def test_patience_begins_when_beta_has_warmed_up() -> None:
    config, images = _overfitting(beta_warmup=6.0)
    state, reports = trained(config, images)
    assert len(_losses(reports)) == max(state.best_epoch, 6) + 3
    assert state.best_epoch < 6


def test_without_images_there_is_nothing_to_train_on() -> None:
    with pytest.raises(DataError, match="no images to train on"):
        next(fit(start(tiny_run()), IMAGES[:0]))


@pytest.mark.parametrize("held_out", [50, 51])
def test_validation_must_leave_images_to_train_on(held_out: int) -> None:
    with pytest.raises(ConfigError, match=f"{held_out} validation images leave none of the 50"):
        next(fit(start(tiny_run(validation=held_out)), IMAGES))
