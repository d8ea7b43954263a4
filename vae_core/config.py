"""Configurations: what a model is and how it is trained, as frozen dataclasses."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_type_hints

from vae_core.errors import ConfigError

KINDS = ("vae", "ae")
ACTIVATIONS = ("silu", "relu", "tanh", "gelu", "elu")
LIKELIHOODS = ("bernoulli", "bernoulli-grey", "continuous-bernoulli", "gaussian", "gaussian-learned")
PRECISIONS = ("fp32", "bf16")
DEVICES = ("auto", "cpu", "cuda", "mps")
LEARNING_RATE_SCHEDULES = ("constant", "linear", "cyclical", "one-cycle")
BETA_SCHEDULES = ("constant", "linear", "cyclical")

T = TypeVar("T")


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise ConfigError(sentence)


def _choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    _require(value in choices, f"unknown {name} '{value}': choose one of {', '.join(choices)}")


def _number(name: str, value: float, low: float, high: float) -> None:
    # Not a number and infinities fail the comparison too.
    fine = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
    _require(fine, f"{name} is {value}: give a number from {low:g} to {high:g}")


def _whole(name: str, value: int, low: int, high: int) -> None:
    fine = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
    _require(fine, f"{name} is {value}: give a whole number from {low} to {high}")


def check_beta(beta: float, beta_range: tuple[float, ...]) -> None:
    """Raise ConfigError, naming the range, unless ``beta`` is a number within it."""
    low, high = beta_range
    _number("beta", beta, low, high)


_SETTING_RANGES = {"beta": (0.0, 1e4), "learning_rate": (1e-8, 10.0)}


def check_setting(name: str, value: float) -> None:
    """Raise ConfigError, naming the range, unless ``value`` is fit for ``beta`` or ``learning_rate`` of a training."""
    _number(name.replace("_", " "), value, *_SETTING_RANGES[name])


def check_course(schedule: str, epochs: float, beta: float | None) -> None:
    """Raise ConfigError unless beta can be sent to a value on this schedule, over so many epochs."""
    _choice("beta schedule", schedule, BETA_SCHEDULES)
    if schedule != "constant":
        _require(beta is not None, f"a {schedule} schedule needs the beta that it leads to: give one")
        _number("length of a beta schedule in epochs", epochs, 0.01, 1e5)


@dataclass(frozen=True)
class ModelConfig:
    """The shape of an autoencoder; everything needed to build its network."""

    kind: str = "vae"
    latent_dim: int = 2
    encoder_widths: tuple[int, ...] = (512, 512)
    decoder_widths: tuple[int, ...] = (512, 512, 512)
    activation: str = "silu"
    likelihood: str = "bernoulli"
    variance: float = 0.1
    """The fixed variance c of the ``gaussian`` likelihood; the others ignore it."""
    beta_range: tuple[float, ...] = ()
    """Smallest and largest beta of an any-beta model, whose layers are gated by log beta; empty for one beta."""

    def __post_init__(self) -> None:
        _choice("model kind", self.kind, KINDS)
        _choice("activation", self.activation, ACTIVATIONS)
        _choice("likelihood", self.likelihood, LIKELIHOODS)
        _whole("latent size", self.latent_dim, 1, 512)
        _number("variance", self.variance, 1e-4, 100.0)
        for widths in (self.encoder_widths, self.decoder_widths):
            _require(isinstance(widths, tuple), f"layer widths are {widths!r}: give a tuple of whole numbers")
            _require(len(widths) <= 16, "a network has at most 16 hidden layers")
            for width in widths:
                _whole("layer width", width, 1, 8192)
        self._check_beta_range()

    def _check_beta_range(self) -> None:
        if not self.beta_range:
            return
        _require(self.kind == "vae", "only a variational autoencoder has a beta: leave the beta range empty")
        _require(len(self.beta_range) == 2, f"the beta range is {self.beta_range}: give its two ends")
        for end in self.beta_range:
            _number("an end of the beta range", end, 1e-4, 1e4)
        _require(self.beta_range[0] < self.beta_range[1], f"the beta range {self.beta_range} is empty: swap its ends")


@dataclass(frozen=True)
class TrainConfig:
    """How a model is trained. Rates are per optimiser step, warm-ups in epochs."""

    data: str = "mnist"
    epochs: int = 60
    batch_size: int = 512
    learning_rate: float = 2e-3
    learning_rate_schedule: str = "one-cycle"
    learning_rate_warmup: float = 1.0
    learning_rate_cycle: float = 10.0
    weight_decay: float = 1e-3
    clip_norm: float = 0.0
    """Largest gradient norm; 0 leaves gradients as they are."""
    beta: float = 1.0
    beta_schedule: str = "linear"
    beta_warmup: float = 5.0
    beta_cycle: float = 10.0
    precision: str = "fp32"
    device: str = "auto"
    seed: int = 0
    validation: int = 0
    """How many training images are set aside (the last ones); needed by early stopping."""
    patience: int = 0
    """Epochs without a better validation loss before training stops; 0 never stops early."""

    def __post_init__(self) -> None:
        _choice("precision", self.precision, PRECISIONS)
        _choice("device", self.device, DEVICES)
        _choice("learning-rate schedule", self.learning_rate_schedule, LEARNING_RATE_SCHEDULES)
        _choice("beta schedule", self.beta_schedule, BETA_SCHEDULES)
        _whole("number of epochs", self.epochs, 1, 100_000)
        _whole("batch size", self.batch_size, 1, 100_000)
        check_setting("learning_rate", self.learning_rate)
        check_setting("beta", self.beta)
        for name in ("learning_rate_warmup", "beta_warmup"):
            _number(name.replace("_", " "), getattr(self, name), 0.0, 1e5)
        for name in ("learning_rate_cycle", "beta_cycle"):
            _number(name.replace("_", " "), getattr(self, name), 0.01, 1e5)
        _number("weight decay", self.weight_decay, 0.0, 10.0)
        _number("gradient clipping norm", self.clip_norm, 0.0, 1e6)
        _whole("seed", self.seed, 0, 2**62)
        _whole("number of validation images", self.validation, 0, 10_000_000)
        _whole("patience", self.patience, 0, 100_000)
        _require(
            self.patience == 0 or self.validation > 0,
            "early stopping needs validation images: set validation above 0, or patience to 0",
        )


@dataclass(frozen=True)
class RunConfig:
    """A model and its training: everything a run needs, and all that a checkpoint remembers."""

    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)


def to_json(config: Any) -> dict[str, Any]:
    """Return a configuration as plain JSON values; `from_json` is the inverse."""
    return dataclasses.asdict(config)


def from_json(cls: type[T], values: Mapping[str, Any]) -> T:
    """Build the configuration ``cls`` from plain JSON values.

    Raises ConfigError for a key that ``cls`` does not have, naming those it has, and for a value of the wrong
    type or out of its range.
    """
    _require(isinstance(values, Mapping), f"{values!r} is no {cls.__name__}: give an object of settings")
    hints = get_type_hints(cls)
    unknown = sorted(set(values) - set(hints))
    if unknown:
        raise ConfigError(f"unknown setting '{unknown[0]}' for {cls.__name__}: it has {', '.join(sorted(hints))}")
    return cls(**{key: _revive(hints[key], key, value) for key, value in values.items()})


def _revive(hint: Any, key: str, value: Any) -> Any:
    """Turn one JSON value into what the dataclass field holds."""
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return from_json(hint, value)
    if hint is float and isinstance(value, int):
        # JSON writers may drop the point of 1.0; the range check names what is no number or too large for one.
        return float(value) if abs(value) < 2**53 and not isinstance(value, bool) else value
    if hint in (int, float, str):
        _require(isinstance(value, hint), f"{key} is {value!r}: it must be of type {hint.__name__}")
        return value
    _require(isinstance(value, list | tuple), f"{key} is {value!r}: it must be a list of whole numbers")
    return tuple(value)


PRESETS: dict[str, RunConfig] = {
    "good": RunConfig(train=TrainConfig(epochs=250, precision="bf16")),
    "classic": RunConfig(
        model=ModelConfig(encoder_widths=(400,), decoder_widths=(400,), activation="relu", likelihood="bernoulli-grey"),
        train=TrainConfig(
            epochs=40,
            batch_size=128,
            learning_rate=1e-3,
            learning_rate_schedule="constant",
            weight_decay=0.0,
            beta_schedule="constant",
        ),
    ),
    "gaussian": RunConfig(
        model=ModelConfig(likelihood="gaussian-learned"),
        train=TrainConfig(epochs=80, precision="bf16", clip_norm=200.0),
    ),
    "quick": RunConfig(
        model=ModelConfig(encoder_widths=(256,), decoder_widths=(256, 256)),
        train=TrainConfig(epochs=10, precision="bf16", beta_warmup=1.0),
    ),
}
"""Named starting points for a run; a model is at its most beginner-friendly with ``quick``."""


def preset(name: str) -> RunConfig:
    """Return the named preset. Raises ConfigError, naming the choices, for any other name."""
    _choice("preset", name, tuple(PRESETS))
    return PRESETS[name]
