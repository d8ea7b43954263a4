"""Configurations: what they refuse, and that JSON brings them back as they were."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vae_core.config import (
    ACTIVATIONS,
    BETA_SCHEDULES,
    DEVICES,
    KINDS,
    LEARNING_RATE_SCHEDULES,
    LIKELIHOODS,
    PRECISIONS,
    PRESETS,
    ModelConfig,
    RunConfig,
    TrainConfig,
    from_json,
    preset,
    to_json,
)
from vae_core.errors import ConfigError

WIDTHS = st.lists(st.integers(1, 8192), max_size=16).map(tuple)
MODELS = st.builds(
    ModelConfig,
    kind=st.sampled_from(KINDS),
    latent_dim=st.integers(1, 512),
    encoder_widths=WIDTHS,
    decoder_widths=WIDTHS,
    activation=st.sampled_from(ACTIVATIONS),
    likelihood=st.sampled_from(LIKELIHOODS),
    variance=st.floats(1e-4, 100),
)
TRAININGS = st.builds(
    TrainConfig,
    data=st.text(),
    epochs=st.integers(1, 100_000),
    batch_size=st.integers(1, 100_000),
    learning_rate=st.floats(1e-8, 10),
    learning_rate_schedule=st.sampled_from(LEARNING_RATE_SCHEDULES),
    weight_decay=st.floats(0, 10),
    clip_norm=st.floats(0, 1e6),
    beta=st.floats(0, 1e4),
    beta_schedule=st.sampled_from(BETA_SCHEDULES),
    beta_warmup=st.floats(0, 1e5),
    precision=st.sampled_from(PRECISIONS),
    device=st.sampled_from(DEVICES),
    seed=st.integers(0, 2**62),
    validation=st.integers(1, 10_000_000),
    patience=st.integers(0, 100_000),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FIELDS = [(cls, field.name) for cls in (ModelConfig, TrainConfig) for field in dataclasses.fields(cls)]


@given(model=MODELS, train=TRAININGS)
def test_a_configuration_survives_json_text(model: ModelConfig, train: TrainConfig) -> None:
    config = RunConfig(model, train)
    assert from_json(RunConfig, json.loads(json.dumps(to_json(config)))) == config


@given(model=MODELS)
def test_equal_configurations_are_one_key(model: ModelConfig) -> None:
    assert len({model, dataclasses.replace(model)}) == 1


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_found_by_name(name: str) -> None:
    assert preset(name) is PRESETS[name]


def test_an_unknown_preset_names_the_choices() -> None:
    with pytest.raises(ConfigError, match=", ".join(PRESETS)):
        preset("best")


def test_an_unknown_key_names_the_settings_there_are() -> None:
    with pytest.raises(ConfigError, match=r"unknown setting 'latent'.*latent_dim"):
        from_json(ModelConfig, {"latent": 2})
    with pytest.raises(ConfigError, match=r"unknown setting 'lr' for TrainConfig.*learning_rate"):
        from_json(RunConfig, {"train": {"lr": 1e-3}})


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("kind", KINDS),
        ("activation", ACTIVATIONS),
        ("likelihood", LIKELIHOODS),
    ],
)
def test_an_unknown_choice_of_a_model_names_the_choices(name: str, choices: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match=", ".join(choices)):
        from_json(ModelConfig, {name: "nonsense"})


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("precision", PRECISIONS),
        ("device", DEVICES),
        ("learning_rate_schedule", LEARNING_RATE_SCHEDULES),
        ("beta_schedule", BETA_SCHEDULES),
    ],
)
def test_an_unknown_choice_of_a_training_names_the_choices(name: str, choices: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match=", ".join(choices)):
        from_json(TrainConfig, {name: "nonsense"})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1.0, 1e30, 10**400])
@pytest.mark.parametrize(
    "name", ["learning_rate", "beta", "weight_decay", "clip_norm", "learning_rate_warmup", "beta_cycle"]
)
def test_a_number_that_is_none_or_out_of_range_is_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match="give a number from"):
        from_json(TrainConfig, {name: value})


@pytest.mark.parametrize("value", [0.0, math.nan, math.inf, -0.1, 101.0])
def test_a_variance_out_of_range_is_refused(value: float) -> None:
    with pytest.raises(ConfigError, match=r"variance is .*: give a number from 0\.0001 to 100"):
        ModelConfig(variance=value)


@pytest.mark.parametrize("widths", [(0,), (-3, 4), (9000,), (1,) * 17, (True,), (2.5,)])
def test_impossible_widths_are_refused(widths: tuple[Any, ...]) -> None:
    with pytest.raises(ConfigError, match=r"layer width|hidden layers"):
        ModelConfig(decoder_widths=widths)


@pytest.mark.parametrize("settings", [{"latent_dim": 0}, {"latent_dim": True}, {"latent_dim": 513}])
def test_an_impossible_latent_size_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="latent size"):
        ModelConfig(**settings)


def test_early_stopping_without_validation_images_is_refused() -> None:
    with pytest.raises(ConfigError, match="set validation above 0"):
        TrainConfig(patience=3)


def test_a_whole_number_serves_where_a_fraction_may_stand() -> None:
    config = from_json(TrainConfig, {"beta": 2})
    assert config.beta == 2.0
    assert isinstance(config.beta, float)


def _built(cls: type[Any], values: Any) -> Any:
    """The configuration, or None where it is refused as it should be: any other error fails the test."""
    try:
        return from_json(cls, values)
    except ConfigError:
        return None


@given(field=st.sampled_from(FIELDS), value=JSON)
def test_any_json_value_of_a_setting_is_taken_as_it_is_or_refused(field: tuple[type[Any], str], value: Any) -> None:
    cls, name = field
    config = _built(cls, {name: value})
    assert config is None or json.loads(json.dumps(to_json(config)[name])) == json.loads(json.dumps(value))


@given(value=JSON)
def test_any_json_value_for_a_whole_run_is_taken_or_refused(value: Any) -> None:
    config = _built(RunConfig, value)
    assert config is None or set(value) <= {"model", "train"}
