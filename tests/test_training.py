"""The training loop: reproducible, resumable to the bit, and right by an independent computation."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.factories import TINY, make_images
from vae_core import training
from vae_core.checkpoints import load_state, save_state
from vae_core.config import DEVICES, ModelConfig, RunConfig, TrainConfig
from vae_core.errors import ConfigError, DataError
from vae_core.training import (
    NonFiniteLossError,
    Progress,
    TrainState,
    choose_device,
    evaluation_loss,
    fit,
    prepare_batch,
    start,
    train_step,
)

IMAGES = make_images(50)[0]


def _config(model: dict[str, Any] | None = None, **train: Any) -> RunConfig:
    settings = {"epochs": 3, "batch_size": 16, "device": "cpu", "beta_warmup": 1.0, **train}
    return RunConfig(ModelConfig(**{**TINY, **(model or {})}), TrainConfig(**settings))


def _train(config: RunConfig, images: Tensor = IMAGES, report_every: int = 100) -> tuple[TrainState, list[Progress]]:
    state = start(config)
    return state, list(fit(state, images, report_every))


def _weights(state: TrainState) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in state.model.state_dict().items()}


def _same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


def _figures(reports: list[Progress]) -> list[Progress]:
    """Return reports without the figures that a clock made."""
    return [replace(report, seconds=0.0, samples_per_second=0.0) for report in reports]


@pytest.mark.parametrize("kind", ["vae", "ae"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_loss_falls(kind: str, precision: str) -> None:
    config = _config({"kind": kind}, epochs=12, precision=precision, beta_schedule="constant")
    state, reports = _train(config, make_images(300)[0])
    losses = [report.reconstruction + report.kl for report in reports]
    assert all(math.isfinite(loss) for loss in losses)
    assert losses[-1] < 0.7 * losses[0]
    assert {value.dtype for value in state.model.state_dict().values()} == {torch.float32}
    assert all(report.kl == 0 for report in reports) == (kind == "ae")


def test_training_follows_from_the_seed_alone() -> None:
    (one, reports), (other, _) = _train(_config(seed=3)), _train(_config(seed=4))
    before = torch.get_rng_state()
    torch.manual_seed(9)
    again, same_reports = _train(_config(seed=3))
    torch.set_rng_state(before)
    assert _same(_weights(one), _weights(again))
    assert _figures(reports) == _figures(same_reports)
    assert not _same(_weights(one), _weights(other))


def test_training_leaves_the_randomness_of_others_alone() -> None:
    before = torch.get_rng_state()
    _train(_config(validation=8))
    assert torch.equal(torch.get_rng_state(), before)


def test_epochs_take_every_image_once_in_an_order_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Tensor] = []

    def record(state: TrainState, images: Tensor, beta: float, learning_rate: float) -> tuple[Tensor, Tensor]:
        seen.append(images)
        return train_step(state, images, beta, learning_rate)

    monkeypatch.setattr(training, "train_step", record)
    _train(_config(epochs=2))
    assert [len(batch) for batch in seen] == [16, 16, 16, 2] * 2
    first, second = torch.cat(seen[:4]), torch.cat(seen[4:])
    rows = sorted(IMAGES.flatten(1).tolist())
    assert sorted(first.tolist()) == sorted(second.tolist()) == rows
    assert not torch.equal(first, second)


def test_progress_is_reported_every_so_many_steps_and_at_every_epoch() -> None:
    config = _config(epochs=2, beta=4.0, learning_rate_schedule="linear", learning_rate_warmup=2.0)
    _, reports = _train(config, report_every=3)
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
    _, every = _train(_config(epochs=1), report_every=1)
    _, rare = _train(_config(epochs=1), report_every=3)
    assert rare[0].reconstruction == pytest.approx(sum(report.reconstruction for report in every[:3]) / 3)
    assert rare[0].kl == pytest.approx(sum(report.kl for report in every[:3]) / 3)
    assert rare[1].reconstruction == pytest.approx(every[3].reconstruction)


def test_the_clock_stands_still_while_a_report_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("time.perf_counter", lambda: now)
    state = start(_config())
    for report in fit(state, IMAGES, report_every=2):
        now += 3600.0  # a person pauses, a checkpoint is written
        assert report.seconds == 0.0
    assert state.seconds == 0.0


def test_a_batch_larger_than_the_data_set_is_the_data_set() -> None:
    state, reports = _train(_config(batch_size=1000))
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
    config = _config(model, validation=4, patience=3, clip_norm=50.0)
    whole, reports = _train(config, report_every=1)
    assert whole.step == 9
    first = start(config)
    before = _stopped_at(first, step, IMAGES)
    save_state(spot, first)
    second = load_state(spot)
    after = list(fit(second, IMAGES, report_every=1))
    assert _figures(before + after) == _figures(reports)
    assert second.step == whole.step
    assert _same(_weights(second), _weights(whole))
    assert _same(_moments(second), _moments(whole))
    assert _same(second.best_weights, whole.best_weights)
    assert torch.equal(second.noise.get_state(), whole.noise.get_state())


def _plain_loss(state: TrainState, x: Tensor, beta: float, epsilon: Tensor) -> Tensor:
    """Return the mean beta-VAE loss of a silu MLP with these weights, written without the code under test."""
    w = dict(state.model.named_parameters())

    def mlp(net: str, h: Tensor) -> Tensor:
        h = F.silu(h @ w[f"{net}.layers.0.weight"].T + w[f"{net}.layers.0.bias"])
        return h @ w[f"{net}.layers.1.weight"].T + w[f"{net}.layers.1.bias"]

    mu, logvar = mlp("encoder", x)[:, :2], mlp("encoder", x)[:, 2:]
    q = torch.distributions.Normal(mu, torch.exp(logvar / 2))
    logits = mlp("decoder", q.loc + q.scale * epsilon)
    reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)
    kl = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(1)
    return (reconstruction + beta * kl).mean()


def test_a_step_is_that_of_plain_torch() -> None:
    state = start(_config({"likelihood": "bernoulli-grey"}, weight_decay=0.1))
    rows, rate, beta = IMAGES[:20].flatten(1), 3e-3, 2.5
    epsilon = torch.randn(20, 2, generator=torch.Generator().manual_seed(state.config.train.seed))
    parameters = list(state.model.parameters())
    loss = _plain_loss(state, rows / 255, beta, epsilon)
    gradients = torch.autograd.grad(loss, parameters)
    reconstruction, kl = train_step(state, rows, beta, rate)
    assert state.step == 1
    assert torch.isclose(reconstruction + beta * kl, loss, rtol=1e-5)
    for value, gradient in zip(parameters, gradients, strict=True):
        assert value.grad is not None
        assert torch.allclose(value.grad, gradient, rtol=1e-4, atol=1e-4)


def test_the_optimiser_is_adam_with_decoupled_weight_decay() -> None:
    decay, rates = 0.1, [3e-3, 1e-3, 2e-3]
    state = start(_config(weight_decay=decay))
    parameters = list(state.model.parameters())
    values = [value.detach().double() for value in parameters]
    m = [torch.zeros_like(value) for value in values]
    v = [torch.zeros_like(value) for value in values]
    for t, rate in enumerate(rates, 1):
        train_step(state, IMAGES[:20].flatten(1), 1.0, rate)
        for i, parameter in enumerate(parameters):
            assert parameter.grad is not None
            g = parameter.grad.double()
            m[i] = 0.9 * m[i] + 0.1 * g
            v[i] = 0.999 * v[i] + 0.001 * g**2
            # Loshchilov & Hutter 2019, algorithm 2.
            step = (m[i] / (1 - 0.9**t)) / ((v[i] / (1 - 0.999**t)).sqrt() + 1e-8)
            values[i] = values[i] - rate * decay * values[i] - rate * step
            assert torch.allclose(parameter.detach().double(), values[i], rtol=1e-5, atol=1e-6)


def _update_of_plain_descent(clip_norm: float) -> Tensor:
    """Return how one step of gradient descent at rate 1e-3 moves all the weights, as one vector."""
    state = start(_config(clip_norm=clip_norm))
    state.optimizer = torch.optim.SGD(state.model.parameters())
    before = torch.nn.utils.parameters_to_vector(state.model.parameters()).detach().clone()
    train_step(state, IMAGES[:16].flatten(1), 1.0, 1e-3)
    return torch.nn.utils.parameters_to_vector(state.model.parameters()).detach() - before


@settings(max_examples=10)
@given(share=st.floats(0.01, 0.9))
def test_clipping_shortens_a_long_gradient_and_keeps_its_direction(share: float) -> None:
    free = _update_of_plain_descent(0.0)
    clip_norm = share * float(free.norm()) / 1e-3
    clipped = _update_of_plain_descent(clip_norm)
    assert float(clipped.norm()) == pytest.approx(1e-3 * clip_norm, rel=1e-3)
    assert torch.allclose(clipped, share * free, rtol=1e-2, atol=1e-6)


def test_clipping_leaves_a_short_gradient_alone() -> None:
    assert torch.equal(_update_of_plain_descent(1e6), _update_of_plain_descent(0.0))


def test_a_loss_that_is_not_finite_stops_before_any_weight_changes() -> None:
    state = start(_config())
    state.model.decoder.state_dict()["layers.1.bias"].fill_(1e38)  # a number, but not the sum of 784
    before = _weights(state)
    with pytest.raises(NonFiniteLossError, match=r"at step 1: lower the learning rate"):
        next(fit(state, IMAGES))
    assert state.step == 0
    assert _same(_weights(state), before)
    assert not state.optimizer.state


def test_weights_that_stop_being_numbers_are_never_offered_for_saving() -> None:
    state = start(_config())
    weight = next(state.model.parameters())
    weight.register_hook(lambda gradient: gradient * math.inf)
    with pytest.raises(NonFiniteLossError, match=r"weights stopped being numbers by step 1"):
        next(fit(state, IMAGES, report_every=1))


def test_binarisation_draws_every_pixel_with_its_grey_value_as_probability(generator: torch.Generator) -> None:
    count = 4000
    values = (torch.arange(784) % 256).to(torch.uint8)
    batch = prepare_batch(values.expand(count, -1), "binary", generator)
    assert batch.shape == (count, 1, 28, 28)
    assert set(batch.unique().tolist()) == {0.0, 1.0}
    p = values.double() / 255
    frequency = batch.flatten(1).double().mean(0)
    assert torch.all((frequency - p).abs() <= 5.5 * (p * (1 - p) / count).sqrt())  # 0 never, 255 always
    # All pixels together see a bias far smaller than one grey value.
    assert float((frequency - p).mean().abs()) <= 5 * math.sqrt(float((p * (1 - p)).sum()) / count) / 784


def test_binarisation_is_drawn_anew_for_every_batch(generator: torch.Generator) -> None:
    rows = torch.full((2, 784), 128, dtype=torch.uint8)
    assert not torch.equal(prepare_batch(rows, "binary", generator), prepare_batch(rows, "binary", generator))


def test_grey_pixels_are_scaled_and_take_no_noise(generator: torch.Generator) -> None:
    before = generator.get_state()
    batch = prepare_batch(IMAGES.flatten(1), "grey", generator)
    assert torch.equal(batch, IMAGES[:, None] / 255)
    assert torch.equal(generator.get_state(), before)


def test_validation_images_are_measured_but_never_learnt_from() -> None:
    other = torch.cat([IMAGES[:40], 255 - IMAGES[40:]])
    config = _config(validation=10)
    (one, reports), (same, other_reports) = _train(config), _train(config, other)
    without, unmeasured = _train(_config(), IMAGES[:40])
    assert _same(_weights(one), _weights(same))
    assert _same(_weights(one), _weights(without))
    assert all(
        report.validation_loss != changed.validation_loss
        for report, changed in zip(reports, other_reports, strict=True)
    )
    assert all(report.validation_loss is None for report in unmeasured)


def test_the_validation_loss_is_that_of_plain_torch_at_the_final_beta() -> None:
    config = _config({"likelihood": "bernoulli-grey"}, validation=10, beta=3.0, epochs=1, beta_warmup=100.0)
    state, reports = _train(config, report_every=1)
    assert [report.validation_loss is None for report in reports] == [True, True, False]
    epsilon = torch.randn(10, 2, generator=torch.Generator().manual_seed(training.EVALUATION_SEED))
    with torch.no_grad():
        expected = float(_plain_loss(state, IMAGES[40:].flatten(1) / 255, 3.0, epsilon))
    assert reports[-1].validation_loss == pytest.approx(expected, rel=1e-5)
    x = IMAGES[40:, None] / 255
    assert evaluation_loss(state, x) == evaluation_loss(state, x) == reports[-1].validation_loss


def _overfitting(patience: int = 3, **train: Any) -> tuple[RunConfig, Tensor]:
    """Return a run whose validation images look like none it learns from, so that its loss on them soon rises."""
    settings = {"epochs": 40, "validation": 10, "patience": patience, "learning_rate_schedule": "constant", **train}
    return _config({"likelihood": "bernoulli-grey"}, **settings), torch.cat([IMAGES[:40], 255 - IMAGES[40:]])


def _losses(reports: list[Progress]) -> list[float]:
    return [report.validation_loss for report in reports if report.validation_loss is not None]


def test_early_stopping_puts_the_best_weights_back() -> None:
    config, images = _overfitting()
    state, reports = _train(config, images)
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
    state, reports = _train(config, images)
    losses = _losses(reports)
    assert len(losses) == 8
    assert losses[-1] > min(losses)
    assert not state.best_weights
    assert evaluation_loss(state, images[40:, None] / 255) == losses[-1]


@pytest.mark.parametrize("epochs_after_the_best", [0, 1, 2, 3])
def test_early_stopping_survives_an_interruption(spot: Path, epochs_after_the_best: int) -> None:
    config, images = _overfitting()
    whole, reports = _train(config, images)
    stop = whole.best_epoch + epochs_after_the_best
    first = start(config)
    before = _stopped_at(first, 3 * stop, images)
    assert before[-1].epoch == stop
    save_state(spot, first)
    second = load_state(spot)
    after = list(fit(second, images))
    assert _figures(after) == _figures(reports[stop:])
    assert second.step == whole.step
    assert _same(_weights(second), _weights(whole))


def test_patience_begins_when_beta_has_warmed_up() -> None:
    config, images = _overfitting(beta_warmup=6.0)
    state, reports = _train(config, images)
    assert len(_losses(reports)) == max(state.best_epoch, 6) + 3
    assert state.best_epoch < 6


@pytest.fixture
def no_accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a CPU alone."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.usefixtures("no_accelerator")
@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_a_device_that_the_machine_lacks_is_refused_by_name(name: str) -> None:
    with pytest.raises(ConfigError, match=f"no {name} device"):
        start(_config(device=name))


@pytest.mark.usefixtures("no_accelerator")
def test_auto_takes_the_cpu_where_there_is_nothing_faster() -> None:
    assert choose_device("auto") == choose_device("cpu") == torch.device("cpu")
    assert start(_config(device="auto")).device == torch.device("cpu")


@pytest.mark.usefixtures("no_accelerator")
@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_auto_takes_an_accelerator_where_there_is_one(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    backend = torch.cuda if name == "cuda" else torch.backends.mps
    monkeypatch.setattr(backend, "is_available", lambda: True)
    assert choose_device("auto") == torch.device(name)


def test_an_unknown_device_is_refused_with_the_choices() -> None:
    with pytest.raises(ConfigError, match="'tpu'") as caught:
        _config(device="tpu")
    assert all(name in str(caught.value) for name in DEVICES)


def test_without_images_there_is_nothing_to_train_on() -> None:
    with pytest.raises(DataError, match="no images to train on"):
        next(fit(start(_config()), IMAGES[:0]))


@pytest.mark.parametrize("held_out", [50, 51])
def test_validation_must_leave_images_to_train_on(held_out: int) -> None:
    with pytest.raises(ConfigError, match=f"{held_out} validation images leave none of the 50"):
        next(fit(start(_config(validation=held_out)), IMAGES))
