"""Small things made for tests: images, data sets, models, runs and a folder of bundled models."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vae_core.checkpoints import model_bytes
from vae_core.config import ModelConfig, RunConfig, TrainConfig
from vae_core.models import Autoencoder
from vae_core.recogniser import Recogniser
from vae_core.registry import BUNDLED, Card, rebuild_command, write_card
from vae_core.training_state import start

TINY: dict[str, Any] = {"encoder_widths": (12,), "decoder_widths": (12,)}


def make_images(count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return grey pictures (N, 28, 28) of a bar whose place is the label, with noise; labels 0 to 9."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 10
    images = torch.randint(0, 40, (count, 28, 28), generator=generator)
    for image, label in zip(images, labels.tolist(), strict=True):
        image[4:24, 2 * label + 3 : 2 * label + 7] += 200
    return images.to(torch.uint8), labels


def write_data_set(path: Path, count: int = 60) -> Path:
    """Write an ``.npz`` data set of such pictures."""
    images, labels = make_images(count)
    np.savez(path, images=images.numpy(), labels=labels.numpy())
    return path


def make_model(seed: int = 0, **settings: Any) -> Autoencoder:
    """Return a small untrained model; settings are those of its configuration."""
    config = RunConfig(ModelConfig(**{**TINY, **settings}), TrainConfig(seed=seed, device="cpu"))
    return start(config).model.eval().requires_grad_(False)


def make_recogniser() -> Recogniser:
    """Return an untrained recogniser: what is measured with it is true of any."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return Recogniser().eval().requires_grad_(False)


def make_config(data: Path | str, **settings: Any) -> RunConfig:
    """Return the configuration of a run of a few steps; settings are those of its training."""
    train = {"data": str(data), "epochs": 3, "batch_size": 16, "device": "cpu", "beta_warmup": 1.0, **settings}
    return RunConfig(ModelConfig(**TINY), TrainConfig(**train))


def write_bundle(folder: Path) -> None:
    """Write small untrained models with cards under the names of the bundled ones."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in BUNDLED:
        kind = "ae" if name == "ae" else "vae"
        config = RunConfig(ModelConfig(kind=kind, **TINY), TrainConfig())
        weights = model_bytes(make_model(kind=kind), torch.float16)
        (folder / f"{name}.safetensors").write_bytes(weights)
        digest = hashlib.sha256(weights).hexdigest()
        figures = {"elbo": None if kind == "ae" else -200.0, "reconstruction": 190.0, "pixels": "binary"}
        card = Card(name, "Made for a test.", config, figures, 1.5, rebuild_command(name), digest, len(weights))
        write_card(card, folder)
