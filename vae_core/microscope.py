"""One training step on one digit: every quantity of it, in the order in which it is computed."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from vae_core import run_keyframes
from vae_core.config import check_beta, check_setting
from vae_core.errors import LatentExplorerError
from vae_core.models import IMAGE_SHAPE, Autoencoder
from vae_core.objectives import ElboTerms, kl_per_dimension, reparameterise, standard_normal
from vae_core.run_control import change_control
from vae_core.run_folder import read_state
from vae_core.training_state import TrainState
from vae_core.training_step import BALANCE, balanced_loss, prepare_batch

NEWEST = 2**62
"""A step after every other."""
PATIENCE = 10.0
"""Seconds that a trainer may take for one step."""
_LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Reach:
    """The norms of the gradients that one array of the step gets; None where no path leads to it."""

    name: str
    """``encoder`` or ``decoder``, with all its weights, ``mu``, ``logvar`` or ``z``."""
    reparameterised: float | None
    """Of the distortion, z being mu + sigma * epsilon."""
    drawn: float | None
    """Of the distortion, the same z being drawn from q(z|x) directly."""
    kl: float | None
    """Of beta * KL, which needs no z."""


@dataclass(frozen=True)
class Look:
    """What happens in one training step on one image; losses are nats. An AE has no logvar, epsilon or kl."""

    x: Tensor
    """The image as the model sees it, binarised or grey, (28, 28)."""
    mu: Tensor
    """(d,), like all that is of the latent space."""
    logvar: Tensor | None
    epsilon: Tensor | None
    z: Tensor
    mean: Tensor
    """The decoded means, (28, 28)."""
    pixel_loss: Tensor
    """-log p(x|z) of every pixel, (28, 28)."""
    distortion: float
    kl: Tensor | None
    rate: float
    """The sum of ``kl``; 0 for an AE."""
    beta: float
    divisor: float
    """What an any-beta model's loss is divided by, so that every beta trains alike; 1 for a model of one beta."""
    loss: float
    """``(distortion + beta * rate) / divisor``."""
    gradient_norms: Mapping[str, float]
    """Of the loss, for every layer with its weights and bias together, before any clipping: ``encoder.0``, ..."""
    d_mu: Tensor
    """The derivatives of the loss by mu, through the distortion and the KL together."""
    d_logvar: Tensor | None
    reach: tuple[Reach, ...]
    """Empty for an AE, whose code is not drawn."""

    @property
    def sigma(self) -> Tensor | None:
        """The standard deviations of q(z|x), (d,)."""
        return None if self.logvar is None else (0.5 * self.logvar).exp()


@torch.enable_grad()
def look(
    state_or_model: TrainState | Autoencoder,
    image: Tensor,
    beta: float,
    noise: torch.Generator,
    x: Tensor | None = None,
) -> Look:
    """Compute one training step on a uint8 image (28, 28) with a real backward pass, and change nothing by it.

    It draws from ``noise`` what `train_step` draws for a batch of this image, in the same order, but for an any-beta
    model's beta, which is given. Computed in float32. ``x`` (28, 28) is the image as the model sees it,
    where that was drawn before.

    Raises ConfigError for a beta that training would not take, and LatentExplorerError for an image of another shape.
    """
    if image.shape != (28, 28) or image.dtype != torch.uint8:
        raise LatentExplorerError(f"an image of {image.dtype} and shape {tuple(image.shape)}: give uint8 and 28 x 28")
    original = state_or_model.model if isinstance(state_or_model, TrainState) else state_or_model
    _check(original, beta)
    # A copy takes the gradients: the weights may be those of a run, or shared by sessions.
    model = copy.deepcopy(original).float().requires_grad_(True).train()
    row = image.reshape(1, -1).to(next(model.parameters()).device)
    x = prepare_batch(row, model.likelihood.pixels, noise) if x is None else x.to(row.device)
    return _Step(model, x.reshape(1, *IMAGE_SHAPE), beta, noise).look()


def _check(model: Autoencoder, beta: float) -> None:
    check_setting("beta", beta)
    if model.config.beta_range:
        check_beta(beta, model.config.beta_range)


class _Step:
    """The forward pass, then what its backward passes say."""

    def __init__(self, model: Autoencoder, x: Tensor, beta: float, noise: torch.Generator) -> None:
        self.model, self.x, self.beta = model, x, beta
        self.log_beta = x.new_full((1, 1), math.log(beta)) if model.config.beta_range else None
        self.mu, self.logvar = model.encode(x, self.log_beta)
        self.epsilon: Tensor | None = None
        self.z, self.drawn, kl = self.mu, self.mu, torch.zeros_like(self.mu)
        if self.logvar is not None:
            self.drawn = _draw(self.mu, self.logvar, noise)
            self.epsilon = standard_normal(self.mu, noise)
            self.z = reparameterise(self.mu, self.logvar, self.epsilon)
            kl = kl_per_dimension(self.mu, self.logvar)
        self.kl = kl
        self.params = model.decode_params(self.z, self.log_beta)
        self.pixel_loss = -model.likelihood.pixel_log_prob(x.flatten(1), self.params)
        self.terms = ElboTerms(self.pixel_loss.sum(-1), kl.sum(-1))

    def look(self) -> Look:
        """Go backwards and return everything."""
        divided = self.log_beta is not None
        beta = self.x.new_tensor([self.beta])
        loss = balanced_loss(self.terms, beta) if divided else self.terms.loss(self.beta).mean()
        reach = self._reach()
        for code in (self.mu, self.logvar):
            if code is not None:
                code.retain_grad()
        loss.backward()
        return Look(
            x=self.x.reshape(28, 28),
            mu=_row(self.mu),
            logvar=None if self.logvar is None else _row(self.logvar),
            epsilon=None if self.epsilon is None else _row(self.epsilon),
            z=_row(self.z),
            mean=self.model.likelihood.mean(self.params).detach().reshape(28, 28),
            pixel_loss=self.pixel_loss.detach().reshape(28, 28),
            distortion=self.terms.reconstruction.item(),
            kl=None if self.logvar is None else _row(self.kl),
            rate=self.terms.kl.item(),
            beta=self.beta,
            divisor=(1 + self.beta) ** BALANCE if divided else 1.0,
            loss=loss.item(),
            gradient_norms=_layer_norms(self.model),
            d_mu=_gradient(self.mu),
            d_logvar=None if self.logvar is None else _gradient(self.logvar),
            reach=reach,
        )

    def _reach(self) -> tuple[Reach, ...]:
        """Say which arrays the gradient reaches with the reparameterisation and, the same z drawn directly, without."""
        if self.logvar is None:
            return ()
        arrays: dict[str, list[Tensor]] = {
            "encoder": list(self.model.encoder.parameters()),
            "mu": [self.mu],
            "logvar": [self.logvar],
            "z": [self.z],
            "decoder": list(self.model.decoder.parameters()),
        }
        reparameterised = _norms(self.terms.reconstruction, arrays)
        kl = _norms(self.beta * self.terms.kl, arrays)
        # What is drawn is a leaf: nothing leads from it to mu and logvar.
        drawn = self.drawn.requires_grad_()
        distortion = -self.model.log_likelihood(self.x, drawn, self.log_beta)
        direct = _norms(distortion, arrays | {"z": [drawn]})
        return tuple(Reach(name, reparameterised[name], direct[name], kl[name]) for name in arrays)


@torch.no_grad()
def _draw(mu: Tensor, logvar: Tensor, noise: torch.Generator) -> Tensor:
    """Draw z from N(mu, e^logvar) as `torch.distributions.Normal.sample` does; leaves ``noise`` as it was."""
    twin = torch.Generator(noise.device)
    twin.set_state(noise.get_state())
    return torch.normal(mu, (0.5 * logvar).exp(), generator=twin)


def _row(value: Tensor) -> Tensor:
    """Return the only row of (1, d)."""
    return value.detach()[0]


def _gradient(value: Tensor) -> Tensor:
    """Return the gradient (d,) that a backward pass has left at ``value`` (1, d); zeros where it left none."""
    return torch.zeros_like(value[0]) if value.grad is None else value.grad[0]


def _norm(gradients: Sequence[Tensor | None]) -> float | None:
    """Return the norm of gradients together, None where there is none of them."""
    there = [gradient.flatten() for gradient in gradients if gradient is not None]
    return torch.cat(there).norm().item() if there else None


def _norms(value: Tensor, arrays: Mapping[str, Sequence[Tensor]]) -> dict[str, float | None]:
    """Return the norm of the gradient of ``value`` (1,) by each of the arrays."""
    flat = [array for group in arrays.values() for array in group]
    found = iter(torch.autograd.grad(value.sum(), flat, retain_graph=True, allow_unused=True))
    return {name: _norm([next(found) for _array in group]) for name, group in arrays.items()}


def _layer_norms(model: Autoencoder) -> dict[str, float]:
    """Return the gradient norm of every layer, in the order of the forward pass; an any-beta model's gates too."""
    layers: dict[str, list[Tensor | None]] = {}
    for name, weights in model.named_parameters():
        layer = name.rpartition(".")[0].replace(".layers.", ".").replace(".gates.", ".gate.")
        layers.setdefault(layer, []).append(weights.grad)
    return {layer: _norm(gradients) or 0.0 for layer, gradients in layers.items()}


def weights_of(run: Path) -> tuple[int, Autoencoder]:
    """Return the newest keyframe of a run, in float32, and the step it was taken after.

    Raises LatentExplorerError where the run has none yet.
    """
    return run_keyframes.load(run, NEWEST)


def take_step(run: Path, patience: float = PATIENCE) -> int:
    """Pause a run, have its trainer take exactly one more step, and return once the weights after it are there.

    Returns the step just before, whose weights are kept as well. Raises LatentExplorerError where the run is not being
    trained, or its trainer does not answer in time.
    """
    newest, _ = weights_of(run)
    state = read_state(run)
    done = max(newest, state.step) if state.status == "paused" else newest
    change_control(run, paused=True, more_steps=1)
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        status = read_state(run).status
        before, after = [-1, *run_keyframes.steps(run)][-2:]
        # A running trainer may write keyframes before it looks; those of the single step are there once it has paused.
        if status != "running" and after > done and after == before + 1:
            return before
        if status not in ("running", "paused", "queued"):
            raise LatentExplorerError(f"no step was taken, because the run is {status}: resume it")
        time.sleep(_LOOK_SECONDS)
    raise LatentExplorerError(f"the trainer has not taken the step within {patience:g} s: look again in a moment")
