"""The public interface, exactly as README.md gives it to others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

import vae_core
from tests.factories import make_model
from vae_core.checkpoints import model_bytes
from vae_core.models import Autoencoder

ROOT = Path(__file__).resolve().parents[1]
NAMES = [
    "load_images",
    "list_models",
    "load_model",
    "elbo",
    "log_evidence",
    "posterior",
    "iwae",
    "evaluate",
    "LatentExplorerError",
]


@pytest.fixture
def model(tmp_path: Path) -> Autoencoder:
    """A model loaded from a path, as anybody would."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(model_bytes(make_model(likelihood="bernoulli-grey")))
    return vae_core.load_model(path)


@pytest.fixture(scope="module")
def x() -> Tensor:
    """Twenty digits, made into pixels as README.md does."""
    images, _ = vae_core.load_images("mnist", split="test")
    return images[:20].float().div(255).unsqueeze(1)


def test_the_package_offers_these_names_and_no_others() -> None:
    assert vae_core.__all__ == NAMES
    assert set(NAMES) <= set(dir(vae_core))
    for name in NAMES:
        assert callable(getattr(vae_core, name))


def test_a_name_it_does_not_offer_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'vae_core' has no attribute 'nope'"):
        _ = vae_core.nope


def test_importing_it_is_light() -> None:
    check = "import sys, vae_core; sys.exit(bool({'torch', 'streamlit', 'numpy', 'plotly'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", check], cwd=ROOT, check=False).returncode == 0


def test_everything_can_be_imported_by_name() -> None:
    names: dict[str, object] = {}
    exec("from vae_core import *", names)
    assert set(NAMES) <= set(names)


@pytest.mark.parametrize(("split", "count"), [("train", 60_000), ("test", 10_000)])
def test_images_are_bytes_and_labels_are_numbers(split: str, count: int) -> None:
    images, labels = vae_core.load_images("mnist", split=split)
    assert (images.dtype, tuple(images.shape)) == (torch.uint8, (count, 28, 28))
    assert (labels.dtype, tuple(labels.shape)) == (torch.int64, (count,))
    assert set(labels.tolist()) == set(range(10))


def test_a_model_encodes_decodes_and_weighs(model: Autoencoder, x: Tensor) -> None:
    mu, logvar = model.encode(x)
    assert logvar is not None
    assert mu.shape == logvar.shape == (20, 2)
    pixels = model.decode(mu)
    assert pixels.shape == (20, 1, 28, 28)
    assert 0 <= pixels.min() <= pixels.max() <= 1
    expected = torch.xlogy(x, pixels) + torch.xlogy(1 - x, 1 - pixels)
    assert torch.allclose(model.log_likelihood(x, mu), expected.sum((1, 2, 3)), rtol=1e-4)


def test_the_bounds_and_the_evidence_are_given_per_image(
    model: Autoencoder, x: Tensor, generator: torch.Generator
) -> None:
    terms = vae_core.elbo(model, x, samples=1, generator=generator)
    assert terms.reconstruction.shape == terms.kl.shape == terms.elbo.shape == (20,)
    assert torch.allclose(terms.elbo, -(terms.reconstruction + terms.kl))
    bound, evidence = vae_core.iwae(model, x, samples=500), vae_core.log_evidence(model, x)
    assert bound.shape == evidence.shape == (20,)
    assert bound.mean() <= evidence.mean() + 0.1
    posterior = vae_core.posterior(model, x)
    assert torch.allclose(posterior.probability.sum(1), torch.ones(20), atol=1e-4)
    assert torch.allclose(posterior.log_evidence, evidence, atol=1e-3)


def test_figures_are_one_flat_dictionary(model: Autoencoder) -> None:
    images, _ = vae_core.load_images("mnist")
    figures = vae_core.evaluate(model, images[:20], samples=1, iwae_samples=2)
    assert {"elbo", "reconstruction", "kl", "log_evidence", "iwae", "active_units"} <= set(figures)


def test_the_bundled_models_are_listed_and_load() -> None:
    cards = {card.name: card for card in vae_core.list_models()}
    assert {"vae", "ae", "vae-classic", "vae-gaussian"} <= set(cards)
    assert cards["vae"].kind == "vae"
    assert cards["ae"].kind == "ae"
    assert (cards["vae"].beta, cards["ae"].beta) == (1.0, None)
    for name, card in cards.items():
        loaded = vae_core.load_model(name)
        assert loaded.config == card.model
        assert loaded.config.latent_dim == card.latent_dim == 2


def test_the_good_model_is_as_good_as_its_card_says() -> None:
    """On the first 500 test images, within three standard errors of the whole set's figures."""
    images, _ = vae_core.load_images("mnist")
    card = {card.name: card for card in vae_core.list_models()}["vae"]
    assert card.figures["images"] == 10_000
    assert card.figures["log_evidence"] >= -125.5
    assert card.figures["elbo"] >= -133.0
    figures = vae_core.evaluate(vae_core.load_model("vae"), images[:500], samples=2, iwae_samples=0)
    for key in ("log_evidence", "elbo", "reconstruction", "kl"):
        assert figures[key] == pytest.approx(card.figures[key], abs=4 * figures[f"{key}_error"])


def test_what_a_person_can_put_right_is_one_kind_of_error(model: Autoencoder) -> None:
    with pytest.raises(vae_core.LatentExplorerError):
        vae_core.load_model("nope")
    with pytest.raises(vae_core.LatentExplorerError):
        vae_core.load_images("nope")
    with pytest.raises(vae_core.LatentExplorerError):
        vae_core.evaluate(model, torch.zeros(0, 28, 28, dtype=torch.uint8))
