"""What changes while a model trains: all that resuming needs, made from a configuration and its seed."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from vae_core.adamw import AdamW
from vae_core.config import RunConfig, check_course, check_setting
from vae_core.errors import ConfigError
from vae_core.models import Autoencoder
from vae_core.schedules import course_of_beta
from vae_core.tracing import Computation


@dataclass(frozen=True)
class Controls:
    """What a person has set in place of the schedules' values while a model trains; None leaves the schedule alone."""

    beta: float | None = None
    learning_rate: float | None = None
    beta_schedule: str = "constant"
    """How beta gets to its value, from `beta_from` at `beta_since`, both in the words of `course_of_beta`."""
    beta_epochs: float = 0.0
    """How long that takes; a period, where it is cyclical."""
    beta_since: float = 0.0
    """After how many epochs it was set."""
    beta_from: float = 0.0
    """What beta was then."""

    def __post_init__(self) -> None:
        for name in ("beta", "learning_rate"):
            if (value := getattr(self, name)) is not None:
                check_setting(name, value)
        check_course(self.beta_schedule, self.beta_epochs, self.beta)

    def beta_at(self, epochs: float) -> float | None:
        """Return beta after so many epochs of training, None where that is left to the configured schedule."""
        if self.beta is None:
            return None
        passed = epochs - self.beta_since
        return course_of_beta(self.beta_schedule, passed, self.beta_epochs, self.beta_from, self.beta)


@dataclass
class TrainState:
    """Everything that changes while a model trains: all that resuming needs, and nothing else."""

    config: RunConfig
    model: Autoencoder
    noise: torch.Generator
    step: int = 0
    seconds: float = 0.0
    best_loss: float = math.inf
    best_epoch: int = 0
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    controls: Controls = field(default_factory=Controls)

    @cached_property
    def optimizer(self) -> torch.optim.Optimizer:
        """AdamW, made when it is first asked for: what PyTorch imports for it takes as long as the rest of a start."""
        train = self.config.train
        return AdamW(self.model.parameters(), lr=train.learning_rate, weight_decay=train.weight_decay, fused=True)

    @cached_property
    def gradients(self) -> dict[int, Computation]:
        """The gradients of the loss as `train_step` has traced them so far, by the number of images in a batch."""
        return {}

    @property
    def device(self) -> torch.device:
        """Where the model's weights are."""
        return next(self.model.parameters()).device


def choose_device(name: str) -> torch.device:
    """Return the device ``name``, or for "auto" the first of CUDA, MPS and CPU that this machine has.

    Raises ConfigError where the machine lacks the device that was named.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(device for device, present in available.items() if present)
    if not available[name]:
        raise ConfigError(f"this machine has no {name} device: use --device cpu, or auto")
    return torch.device(name)


def start(config: RunConfig) -> TrainState:
    """Return the state before the first step: weights, noise and order all follow from the seed."""
    device = choose_device(config.train.device)
    with torch.random.fork_rng(devices=[]):
        # Layers draw their weights on the CPU from this generator; torch.manual_seed would disturb other devices too.
        torch.default_generator.manual_seed(config.train.seed)
        model = Autoencoder(config.model).to(device)
    noise = torch.Generator(device).manual_seed(config.train.seed)
    return TrainState(config, model, noise)
