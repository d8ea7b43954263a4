"""The plane's packs and networks in JavaScript against torch: what it decodes is what torch decodes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Page
from safetensors.torch import save

from tests.e2e.plane.harness import make_atlas, make_model, make_recogniser, numbers, text
from vae_core.config import ACTIVATIONS, LIKELIHOODS
from vae_core.models import LOGVAR_RANGE


def test_every_half_precision_number_is_read_exactly(js: Page) -> None:
    bits = torch.arange(-32768, 32768, dtype=torch.int32).to(torch.int16)
    halves = bits.view(torch.float16)
    halves = halves[halves.isfinite()]
    read = js.evaluate("(text) => Array.from(pack(text).floats('t'))", text(save({"t": halves})))
    assert np.array_equal(numbers(read), halves.double().numpy())


def test_infinities_and_nans_of_half_precision_stay_so(js: Page) -> None:
    special = save({"t": torch.tensor([math.inf, -math.inf, math.nan], dtype=torch.float16)})
    read = js.evaluate("(text) => Array.from(pack(text).floats('t'), String)", text(special))
    assert read == ["Infinity", "-Infinity", "NaN"]


def test_tensors_that_are_not_aligned_in_the_file_are_read(js: Page) -> None:
    tensors = {"a": torch.tensor([7], dtype=torch.uint8), "b": torch.tensor([1.5, -2.25]), "c": torch.tensor([3.0])}
    shifted = b"\0" + save(tensors)
    read = js.evaluate(
        """(text) => {
          const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).subarray(1);
          const p = new plane.Pack(bytes);
          return [[...p.integers("a")], [...p.floats("b")], [...p.floats("c")]];
        }""",
        text(shifted),
    )
    assert read == [[7], [1.5, -2.25], [3]]


@pytest.mark.parametrize(
    "damage",
    [
        lambda pack: pack[:5],
        lambda pack: pack[:-4],
        lambda pack: b"\xff" * 8 + pack[8:],
        lambda pack: pack[:8] + b"x" * (len(pack) - 8),
        lambda pack: pack.replace(b'"F32"', b'"F64"'),
    ],
    ids=["no header", "cut short", "endless header", "no JSON", "wrong type"],
)
def test_a_damaged_pack_is_refused_in_words(js: Page, damage: Any) -> None:
    broken = damage(save({"t": torch.ones(4)}))
    said = js.evaluate(
        "(text) => { try { pack(text).floats('t'); return null; } catch (error) { return error.message; } }",
        text(broken),
    )
    assert said


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_decoder_gives_torchs_raw_outputs(js: Page, activation: str, generator: torch.Generator) -> None:
    model = make_model(activation=activation)
    z = torch.randn(7, 2, generator=generator)
    expected = model.decode_params(z).flatten(1)
    single, batch = js.evaluate(
        """([text, z]) => {
          const atlas = new plane.Atlas(pack(text));
          const decoder = atlas.decoderAt(0);
          const flat = Float32Array.from(z.flat());
          const single = z.map((one) => Array.from(decoder.forward(Float32Array.from(one))));
          return [single, Array.from(decoder.forwardBatch(flat, z.length))];
        }""",
        [text(make_atlas(model)), z.tolist()],
    )
    np.testing.assert_allclose(numbers(single), expected, atol=1e-4)
    np.testing.assert_allclose(numbers(batch).reshape(7, -1), expected, atol=1e-4)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_mean_and_deviation_of_every_likelihood_are_torchs(
    js: Page, likelihood: str, generator: torch.Generator
) -> None:
    model = make_model(likelihood=likelihood, variance=0.07)
    z = torch.randn(5, 2, generator=generator)
    params = model.decode_params(z)
    mean, std = js.evaluate(
        """([text, zs]) => {
          const atlas = new plane.Atlas(pack(text));
          return ["mean", "std"].map((mode) => zs.map((z) => {
            const raw = atlas.decoderAt(0).forward(Float32Array.from(z));
            const out = new Float32Array(784);
            return Array.from(plane.pixelsOf(atlas.likelihood, mode, raw, 0, out, atlas.variance, null));
          }));
        }""",
        [text(make_atlas(model)), z.tolist()],
    )
    np.testing.assert_allclose(numbers(mean), model.likelihood.mean(params), atol=1e-4)
    np.testing.assert_allclose(numbers(std), model.likelihood.std(params), atol=1e-4)


def test_the_continuous_bernoulli_is_right_where_its_closed_form_cancels(js: Page) -> None:
    logits = torch.cat([torch.linspace(-0.3, 0.3, 601), torch.tensor([-80.0, -20.0, 20.0, 80.0])]).double()
    grid = (torch.arange(200_000).double() + 0.5) / 200_000
    weights = torch.softmax(logits[:, None] * grid, -1)  # the density on a fine grid, by its definition
    mean = weights @ grid
    std = (weights @ grid**2 - mean**2).sqrt()
    found = js.evaluate(
        """(logits) => {
          const likelihood = plane.likelihoodOf("continuous-bernoulli");
          return [logits.map((_, i) => likelihood.mean(logits, i)), logits.map((_, i) => likelihood.std(logits, i))];
        }""",
        logits.tolist(),
    )
    np.testing.assert_allclose(numbers(found[0]), mean, atol=1e-6)
    np.testing.assert_allclose(numbers(found[1]), std, atol=1e-5)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_samples_have_the_mean_and_deviation_of_their_likelihood(js: Page, likelihood: str) -> None:
    raw = [1.2, 0.4] if likelihood == "gaussian-learned" else [1.2]
    mean, std, drawn = js.evaluate(
        """([name, raw]) => {
          const likelihood = plane.likelihoodOf(name);
          const random = new plane.Random(3);
          const drawn = Array.from({ length: 20000 }, () => likelihood.sample(raw, 0, 1, 0.04, random));
          return [likelihood.mean(raw, 0), likelihood.std(raw, 0, 1, 0.04), drawn];
        }""",
        [likelihood, raw],
    )
    assert np.mean(drawn) == pytest.approx(mean, abs=4 * std / math.sqrt(20000))
    assert np.std(drawn) == pytest.approx(std, rel=0.03)


@pytest.mark.parametrize("kind", ["vae", "ae"])
def test_the_encoder_gives_torchs_codes(js: Page, kind: str, generator: torch.Generator) -> None:
    model = make_model(kind=kind)
    images = torch.rand(4, 1, 28, 28, generator=generator) * 6
    mean, logvar = model.encode(images)
    found = js.evaluate(
        """([text, images]) => {
          const atlas = new plane.Atlas(pack(text));
          return images.map((image) => atlas.encode(Float32Array.from(image)));
        }""",
        [text(make_atlas(model)), images.flatten(1).tolist()],
    )
    np.testing.assert_allclose(numbers([one["mean"] for one in found]), mean, atol=1e-4)
    if logvar is None:
        assert all(one["logvar"] is None for one in found)
    else:
        np.testing.assert_allclose(numbers([one["logvar"] for one in found]), logvar, atol=1e-4)
        assert (logvar.abs() <= max(map(abs, LOGVAR_RANGE))).all()


def test_the_recogniser_gives_torchs_probabilities(js: Page, generator: torch.Generator) -> None:
    network, pack = make_recogniser()
    images = torch.rand(6, 1, 28, 28, generator=generator)
    found = js.evaluate(
        """([text, images]) => {
          const recogniser = new plane.Recogniser(pack(text));
          return images.map((image) => Array.from(recogniser.probabilities(Float32Array.from(image))));
        }""",
        [text(pack), images.flatten(1).tolist()],
    )
    expected = network(images).softmax(-1)
    assert expected.std(0).max() > 0.001  # the images are told apart
    np.testing.assert_allclose(numbers(found), expected, atol=1e-4)


def test_bytes_are_rounded_and_held_to_their_range(js: Page) -> None:
    found = js.evaluate("Array.from(plane.toBytes([-0.2, 0, 0.4999, 0.5, 1, 1.7], new Uint8Array(6)))")
    assert found == [0, 0, 127, 128, 255, 255]
