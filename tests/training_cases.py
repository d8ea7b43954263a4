"""What the tests of training share: a run of a tiny model, its weights, and its loss in plain PyTorch."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.factories import TINY, make_images
from vae_core.config import ModelConfig, RunConfig, TrainConfig
from vae_core.training import Progress, fit
from vae_core.training_state import TrainState, start

IMAGES = make_images(50)[0]


def tiny_run(model: dict[str, Any] | None = None, **train: Any) -> RunConfig:
    """Return a run of a tiny model on few images, some steps long."""
    settings = {"epochs": 3, "batch_size": 16, "device": "cpu", "beta_warmup": 1.0, **train}
    return RunConfig(ModelConfig(**{**TINY, **(model or {})}), TrainConfig(**settings))


def trained(config: RunConfig, images: Tensor = IMAGES, report_every: int = 100) -> tuple[TrainState, list[Progress]]:
    """Train to the end; return the state and all that was reported."""
    state = start(config)
    return state, list(fit(state, images, report_every))


def weights(state: TrainState) -> dict[str, Tensor]:
    """Return a copy of the weights by name."""
    return {name: value.clone() for name, value in state.model.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Return whether two sets of weights are equal to the bit."""
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


def plain_loss(state: TrainState, x: Tensor, beta: float, epsilon: Tensor) -> Tensor:
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
