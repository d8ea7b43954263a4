"""Training the digit recogniser, so that it is sure of digits and unsure of everything between them."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from vae_core.data import load_images, to_pixels, train_validation_split
from vae_core.files import write_atomically
from vae_core.recogniser import (
    CARD,
    COMMAND,
    FOLDER,
    WEIGHTS,
    Recogniser,
    RecogniserCard,
    parse_recogniser,
    recogniser_bytes,
)
from vae_core.recogniser_batches import training_batch

EPOCHS = 24


@dataclass(frozen=True)
class RecogniserProgress:
    """One epoch done: mean training loss in nats, validation accuracy in [0, 1], seconds since the start."""

    epoch: int
    epochs: int
    loss: float
    accuracy: float
    seconds: float
    network: Recogniser | None = None
    """The finished network, at the last epoch only."""


def train_recogniser(
    epochs: int = EPOCHS,
    batch_size: int = 256,
    seed: int = 0,
    images: Tensor | None = None,
    labels: Tensor | None = None,
) -> Iterator[RecogniserProgress]:
    """Train the recogniser on MNIST, or on the images (N, 28, 28) and labels (N,) given; yield once an epoch.

    A twelfth of the images is held out: the accuracy reported on the way is measured on it, and at the end
    the logits are divided by the one temperature that makes its likelihood greatest (Guo et al. 2017), so
    that a confidence of 90 % is right nine times in ten. The same seed gives the same network.
    """
    if images is None or labels is None:
        images, labels = load_images("mnist", "train")
    (images, labels), (held_out, held_out_labels) = train_validation_split(images, labels, len(images) // 12)
    validation = to_pixels(held_out)
    generator = torch.Generator().manual_seed(seed)
    trainee = _Trainee(generator)
    steps = epochs * math.ceil(len(images) / batch_size)
    optimizer = torch.optim.AdamW(trainee.parameters(), lr=4e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=steps, pct_start=0.2)
    started = time.monotonic()
    for epoch in range(1, epochs + 1):
        loss = _train_one_epoch(trainee, optimizer, schedule, images, labels, batch_size, generator)
        network = trainee.folded()
        logits = classify(network, validation)
        accuracy = float((logits.argmax(1) == held_out_labels).float().mean())
        if epoch == epochs:
            temperature = _best_temperature(logits, held_out_labels)
            network.head.weight.div_(temperature)
            network.head.bias.div_(temperature)
        seconds = time.monotonic() - started
        yield RecogniserProgress(epoch, epochs, loss, accuracy, seconds, network if epoch == epochs else None)


def build_recogniser(folder: Path = FOLDER, epochs: int = EPOCHS, seed: int = 0) -> Iterator[RecogniserProgress]:
    """Train the bundled recogniser, then measure it and write its weights and card to the folder.

    Raises:
        LatentExplorerError: the data cannot be read, or the files not written.
    """
    for progress in train_recogniser(epochs, seed=seed):
        if progress.network is not None:
            publish_recogniser(progress.network, folder, epochs=epochs, seed=seed, seconds=progress.seconds)
        yield progress


def publish_recogniser(network: Recogniser, folder: Path, *, epochs: int, seed: int, seconds: float) -> RecogniserCard:
    """Write a recogniser's weights (float16) and its card, measured on the weights read back, to the folder."""
    content = recogniser_bytes(network)
    images, labels = load_images("mnist", "test")
    card = RecogniserCard(
        name="recogniser",
        kind="recogniser",
        description="A small convolutional network that names the digit an image looks like.",
        figures=measure_recogniser(parse_recogniser(content), to_pixels(images), labels),
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        epochs=epochs,
        seed=seed,
        seconds=round(seconds, 1),
        command=COMMAND,
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
    )
    write_atomically(folder / WEIGHTS, content)
    write_atomically(folder / CARD, (json.dumps(asdict(card), indent=1) + "\n").encode())
    return card


def measure_recogniser(network: nn.Module, x: Tensor, labels: Tensor) -> dict[str, float]:
    """Return how often a recogniser is right, and how well it knows that, on pixels (N, 1, 28, 28).

    `accuracy` and `mean_confidence` are shares and would be equal if it were perfectly calibrated;
    `calibration_error` is their mean distance over 15 bins of confidence (Guo et al. 2017, eq. 3);
    `blend_confidence` is the mean confidence on the average of two images of different digits.
    """
    confidence, predicted = classify(network, x).softmax(1).max(1)
    right = (predicted == labels).float()
    bins = (confidence * 15).long().clamp(max=14)
    gaps = torch.zeros(15).index_add_(0, bins, right - confidence).abs()
    different = labels != labels.roll(1)
    blends = torch.lerp(x, x.roll(1, 0), 0.5)[different]
    figures = {
        "accuracy": right.mean(),
        "mean_confidence": confidence.mean(),
        "calibration_error": gaps.sum() / len(x),
        "blend_confidence": classify(network, blends).softmax(1).max(1).values.mean(),
    }
    return {name: round(float(value), 5) for name, value in figures.items()}


@torch.no_grad()
def classify(network: nn.Module, x: Tensor, batch_size: int = 1000) -> Tensor:
    """Return the logits (N, 10) of pixels (N, 1, 28, 28), computed in batches to spare memory."""
    return torch.cat([network(batch) for batch in x.split(batch_size)])


class _Trainee(nn.Module):
    """The recogniser with batch normalisation after each convolution, as it is while it learns."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        with torch.device("meta"):  # else the layers would draw from torch's global generator
            self.recogniser = Recogniser()
        self.recogniser.to_empty(device="cpu")
        for parameter in self.recogniser.parameters():
            if parameter.ndim > 1:
                nn.init.kaiming_normal_(parameter, nonlinearity="relu", generator=generator)
            else:
                nn.init.zeros_(parameter)
        self.norms = nn.ModuleList(nn.BatchNorm2d(layer.channels) for layer in self.recogniser.architecture)

    def forward(self, x: Tensor) -> Tensor:
        for convolution, norm in zip(self.recogniser.convolutions, self.norms, strict=True):
            x = F.relu(norm(convolution(x)))
        logits: Tensor = self.recogniser.head(x.flatten(1))
        return logits

    def folded(self) -> Recogniser:
        """Return a recogniser that computes the same without the normalisation layers."""
        trained = copy.deepcopy(self).eval()
        for index, (convolution, norm) in enumerate(zip(trained.recogniser.convolutions, trained.norms, strict=True)):
            assert isinstance(convolution, nn.Conv2d)
            assert isinstance(norm, nn.BatchNorm2d)
            trained.recogniser.convolutions[index] = fuse_conv_bn_eval(convolution, norm)
        return trained.recogniser.requires_grad_(False)


def _train_one_epoch(
    trainee: _Trainee,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    images: Tensor,
    labels: Tensor,
    batch_size: int,
    generator: torch.Generator,
) -> float:
    trainee.train()
    total = 0.0
    for rows in torch.randperm(len(images), generator=generator).split(batch_size):
        x, target = training_batch(images[rows], labels[rows], generator)
        loss = F.cross_entropy(trainee(x), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        total += loss.item() * len(rows)
    return total / len(images)


def _best_temperature(logits: Tensor, labels: Tensor) -> float:
    temperatures = torch.logspace(-0.7, 0.7, 281)
    losses = torch.stack([F.cross_entropy(logits / temperature, labels) for temperature in temperatures])
    return float(temperatures[losses.argmin()])
