"""The training script that everybody writes, as the baseline that `vae_core.bench` measures against.

A DataLoader that shuffles, a data set that makes a PIL picture and a tensor of every digit each time it is asked for,
a module with five linear layers, Adam, and the sum of cross-entropy and KL: the shape of PyTorch's own VAE example.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from vae_core._torchvision import torchvision
from vae_core.data import load_images, to_pixels


class Digits(Dataset[tuple[Tensor, int]]):
    """Images (N, 28, 28) and labels, each item transformed when it is read, as torchvision's MNIST does."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.data, self.targets = images, labels
        self.transform = torchvision("transforms").ToTensor()

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = Image.fromarray(self.data[index].numpy())
        return self.transform(image), int(self.targets[index])


class UsualVae(nn.Module):
    """784-400-d-400-784 with ReLU."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(784, 400)
        self.fc_mu = nn.Linear(400, latent_dim)
        self.fc_logvar = nn.Linear(400, latent_dim)
        self.fc3 = nn.Linear(latent_dim, 400)
        self.fc4 = nn.Linear(400, 784)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits (N, 784), mu and logvar (N, d) for images (N, 1, 28, 28)."""
        h = F.relu(self.fc1(x.view(-1, 784)))
        mu, logvar = self.fc_mu(h), self.fc_logvar(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.fc4(F.relu(self.fc3(z))), mu, logvar


def usual_loss(logits: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """Return the negative ELBO in nats, summed over the batch."""
    reconstruction = F.binary_cross_entropy_with_logits(logits, x.view(-1, 784), reduction="sum")
    return reconstruction - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())


class UsualScript:
    """The script's state: what it sets up once, and the loops over an epoch and over the test set."""

    def __init__(self, images: Tensor, labels: Tensor, latent_dim: int, batch_size: int, rate: float) -> None:
        self.digits = Digits(images, labels)
        self.loader = DataLoader(self.digits, batch_size=batch_size, shuffle=True)
        self.model = UsualVae(latent_dim)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=rate)

    def train_epoch(self) -> float:
        """Train for one epoch; return the mean loss of an image, in nats."""
        self.model.train()
        total = 0.0
        for x, _ in self.loader:
            self.optimizer.zero_grad()
            loss = usual_loss(*self._with(x))
            loss.backward()
            total += loss.item()
            self.optimizer.step()
        return total / len(self.digits)

    @torch.no_grad()
    def elbo(self, x: Tensor, samples: int) -> float:
        """Return the mean ELBO of images (N, 1, 28, 28), in nats, over so many draws of z for each."""
        self.model.eval()
        losses = [float(usual_loss(*self._with(chunk))) for _ in range(samples) for chunk in x.split(1000)]
        return -sum(losses) / (samples * len(x))

    def _with(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        logits, mu, logvar = self.model(x)
        return logits, x, mu, logvar


class UsualProcess:
    """The script in a process of its own, one epoch at a time, untouched by what a trainer sets in its process."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self.pool = pool

    def train_epoch(self) -> float:
        """Train for one epoch; return how many seconds that took."""
        return self.pool.submit(_train_epoch).result()

    def elbo(self, samples: int) -> float:
        """Return the mean ELBO of the test digits, in nats, over so many draws of z for each."""
        return self.pool.submit(_elbo, samples).result()


@contextmanager
def usual_process(
    images: int | None, latent_dim: int, batch_size: int, rate: float, seed: int
) -> Iterator[UsualProcess]:
    """Start the script on the first ``images`` digits; it ends with the block."""
    setting = (images, latent_dim, batch_size, rate, seed)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_begin, initargs=setting) as pool:
        yield UsualProcess(pool)


# What follows runs in that process.

_running: list[tuple[UsualScript, Tensor]] = []


def _begin(images: int | None, latent_dim: int, batch_size: int, rate: float, seed: int) -> None:
    torch.manual_seed(seed)
    digits, labels = (part[:images] for part in load_images("mnist", "train"))
    x = to_pixels(load_images("mnist", "test")[0][:images])
    _running.append((UsualScript(digits, labels, latent_dim, batch_size, rate), x))


def _train_epoch() -> float:
    ((script, _x),) = _running
    began = time.perf_counter()
    script.train_epoch()
    return time.perf_counter() - began


def _elbo(samples: int) -> float:
    ((script, x),) = _running
    return script.elbo(x, samples)
