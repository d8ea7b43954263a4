"""Atlases along an axis: the betas of an any-beta model, and the way from one model to another."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import safetensors.torch
import torch
from torch import Tensor

from vae_core import atlas
from vae_core.config import ModelConfig
from vae_core.errors import LatentExplorerError
from vae_core.models import Autoencoder
from vae_core.objectives import kl_divergence

ANY_BETA = ModelConfig(encoder_widths=(8,), decoder_widths=(8, 6), beta_range=(0.01, 200.0))


def _beta_atlas(betas: Sequence[float]) -> tuple[Autoencoder, Tensor, atlas.Atlas]:
    model = Autoencoder(ANY_BETA).eval().requires_grad_(False)
    images = torch.randint(0, 256, (7, 28, 28), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    curves = {"rate": [1.0] * len(betas)}
    return model, images, atlas.of_any_beta("any", model, images, torch.arange(7), betas, curves)


def test_an_any_beta_atlas_has_a_frame_for_each_beta_with_the_codes_of_that_beta() -> None:
    betas = atlas.log_spaced(0.01, 200.0, 5)
    model, images, made = _beta_atlas(betas)
    assert made.positions.shape == (5, 7, 2)
    mu, logvar = model.at(betas[3]).encode(images.float().div(255).unsqueeze(1))
    assert logvar is not None
    assert torch.allclose(made.positions[3], mu, atol=1e-6)
    assert torch.allclose(made.values["kl"][3], kl_divergence(mu, logvar), atol=1e-6)


def test_gates_travel_with_the_hidden_layers_only() -> None:
    model, _, made = _beta_atlas([0.1, 1.0])
    packed = atlas.pack(made)
    tensors = safetensors.torch.load(packed)
    header = atlas.read_header(packed)
    assert header["axis"] == {"name": "beta"}
    assert header["curves"] == {"rate": [1.0, 1.0]}
    assert header["decoders"][0]["gated"]
    assert sorted(name for name in tensors if "gate" in name and name.startswith("decoder")) == [
        "decoder.0.gate_u",
        "decoder.0.gate_v",
        "decoder.1.gate_u",
        "decoder.1.gate_v",
    ]
    assert torch.equal(tensors["decoder.1.gate_u"].float(), model.decoder.state_dict()["gates.1.u"])


def test_betas_are_spaced_evenly_in_their_logarithm_with_exact_ends() -> None:
    betas = atlas.log_spaced(0.01, 200.0, 33)
    assert (betas[0], betas[-1], len(betas)) == (0.01, 200.0, 33)
    steps = torch.tensor(betas, dtype=torch.float64).log().diff()
    assert torch.allclose(steps, steps[0].expand_as(steps))


def test_a_pair_leads_from_one_latent_space_to_the_other() -> None:
    models = tuple(
        Autoencoder(ModelConfig(kind=kind, encoder_widths=(8,), decoder_widths=(8,))).eval() for kind in ("ae", "vae")
    )
    images = torch.randint(0, 256, (5, 28, 28), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    made = atlas.of_pair(("ae", "vae"), (models[0], models[1]), images, torch.arange(5))
    x = images.float().div(255).unsqueeze(1)
    for frame, model in enumerate(models):
        assert torch.allclose(made.positions[frame], model.encode(x)[0], atol=1e-6)
    assert list(made.values) == ["reconstruction"], "an autoencoder has no KL, so the pair has none to show"
    header = atlas.read_header(atlas.pack(made))
    assert [spec["frame"] for spec in header["decoders"]] == [0, 1]
    assert header["axis"] == {"name": "model"}


def test_curves_need_a_number_for_every_frame() -> None:
    positions, labels, decoders = torch.zeros(2, 3, 2), torch.zeros(3), {0: Autoencoder(ANY_BETA)}
    with pytest.raises(LatentExplorerError, match="number per frame"):
        atlas.Atlas("any", positions, labels, decoders, axis=(0, 1), curves={"rate": [1.0]})
