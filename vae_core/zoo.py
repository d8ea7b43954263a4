"""The zoo: trains each bundled model in a run directory, measures it and writes its weights and card."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Collection, Iterator
from pathlib import Path

import torch
from torch import Tensor

from vae_core import runs
from vae_core.atlas import log_spaced
from vae_core.checkpoints import load_state, load_weights, model_bytes
from vae_core.config import PRESETS, ModelConfig, RunConfig, TrainConfig
from vae_core.data import load_images
from vae_core.errors import LatentExplorerError
from vae_core.evaluation import beta_curves, evaluate
from vae_core.files import write_atomically
from vae_core.models import Autoencoder
from vae_core.recogniser import load_recogniser
from vae_core.registry import CHECKPOINT_NAME, MODELS_FOLDER, Card, rebuild_command, write_card
from vae_core.training import Progress

_GOOD = PRESETS["good"]
_NARROWER = RunConfig(
    ModelConfig(encoder_widths=(384, 384), decoder_widths=(384, 384, 384)),
    TrainConfig(epochs=60, learning_rate=0.008, precision="bf16"),
)
BETA_RANGE = (0.01, 200.0)
BETA_FRAMES = 33


def _dedicated(beta: float) -> tuple[RunConfig, str]:
    run = dataclasses.replace(_NARROWER, train=dataclasses.replace(_NARROWER.train, beta=beta))
    return run, f"Trained for beta {beta:g} alone, to check the any-beta model of the same width and budget against."


DEFINITIONS: dict[str, tuple[RunConfig, str]] = {
    "vae": (_GOOD, "The reference: a two-dimensional VAE with a wide SiLU decoder, trained long on binarised digits."),
    "ae": (
        dataclasses.replace(_GOOD, model=dataclasses.replace(_GOOD.model, kind="ae")),
        "The same network and budget without the KL term: an autoencoder.",
    ),
    "vae-classic": (
        PRESETS["classic"],
        "The textbook VAE: one hidden layer of 400 ReLU units, grey-level cross-entropy.",
    ),
    "vae-gaussian": (PRESETS["gaussian"], "A Gaussian decoder with a learned mean and standard deviation per pixel."),
    "vae-any-beta": (
        RunConfig(
            dataclasses.replace(_NARROWER.model, beta_range=BETA_RANGE),
            dataclasses.replace(_NARROWER.train, beta_schedule="constant"),
        ),
        "One network for every beta from 0.01 to 200: a multi-rate VAE, its layers gated by log beta.",
    ),
    **{f"vae-beta-{beta:g}": _dedicated(beta) for beta in (0.1, 1.0, 4.0, 20.0)},
}
"""What each bundled model is: its run, and one sentence for its card."""
RECOGNISER = "recogniser"
"""The digit recogniser, which `vae_core.recogniser_training` trains."""
NAMES = (RECOGNISER, *DEFINITIONS)
"""The recogniser first, since the others are measured with it."""


def require_known(name: str) -> None:
    """Raise LatentExplorerError, naming the choices, unless ``name`` is part of the zoo."""
    _require_one_of(NAMES, name)


def _require_one_of(names: Collection[str], name: str) -> None:
    if name not in names:
        raise LatentExplorerError(f"unknown bundled model '{name}': choose one of {', '.join(names)}")


def train(name: str, work: Path) -> Iterator[Progress]:
    """Train a bundled model in the run directory ``work``/``name``, going on where an earlier call stopped.

    Raises LatentExplorerError for an unknown name, or where a run of another configuration is in the way.
    """
    _require_one_of(DEFINITIONS, name)
    config, _ = DEFINITIONS[name]
    run = work / name
    state = runs.reopen(run) if runs.config_path(run).exists() else runs.create(run, config)
    if state.config != config:
        raise LatentExplorerError(f"{run} holds a run with another configuration: delete it, or choose another folder")
    yield from runs.train(run, state)


def publish(
    name: str, work: Path, folder: Path = MODELS_FOLDER, iwae_samples: int = 100, measures: bool = True
) -> Card:
    """Write the trained model's weights (float16) and its measured card to ``folder``; return the card.

    The figures are those of the published weights, read back from a file.
    """
    config, description = DEFINITIONS[name]
    checkpoint, remedy = work / name / CHECKPOINT_NAME, f"train it with `{rebuild_command(name)}`"
    weights = model_bytes(load_weights(checkpoint, remedy), torch.float16)
    # Measured before anything is published, so that weights and card change together.
    candidate = work / name / f"{name}.safetensors"
    write_atomically(candidate, weights)
    test_images, _ = load_images(config.train.data, split="test")
    model = load_weights(candidate, remedy)
    figures = evaluate(
        model,
        test_images,
        iwae_samples=iwae_samples,
        measures=measures,
        recogniser=load_recogniser() if measures else None,
    )
    card = Card(
        name=name,
        description=description,
        config=config,
        figures=figures,
        seconds=round(load_state(checkpoint, remedy).seconds, 3),
        command=rebuild_command(name),
        sha256=hashlib.sha256(weights).hexdigest(),
        size=len(weights),
        extra=_along_beta(model, test_images) if model.config.beta_range else {},
    )
    write_atomically(folder / f"{name}.safetensors", weights)
    write_card(card, folder)
    candidate.unlink()
    return card


def _along_beta(model: Autoencoder, images: Tensor) -> dict[str, list[float]]:
    """Return the betas at which an any-beta model is shown, and its figures at each."""
    low, high = model.config.beta_range
    betas = log_spaced(low, high, BETA_FRAMES)
    return {"betas": betas, **beta_curves(model, images, betas)}
