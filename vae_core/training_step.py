"""One step of training: a batch as the model sees it, the loss on it, and the weights moved against its gradient."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from vae_core.config import RunConfig
from vae_core.errors import LatentExplorerError
from vae_core.models import IMAGE_SHAPE
from vae_core.objectives import ElboTerms, draw_epsilon, elbo_terms, elbo_terms_at
from vae_core.tracing import Computation, trace
from vae_core.training_state import TrainState

EVALUATION_SEED = 20130
"""Seeds the noise of every evaluation, so that it neither disturbs training nor differs between epochs."""

BALANCE = 0.2
"""The power of 1 + beta that an any-beta model's loss is divided by."""
DRAWN_BELOW = ((0.05, 0.08), (30.0, 0.95))
"""Betas, and the share of an any-beta model's draws below each: beyond them the code hardly changes with beta."""


class NonFiniteLossError(LatentExplorerError):
    """The loss or the weights stopped being numbers; the last checkpoint written is a good one."""


def prepare_batch(images: Tensor, pixels: str, noise: torch.Generator) -> Tensor:
    """Turn uint8 images (N, 784) into a batch (N, 1, 28, 28): binarised anew, or grey values in [0, 1].

    Dynamic binarisation draws each pixel as a coin with its grey value as probability
    (Salakhutdinov & Murray 2008). A uniform draw from 0..254 is below ``v`` with probability v / 255 exactly.
    """
    if pixels == "binary":
        uniform = torch.randint(0, 255, images.shape, generator=noise, dtype=torch.uint8, device=images.device)
        return (uniform < images).float().reshape(-1, *IMAGE_SHAPE)
    return images.float().div_(255).reshape(-1, *IMAGE_SHAPE)


def draw_log_beta(beta_range: tuple[float, ...], count: int, noise: torch.Generator) -> Tensor | None:
    """Draw a log beta per image from an any-beta model's range, (count, 1); None for a model of one beta.

    Between the betas of `DRAWN_BELOW` that the range has, and beyond them, draws are uniform in log beta.
    """
    if not beta_range:
        return None
    low, high = beta_range
    knots = [(low, 0.0), *(knot for knot in DRAWN_BELOW if low < knot[0] < high), (high, 1.0)]
    ends = torch.tensor([math.log(beta) for beta, _ in knots], device=noise.device)
    shares = torch.tensor([share for _, share in knots], device=noise.device)
    drawn = torch.rand(count, 1, generator=noise, device=noise.device)
    piece = (torch.searchsorted(shares, drawn, right=True) - 1).clamp(0, len(knots) - 2)
    within = (drawn - shares[piece]) / (shares[piece + 1] - shares[piece])
    return ends[piece] + within * (ends[piece + 1] - ends[piece])


def balanced_loss(terms: ElboTerms, beta: Tensor) -> Tensor:
    """Return the mean loss over images with a beta each, (N,), none of which takes all the gradient.

    ``reconstruction + beta * kl`` grows with beta, so large betas would take the gradient; divided by 1 + beta, small
    ones would. A power of it between the two lets all betas over four decades train alike.
    """
    return (terms.loss(beta) / (1 + beta) ** BALANCE).mean()


def _autocast(config: RunConfig, device: torch.device) -> AbstractContextManager[object]:
    if config.train.precision == "bf16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()


def _trace_gradients(state: TrainState, inputs: tuple[Tensor | None, ...]) -> Computation:
    """Trace mean loss, reconstruction and KL of a batch, and the gradients of the loss by all weights."""
    model, weights = state.model, list(state.model.parameters())

    def compute(x: Tensor, beta: Tensor, epsilon: Tensor | None, log_beta: Tensor | None) -> tuple[Tensor, ...]:
        with _autocast(state.config, x.device):
            terms = elbo_terms_at(model, x, epsilon, log_beta)
            reconstruction, kl = terms.reconstruction.mean(), terms.kl.mean()
            loss = reconstruction + beta * kl if log_beta is None else balanced_loss(terms, log_beta.exp().squeeze(1))
        return loss, reconstruction, kl, *torch.autograd.grad(loss, weights)

    return trace(compute, *inputs)


def train_step(state: TrainState, images: Tensor, beta: float, learning_rate: float) -> tuple[Tensor, Tensor]:
    """Take one optimiser step on uint8 images (N, 784); return mean reconstruction and KL before the step.

    Raises NonFiniteLossError, before any weight changes, where the loss is not a finite number.
    """
    model = state.model if state.model.training else state.model.train()
    x = prepare_batch(images, model.likelihood.pixels, state.noise)
    log_beta = draw_log_beta(model.config.beta_range, len(x), state.noise)
    inputs = (x, torch.tensor(beta, device=x.device), draw_epsilon(model, x, state.noise), log_beta)
    if len(x) not in state.gradients:
        state.gradients[len(x)] = _trace_gradients(state, inputs)
    (group,) = state.optimizer.param_groups
    group["lr"] = learning_rate
    for weights in group["params"]:
        weights.grad = None
    loss, reconstruction, kl, *gradients = state.gradients[len(x)](*inputs)
    if not math.isfinite(loss.item()):
        raise NonFiniteLossError(
            f"the loss became {loss.item()} at step {state.step + 1}: lower the learning rate, or clip gradients"
        )
    for weights, gradient in zip(group["params"], gradients, strict=True):
        weights.grad = gradient
    if state.config.train.clip_norm > 0:
        torch.nn.utils.clip_grad_norm_(model.parameters(), state.config.train.clip_norm)
    state.optimizer.step()
    state.step += 1
    return reconstruction, kl


@torch.no_grad()
def evaluation_loss(state: TrainState, x: Tensor) -> float:
    """Return the mean loss on images (N, 1, 28, 28) at the beta training ends with, one draw of z each, in nats."""
    state.model.eval()
    generator = torch.Generator(x.device).manual_seed(EVALUATION_SEED)
    terms = [elbo_terms(state.model, chunk, generator=generator) for chunk in x.split(1000)]
    return float(torch.cat([term.loss(state.config.train.beta) for term in terms]).mean())
