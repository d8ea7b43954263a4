"""Benchmark of likelihood: trains the VAEs of a published table under its protocol, and measures what they reach."""

from __future__ import annotations

import io
import json
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from vae_core import runs
from vae_core.bench import Report, machine
from vae_core.config import ModelConfig, RunConfig, TrainConfig
from vae_core.data import load_images
from vae_core.errors import LatentExplorerError
from vae_core.evaluation import evaluate
from vae_core.files import write_atomically
from vae_core.processor import prepare_for_training
from vae_core.run_folder import read_state, root
from vae_core.training_state import TrainState

DIMENSIONS = (2, 5, 10, 20, 40)
SEEDS = (0, 1, 2)
EPOCHS = 2000
"""The most a training may take: far beyond where early stopping ends it."""
VALIDATION_SHARE = 6
"""One in so many training images is set aside: 10,000 of 60,000."""
ELBO_SAMPLES = 10

PUBLISHED: dict[int, dict[str, float]] = {
    2: {"elbo": -137.08, "reconstruction": 129.84, "kl": 7.24, "iwae": -135.73},
    5: {"iwae": -110.21},
    10: {"iwae": -93.84},
    20: {"iwae": -88.90},
    40: {"iwae": -88.93},
}
"""The Gaussian VAE of Davidson et al. 2018, table 1, in nats per image; ``iwae`` is their log p(x), of 500 samples."""

ESTIMATES = ("elbo", "reconstruction", "kl", "iwae", "log_evidence")

Say = Callable[[str], None]
"""Called with what is being done for one model."""


def protocol(dimension: int, seed: int, epochs: int = EPOCHS, data: str = "mnist", images: int = 60_000) -> RunConfig:
    """Return the table's model and training: 784-256-128-d mirrored, ReLU, plain Adam, a warm-up of 100 epochs.

    Early stopping watches the negative ELBO of the last sixth of the training images; its patience begins when the
    warm-up ends.
    """
    model = ModelConfig(latent_dim=dimension, encoder_widths=(256, 128), decoder_widths=(128, 256), activation="relu")
    train = TrainConfig(
        data=data,
        epochs=epochs,
        batch_size=64,
        learning_rate=1e-3,
        learning_rate_schedule="constant",
        weight_decay=0.0,
        beta_schedule="linear",
        beta_warmup=100.0,
        seed=seed,
        device="cpu",
        validation=max(1, images // VALIDATION_SHARE),
        patience=50,
    )
    return RunConfig(model, train)


def measure(
    report: Report,
    dimensions: Sequence[int] = DIMENSIONS,
    seeds: Sequence[int] = SEEDS,
    epochs: int = EPOCHS,
    iwae_samples: int = 500,
    images: int | None = None,
    folder: Path | None = None,
) -> dict[str, Any]:
    """Train a model for each latent size and seed, and measure it on the test images.

    Trainings are runs in ``folder``, by default ``likelihood`` in the folder of the runs. One that has begun is gone
    on with, and of a finished one the figures are kept beside it. ``images`` trains and tests on the first digits
    alone. ``models`` has means over the seeds, in nats per image, with the standard deviation between them under
    ``..._spread`` and what was published under ``published_...``; ``trainings`` has each.

    Raises LatentExplorerError where a run of other settings is in the way, or a training was stopped by its control.
    """
    prepare_for_training()
    folder = folder or root() / "likelihood"
    data = "mnist" if images is None else _first_digits(folder, images)
    count = len(load_images(data, split="train")[0])
    wanted = [(dimension, seed) for seed in dict.fromkeys(seeds) for dimension in dict.fromkeys(dimensions)]
    trainings = []
    for done, (dimension, seed) in enumerate(wanted):
        run = folder / f"d{dimension}-seed{seed}"
        say = partial(_say, report, f"d = {dimension}, seed {seed}", done / len(wanted))
        state = _train(say, run, protocol(dimension, seed, epochs, data, count))
        figures = _figures(say, run, state, iwae_samples, images)
        trainings.append({"dimension": dimension, "seed": seed, **figures})
    models = [summary([one for one in trainings if one["dimension"] == size]) for size in dict.fromkeys(dimensions)]
    return {"folder": str(folder), "models": models, "trainings": trainings, **machine()}


def summary(trainings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the mean figures of trainings of one latent size, their spread over seeds, and what was published.

    The spread is the standard deviation that the trainings let one expect of others, None for a single one.
    """
    dimension = trainings[0]["dimension"]
    row: dict[str, Any] = {"dimension": dimension, "seeds": len(trainings)}
    for key in ESTIMATES:
        values = [one[key] for one in trainings if one[key] is not None]
        row[key] = statistics.fmean(values) if values else None
        row[f"{key}_spread"] = statistics.stdev(values) if len(values) > 1 else None
        row[f"published_{key}"] = PUBLISHED.get(dimension, {}).get(key)
    row["epochs"] = statistics.fmean(one["epochs"] for one in trainings)
    return row


def _say(report: Report, name: str, share: float, what: str) -> None:
    report(f"{name}: {what}", share)


def _first_digits(folder: Path, count: int) -> str:
    """Write the first training digits to a data set of their own, which a run can name; return its path."""
    path = folder / f"first-{count}.npz"
    if not path.exists():
        images, labels = (part[:count].numpy() for part in load_images("mnist", "train"))
        content = io.BytesIO()
        np.savez(content, images=images, labels=labels)
        write_atomically(path, content.getvalue())
    return str(path.resolve())


def _train(say: Say, run: Path, config: RunConfig) -> TrainState:
    """Return the state at the end of a run, which is trained from where it stands."""
    state = runs.reopen(run) if runs.config_path(run).exists() else runs.create(run, config)
    if state.config != config:
        raise LatentExplorerError(f"{run} holds a run of other settings: delete it, or choose another --folder")
    if read_state(run).status == "finished":
        return state
    try:
        for progress in runs.train(run, state, _steps_per_epoch(config), resumes=True):
            loss = progress.validation_loss
            say(f"epoch {progress.epoch}" + ("" if loss is None else f", validation loss {loss:.2f}"))
    except KeyboardInterrupt:
        raise KeyboardInterrupt("the same command goes on from here") from None
    if read_state(run).status != "finished":
        raise LatentExplorerError(f"{run} was stopped at step {state.step}: the same command goes on from there")
    return state


def _steps_per_epoch(config: RunConfig) -> int:
    images = len(load_images(config.train.data, split="train")[0])
    return math.ceil((images - config.train.validation) / config.train.batch_size)


def _figures(say: Say, run: Path, state: TrainState, iwae_samples: int, images: int | None) -> dict[str, Any]:
    """Return the figures of a finished run: those kept beside it, or else measured and kept."""
    steps = _steps_per_epoch(state.config)
    figures: dict[str, Any] = {
        "epochs": state.step // steps,
        "best_epoch": state.best_epoch,
        "stopped_early": state.step < steps * state.config.train.epochs,
        "seconds": state.seconds,
        "iwae_samples": iwae_samples,
    }
    kept = run.with_suffix(".json")
    with suppress(FileNotFoundError, ValueError):
        earlier = json.loads(kept.read_text("utf-8"))
        if isinstance(earlier, dict) and earlier.items() >= figures.items():
            return earlier
    test_images, _ = load_images("mnist", split="test")
    measured = evaluate(
        state.model.eval(), test_images[:images], ELBO_SAMPLES, iwae_samples, report=lambda stage, _: say(stage)
    )
    errors = (f"{key}_error" for key in ESTIMATES)
    figures |= {"images": measured["images"], **{key: measured[key] for key in (*ESTIMATES, *errors)}}
    write_atomically(kept, (json.dumps(figures, indent=1) + "\n").encode())
    return figures
