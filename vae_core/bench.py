"""Benchmarks of the library: training, exact evidence, decoding and bundled models, each one dictionary of figures."""

from __future__ import annotations

import dataclasses
import platform
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from vae_core.bench_usual import usual_process
from vae_core.config import PRESETS, RunConfig
from vae_core.data import load_images, to_pixels
from vae_core.errors import LatentExplorerError
from vae_core.evaluation import evaluate
from vae_core.evidence import IMAGE_GROUP, log_evidence
from vae_core.inputs import model_input
from vae_core.models import Autoencoder
from vae_core.objectives import elbo
from vae_core.processor import prepare_for_training
from vae_core.quadrature import FINEST_LEVEL, RESOLUTION, integrate
from vae_core.registry import list_models, load_model
from vae_core.training import fit
from vae_core.training_state import start

LATENT_DIM = 20
BASELINE_BATCH = 128
ELBO_SAMPLES = 5
DECODE_BATCHES = (1, 16, 256, 4096)

Report = Callable[[str, float], None]
"""Called with what is being measured, and the share done."""


def machine() -> dict[str, Any]:
    """Return what a figure of speed depends on."""
    return {
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }


def seconds_of(work: Callable[[], object]) -> float:
    """Return how long one call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _config(epochs: int, batch_size: int, precision: str) -> RunConfig:
    """Return the textbook VAE of the comparison, 784-400-20."""
    classic = PRESETS["classic"]
    return RunConfig(
        dataclasses.replace(classic.model, latent_dim=LATENT_DIM),
        dataclasses.replace(
            classic.train, epochs=epochs, batch_size=batch_size, precision=precision, device="cpu", learning_rate=1e-3
        ),
    )


def train(
    report: Report, epochs: int = 3, batch_size: int = 128, precision: str = "fp32", images: int | None = None
) -> dict[str, Any]:
    """Compare the trainer with the usual script on the first ``images`` digits, epoch by epoch in turn.

    Both train 784-400-20 with Adam at 1e-3 on grey digits; the usual script always with batches of 128 in float32, and
    in a process of its own, as its authors would run it. Rates are training images a second; ELBOs are of the test
    digits after the last epoch, in nats.
    """
    prepare_for_training()
    config = _config(epochs, batch_size, precision)
    train = config.train
    images_seen = load_images("mnist", "train")[0][:images]
    x = to_pixels(load_images("mnist", "test")[0][:images])
    state = start(config)
    # What PyTorch imports for an optimiser is no part of an epoch, here as there.
    state.optimizer.zero_grad()
    own = _epochs(fit(state, images_seen))
    own_seconds, usual_seconds = [], []
    with usual_process(images, LATENT_DIM, BASELINE_BATCH, train.learning_rate, train.seed) as usual:
        for epoch in range(epochs):
            usual_seconds.append(usual.train_epoch())
            own_seconds.append(seconds_of(lambda: next(own)))
            report(f"epoch {epoch + 1}/{epochs}", (epoch + 1) / epochs)
        baseline_elbo = usual.elbo(ELBO_SAMPLES)
    generator = torch.Generator().manual_seed(0)
    own_rate = len(images_seen) * epochs / sum(own_seconds)
    usual_rate = len(images_seen) * epochs / sum(usual_seconds)
    return {
        "samples_per_second": own_rate,
        "baseline_samples_per_second": usual_rate,
        "ratio": own_rate / usual_rate,
        "elbo": elbo(state.model.eval(), x, ELBO_SAMPLES, generator).elbo.mean().item(),
        "baseline_elbo": baseline_elbo,
        "epochs": epochs,
        "batch_size": batch_size,
        "precision": precision,
        "images": len(images_seen),
        "seconds_per_epoch": own_seconds,
        "baseline_seconds_per_epoch": usual_seconds,
        **machine(),
    }


def _epochs(steps: Iterator[Any]) -> Iterator[int]:
    """Yield once an epoch of what `fit` yields; after the last, the generator is exhausted as well."""
    finished = 0
    for progress in steps:
        if progress.epoch > finished:
            finished = progress.epoch
            yield finished


def evidence(report: Report, model: str = "vae", images: int | None = None) -> dict[str, Any]:
    """Time the exact log-evidence of the first ``images`` test digits, and compare it with a grid four times finer.

    Seconds include refining the grid; differences are absolute, in nats per image.
    """
    network = load_model(model)
    x = model_input(network, load_images("mnist", "test")[0][:images])
    began = time.perf_counter()
    values = log_evidence(network, x)
    seconds = time.perf_counter() - began
    finer: list[Tensor] = []
    for group in x.split(IMAGE_GROUP):
        report("the grid four times finer", sum(map(len, finer)) / len(x))
        finer.append(integrate(network, group, RESOLUTION / 2, FINEST_LEVEL + 1)[1])
    difference = (torch.cat(finer) - values).abs().double()
    return {
        "model": model,
        "images": len(x),
        "seconds": seconds,
        "log_evidence": values.double().mean().item(),
        "mean_difference": difference.mean().item(),
        "worst_difference": difference.max().item(),
        **machine(),
    }


def decode(report: Report, model: str = "vae", seconds: float = 2.0) -> dict[str, Any]:
    """Measure how fast the decoder makes mean images, for several batch sizes, each for so many ``seconds``."""
    network = load_model(model)
    generator = torch.Generator().manual_seed(0)
    batches = []
    for done, size in enumerate(DECODE_BATCHES):
        report(f"batches of {size}", done / len(DECODE_BATCHES))
        z = torch.randn(size, network.config.latent_dim, generator=generator)
        times = sorted(_decode_for(network, z, seconds))
        median = times[len(times) // 2]
        batches.append({"batch_size": size, "median_milliseconds": 1000 * median, "images_per_second": size / median})
    fastest = max(batch["images_per_second"] for batch in batches)
    return {"model": model, "images_per_second": fastest, "batches": batches, **machine()}


@torch.no_grad()
def _decode_for(network: Autoencoder, z: Tensor, seconds: float) -> list[float]:
    """Return the seconds of each decoding of ``z``, the first left out, until ``seconds`` have passed."""
    network.decode(z)
    times: list[float] = []
    while not times or sum(times) < seconds:
        times.append(seconds_of(lambda: network.decode(z)))
    return times


def models(report: Report, images: int | None = None, samples: int = 10, iwae_samples: int = 500) -> dict[str, Any]:
    """Measure every bundled model on the first ``images`` test digits: the figures of `vae_core.evaluate`.

    Raises LatentExplorerError where there is no bundled model.
    """
    cards = list_models()
    if not cards:
        raise LatentExplorerError("there are no bundled models: train them with `python -m vae_core zoo`")
    test_images, _ = load_images("mnist", "test")
    rows = []
    for done, card in enumerate(cards):
        report(card.name, done / len(cards))
        began = time.perf_counter()
        figures = evaluate(load_model(card.name), test_images[:images], samples, iwae_samples)
        own = {"name": card.name, "kind": card.kind, "likelihood": card.model.likelihood}
        rows.append({**own, **figures, "seconds": time.perf_counter() - began})
    return {"models": rows, **machine()}
