"""The latent atlas, read back the way the browser does: from its bytes, without the library that wrote them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import expit

from tests.factories import make_images, make_model
from vae_core.atlas import Atlas, encode_images, of_model, pack, read_header
from vae_core.checkpoints import model_bytes
from vae_core.config import ACTIVATIONS
from vae_core.data import to_pixels
from vae_core.errors import LatentExplorerError
from vae_core.models import Autoencoder

Arrays = dict[str, NDArray[Any]]
IMAGES, LABELS = make_images(30)
DTYPES = {"F32": np.float32, "F16": np.float16, "U8": np.uint8}


def unpack(packed: bytes) -> tuple[dict[str, Any], Arrays]:
    """Return header and tensors by the format's own rules (https://github.com/huggingface/safetensors#format)."""
    length = int.from_bytes(packed[:8], "little")
    entries = json.loads(packed[8 : 8 + length])
    header = json.loads(entries.pop("__metadata__")["atlas"])
    body, arrays = packed[8 + length :], {}
    for name, entry in entries.items():
        first, last = entry["data_offsets"]
        dtype = DTYPES[entry["dtype"]]
        assert (8 + length + first) % np.dtype(dtype).itemsize == 0, "typed arrays of the browser must be aligned"
        arrays[name] = np.frombuffer(body[first:last], dtype).reshape(entry["shape"])
    return header, arrays


def run_network(network: dict[str, Any], arrays: Arrays, h: NDArray[Any]) -> NDArray[Any]:
    """Run a network as its description says."""
    activation = getattr(torch.nn.functional, network["activation"])
    for number, layer in enumerate(network["layers"]):
        h = h @ arrays[f"{layer}.weight"].astype(np.float64).T + arrays[f"{layer}.bias"]
        if number < len(network["layers"]) - 1:
            h = activation(torch.from_numpy(h)).numpy()
    return h


def packed_model(**settings: Any) -> tuple[Autoencoder, dict[str, Any], Arrays]:
    model = make_model(**settings)
    return model, *unpack(pack(of_model("test", model, IMAGES, LABELS)))


def test_the_header_describes_the_model() -> None:
    _, header, arrays = packed_model(likelihood="gaussian", variance=0.25)
    described = {key: header[key] for key in ("version", "name", "kind", "latent_dim", "likelihood", "variance")}
    assert described == {
        "version": 1,
        "name": "test",
        "kind": "vae",
        "latent_dim": 2,
        "likelihood": "gaussian",
        "variance": 0.25,
    }
    assert header["axis"] == {"name": "single"}
    assert header["classes"] == list("0123456789")
    assert header["units"] == {"reconstruction": "nats", "kl": "nats"}
    assert [decoder["frame"] for decoder in header["decoders"]] == [0]
    assert arrays["axis"].tolist() == [0.0]


@pytest.mark.parametrize("likelihood", ["bernoulli", "bernoulli-grey", "continuous-bernoulli", "gaussian-learned"])
def test_only_a_fixed_variance_is_named(likelihood: str) -> None:
    _, header, _ = packed_model(likelihood=likelihood)
    assert header["variance"] is None


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_packed_networks_compute_what_the_model_does(activation: str) -> None:
    model, header, arrays = packed_model(activation=activation)
    z = np.array([[0.3, -1.7], [0.0, 0.0], [4.0, 4.0]])
    (decoder,) = header["decoders"]
    assert decoder["heads"] == 1
    decoded = expit(run_network(decoder, arrays, z))
    expected = model.decode(torch.from_numpy(z).float()).flatten(1)
    assert decoded == pytest.approx(expected.numpy(), abs=1e-5)
    x = to_pixels(IMAGES)
    mu, logvar = model.encode(x)
    assert logvar is not None
    encoded = run_network(header["encoder"], arrays, x.flatten(1).double().numpy())
    assert encoded[:, :2] == pytest.approx(mu.numpy(), abs=1e-5)
    assert np.clip(encoded[:, 2:], -12, 8) == pytest.approx(logvar.numpy(), abs=1e-5)


def test_a_learned_deviation_is_a_second_head() -> None:
    model, header, arrays = packed_model(likelihood="gaussian-learned")
    (decoder,) = header["decoders"]
    assert decoder["heads"] == 2
    z = np.array([[0.5, -0.5]])
    raw = run_network(decoder, arrays, z).reshape(1, 2, 784)
    params = model.decode_params(torch.from_numpy(z).float())
    assert expit(raw[:, 0]) == pytest.approx(model.likelihood.mean(params).numpy(), abs=1e-5)
    assert np.exp(-3 + 3 * expit(raw[:, 1])) == pytest.approx(model.likelihood.std(params).numpy(), abs=1e-5)


def test_an_autoencoder_has_one_code_and_no_rate() -> None:
    model, header, arrays = packed_model(kind="ae")
    assert header["kind"] == "ae"
    assert arrays["encoder.1.weight"].shape[0] == 2
    assert set(header["units"]) == {"reconstruction"}
    assert arrays["positions"][0] == pytest.approx(model.encode(to_pixels(IMAGES))[0].numpy())


def test_points_labels_and_values_are_those_of_the_images() -> None:
    model, _, arrays = packed_model()
    x = to_pixels(IMAGES)
    mu, logvar = model.encode(x)
    assert logvar is not None
    assert arrays["positions"].shape == (1, 30, 2)
    assert arrays["positions"][0] == pytest.approx(mu.numpy(), abs=1e-6)
    assert arrays["labels"].tolist() == LABELS.tolist()
    assert arrays["values.reconstruction"] == pytest.approx(-model.log_likelihood(x, mu).numpy(), rel=1e-5)
    rate = 0.5 * (mu**2 + logvar.exp() - logvar - 1).sum(1)
    assert arrays["values.kl"] == pytest.approx(rate.numpy(), rel=1e-4)


def test_values_do_not_depend_on_the_chunks_they_are_computed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_model()
    codes, values = encode_images(model, IMAGES)
    monkeypatch.setattr("vae_core.atlas.CHUNK", 7)
    codes_again, values_again = encode_images(model, IMAGES)
    assert torch.allclose(codes, codes_again, atol=1e-6)
    assert all(torch.allclose(values[name], values_again[name], rtol=1e-5) for name in values)


def test_a_missing_label_is_255() -> None:
    labels = LABELS.clone()
    labels[3] = -1
    _, arrays = unpack(pack(of_model("test", make_model(), IMAGES, labels)))
    assert arrays["labels"][3] == 255
    assert arrays["labels"][4] == 4


def test_weights_travel_in_half_precision_only_where_nothing_is_lost() -> None:
    full = make_model()
    half = make_model()
    half.load_state_dict({name: value.half().float() for name, value in full.state_dict().items()})
    sizes = []
    for model, dtype in ((full, np.float32), (half, np.float16)):
        packed = pack(of_model("test", model, IMAGES, LABELS))
        header, arrays = unpack(packed)
        assert arrays["decoder.0.weight"].dtype == dtype
        decoded = expit(run_network(header["decoders"][0], arrays, np.ones((1, 2))))
        assert decoded == pytest.approx(model.decode(torch.ones(1, 2)).flatten(1).numpy(), abs=1e-5)
        sizes.append(len(packed))
    assert sizes[1] < sizes[0]


def test_the_id_is_that_of_the_content() -> None:
    model = make_model()
    packed = pack(of_model("test", model, IMAGES, LABELS))
    assert pack(of_model("test", model, IMAGES, LABELS)) == packed
    others = [
        of_model("other", model, IMAGES, LABELS),
        of_model("test", make_model(seed=1), IMAGES, LABELS),
        of_model("test", model, IMAGES, LABELS.flip(0)),
        of_model("test", model, IMAGES[:29], LABELS[:29]),
    ]
    ids = {read_header(packed)["id"], *(read_header(pack(other))["id"] for other in others)}
    assert len(ids) == 5
    assert unpack(packed)[0] == read_header(packed)


def test_several_frames_have_a_decoder_each() -> None:
    first, second = make_model(), make_model(seed=1)
    codes = torch.stack([encode_images(model, IMAGES)[0] for model in (first, second)])
    atlas = Atlas("pair", codes, LABELS, {1: second, 0: first}, axis_name="beta", axis=(1.0, 4.0))
    header, arrays = unpack(pack(atlas))
    assert header["axis"] == {"name": "beta"}
    assert header["encoder"] is None
    assert arrays["axis"].tolist() == [1.0, 4.0]
    assert [decoder["frame"] for decoder in header["decoders"]] == [0, 1]
    for decoder, model in zip(header["decoders"], (first, second), strict=True):
        decoded = expit(run_network(decoder, arrays, np.ones((1, 2))))
        assert decoded == pytest.approx(model.decode(torch.ones(1, 2)).flatten(1).numpy(), abs=1e-5)


def test_only_a_plane_can_be_shown_as_one() -> None:
    with pytest.raises(LatentExplorerError, match="deep has a latent size of 3"):
        of_model("deep", make_model(latent_dim=3), IMAGES, LABELS)


def _broken(**changes: Any) -> dict[str, Any]:
    fine = {"positions": torch.zeros(1, 3, 2), "labels": torch.zeros(3), "decoders": {0: make_model()}}
    return {"name": "broken", **fine, **changes}


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        (_broken(positions=torch.zeros(1, 3, 3)), "two coordinates"),
        (_broken(positions=torch.zeros(2, 3, 2)), "place on the axis"),
        (_broken(labels=torch.zeros(4)), "every point needs a label"),
        (_broken(decoders={1: make_model()}), "first frame needs a decoder"),
        (_broken(values={"kl": torch.zeros(2)}), "values must be"),
    ],
)
def test_an_atlas_that_does_not_fit_together_is_refused(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(LatentExplorerError, match=complaint):
        Atlas(**fields)


def test_a_bundled_model_makes_an_atlas_not_much_larger_than_its_weights() -> None:
    """Half-precision weights stay so on their way to the browser."""
    model = make_model(encoder_widths=(64,), decoder_widths=(64,))
    stored = model_bytes(model, torch.float16)
    model.load_state_dict({name: value.half().float() for name, value in model.state_dict().items()})
    assert len(pack(of_model("test", model, IMAGES, LABELS))) < len(stored) + 30 * 20 + 4096
