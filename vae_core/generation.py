"""How good generated images are, judged in a recogniser's features against real ones."""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor

from vae_core.models import Autoencoder
from vae_core.neighbours import square_distances, square_radii
from vae_core.recogniser import Recogniser
from vae_core.standard_errors import Errors, of_share

ACCEPTANCE: Final = 0.9
"""The recogniser accepts an image as a digit where it gives one of them at least this probability."""
NEIGHBOURS: Final = 3
_CHUNK: Final = 500


class Recognised(NamedTuple):
    """What a recogniser makes of N images."""

    features: Tensor
    """What its last layer reads, (N, F), float64."""
    confidence: Tensor
    """The probability it gives the likeliest digit, (N,)."""


@torch.no_grad()
def recognise(recogniser: Recogniser, x: Tensor) -> Recognised:
    """Return the features of images (N, 1, 28, 28) in [0, 1] and how sure the recogniser is of them."""
    like = recogniser.head.weight
    features = torch.cat([recogniser.features(images.to(like)) for images in x.split(_CHUNK)])
    confidence = recogniser.head(features).softmax(1).amax(1)
    return Recognised(features.to("cpu", torch.float64), confidence.cpu())


@torch.no_grad()
def generate(model: Autoencoder, count: int, generator: torch.Generator | None = None) -> Tensor:
    """Return the mean images E[x|z] of ``count`` draws from the prior N(0, I), (count, 1, 28, 28)."""
    like = next(model.parameters())
    z = torch.randn(count, model.config.latent_dim, generator=generator).to(like)
    return torch.cat([model.decode(chunk) for chunk in z.split(_CHUNK)])


def completeness(confidence: Tensor) -> float:
    """Return the share of images that the recogniser accepts as a digit, for its ``confidence`` (N,) in them.

    It accepts what it gives a probability of at least 0.9. That means something because the bundled recogniser is
    calibrated (Guo et al. 2017), and has learnt to be unsure of blends and of what is no digit.
    """
    return float((confidence >= ACCEPTANCE).double().mean())


@torch.no_grad()
def precision_recall(real: Tensor, generated: Tensor, k: int = NEIGHBOURS) -> tuple[float | None, float | None]:
    """Return improved precision and recall of features (N, F) of real and (M, F) of generated images, in [0, 1].

    A set covers the balls around its points that reach to their k-th nearest neighbour in it. Precision is the share
    of generated images in the balls of the real ones, recall the share of real images in those of the generated
    ones (Kynkäänniemi et al. 2019, eq. 1 and 2, k = 3); exact, in double precision. Both are None where a set has no
    more than k images.
    """
    if min(len(real), len(generated)) <= k:
        return None, None
    centre = real.double().mean(0)
    # Distances are the same about any centre, and rounded least about their own.
    real, generated = real.double() - centre, generated.double() - centre
    real_radii, generated_radii = square_radii(real, k), square_radii(generated, k)
    covered, inside = torch.zeros(len(real), dtype=torch.bool), []
    begin = 0
    for distances in square_distances(generated, real):
        inside.append((distances <= real_radii).any(1))
        covered |= (distances <= generated_radii[begin : begin + len(distances), None]).any(0)
        begin += len(distances)
    return float(torch.cat(inside).double().mean()), float(covered.double().mean())


def _root(covariance: Tensor) -> Tensor:
    """Return the symmetric square root of a symmetric matrix without negative eigenvalues but for rounding."""
    values, vectors = torch.linalg.eigh(covariance)
    root: Tensor = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    return root


@torch.no_grad()
def frechet_distance(real: Tensor, generated: Tensor) -> float | None:
    """Return the Fréchet distance between Gaussians fitted to features (N, F) and (M, F), in squared feature units.

    |m - m'|² + tr(C + C' - 2 (C C')^(1/2)) (Dowson & Landau 1982; Heusel et al. 2017, eq. 6), 0 for equal moments.
    The trace of the root is that of (C^(1/2) C' C^(1/2))^(1/2), whose matrix is symmetric, so it stays real and
    accurate where covariances are singular. None where a set has fewer than two images.
    """
    if min(len(real), len(generated)) < 2:
        return None
    real, generated = real.double(), generated.double()
    covariances = [features.T.cov().reshape(real.shape[1], real.shape[1]) for features in (real, generated)]
    root = _root(covariances[0])
    shared = torch.linalg.eigvalsh(root @ covariances[1] @ root).clamp(min=0).sqrt().sum()
    means = (real.mean(0) - generated.mean(0)).square().sum()
    return max(0.0, float(means + covariances[0].trace() + covariances[1].trace() - 2 * shared))


class Generation(NamedTuple):
    """The measures of generated images; None where there is no recogniser to judge them, or too few images."""

    completeness: float | None
    precision: float | None
    recall: float | None
    frechet: float | None
    errors: Errors
    """The standard errors of the shares: binomial, of the set they are a share of, with the other as it is."""


def judge(real: Recognised, generated: Recognised) -> Generation:
    """Return every measure of generated images against real ones, as the recogniser sees both.

    Two sets are compared by as many images of each, the first ones, since their size moves these measures.
    """
    count = min(len(real.features), len(generated.features))
    sets = real.features[:count], generated.features[:count]
    accepted, (precision, recall) = completeness(generated.confidence), precision_recall(*sets)
    errors = {
        "completeness": of_share(accepted, len(generated.confidence)),
        "precision": of_share(precision, count),
        "recall": of_share(recall, count),
    }
    return Generation(accepted, precision, recall, frechet_distance(*sets), errors)
