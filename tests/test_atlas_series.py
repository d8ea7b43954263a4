"""What a growing atlas is sent: its base, tails and keyframes, read back by the format's own rules."""

from __future__ import annotations

from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import make_model
from vae_core.atlas import Atlas, pack, pack_keyframe, pack_tail, read_header
from vae_core.errors import LatentExplorerError

POSITIONS = torch.randn(3, 5, 2, generator=torch.Generator().manual_seed(0))
STEPS = [100, 150, 200]
CURVES = {"distortion": [150.0, 140.0, 135.5], "rate": [5.0, 6.0, 6.25]}


def _base(**parts: Any) -> Atlas:
    settings: dict[str, Any] = {"positions": POSITIONS, "axis": STEPS, "curves": CURVES, "series": "r1", **parts}
    return Atlas("run", labels=torch.arange(5), decoders={0: make_model()}, axis_name="step", **settings)


def test_a_tail_brings_its_frames_back() -> None:
    packed = pack_tail("r1", 7, POSITIONS, STEPS, CURVES)
    tensors, header = safetensors.torch.load(packed), read_header(packed)
    assert torch.allclose(tensors["positions"].float(), POSITIONS, rtol=2**-11)
    assert tensors["axis"].tolist() == STEPS
    assert (header["series"], header["start"], header["curves"]) == ("r1", 7, CURVES)


@given(st.floats(-60000, 60000))
def test_positions_keep_eleven_bits(place: float) -> None:
    tensors = safetensors.torch.load(pack_tail("r1", 0, torch.full((1, 1, 2), place), [0], {}))
    assert tensors["positions"].dtype == torch.float16
    assert tensors["positions"].double().flatten().tolist() == pytest.approx([place] * 2, rel=2**-11, abs=1e-7)


def test_codes_too_far_out_for_float16_travel_as_float32() -> None:
    far = POSITIONS * 1e6
    tensors = safetensors.torch.load(pack_tail("r1", 0, far, STEPS, CURVES))
    assert torch.equal(tensors["positions"], far)


def test_the_id_tells_contents_apart() -> None:
    packs = [
        pack_tail("r1", 7, POSITIONS, STEPS, CURVES),
        pack_tail("r1", 7, POSITIONS, STEPS, CURVES),
        pack_tail("r1", 8, POSITIONS, STEPS, CURVES),
        pack_tail("r1", 7, POSITIONS + 1, STEPS, CURVES),
        pack_keyframe("r1", 7, make_model()),
        pack_keyframe("r1", 7, make_model(seed=1)),
    ]
    ids = [read_header(packed)["id"] for packed in packs]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 5


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "gaussian-learned"])
def test_a_keyframe_is_the_decoder_with_its_likelihood_in_float16(likelihood: str) -> None:
    model = make_model(likelihood=likelihood, variance=0.2)
    packed = pack_keyframe("r1", 12, model)
    tensors, header = safetensors.torch.load(packed), read_header(packed)
    assert (header["series"], header["frame"], header["likelihood"]) == ("r1", 12, likelihood)
    assert header["heads"] == model.likelihood.heads
    assert header["variance"] == (0.2 if likelihood == "gaussian" else None)
    assert {value.dtype for value in tensors.values()} == {torch.float16}
    for number, layer in enumerate(model.decoder.layers):
        weight = tensors[f"{header['layers'][number]}.weight"].float()
        assert torch.allclose(weight, layer.state_dict()["weight"], rtol=2**-10, atol=1e-6)


def test_a_base_names_its_series_and_travels_short_as_its_tails_do() -> None:
    packed = pack(_base())
    tensors, header = safetensors.torch.load(packed), read_header(packed)
    assert (header["series"], header["axis"], header["encoder"]) == ("r1", {"name": "step"}, None)
    assert torch.equal(
        tensors["positions"], safetensors.torch.load(pack_tail("r1", 0, POSITIONS, STEPS, {}))["positions"]
    )
    assert {value.dtype for name, value in tensors.items() if name.startswith("decoder")} == {torch.float16}


def test_an_atlas_that_does_not_grow_names_no_series_and_keeps_its_precision() -> None:
    packed = pack(_base(series=""))
    assert "series" not in read_header(packed)
    assert torch.equal(safetensors.torch.load(packed)["positions"], POSITIONS)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"series": ""}, "needs a name"),
        ({"start": -1}, "0 or later"),
        ({"positions": POSITIONS[:, :, :1]}, "frames, points, 2"),
        ({"positions": POSITIONS[:0], "axis": [], "curves": {}}, "one frame at least"),
        ({"positions": POSITIONS / 0}, "positions must be finite"),
        ({"axis": [100, 150]}, "its place on the axis"),
        ({"axis": [100, 150, 150]}, "axis must ascend"),
        ({"axis": [100, 150, float("inf")]}, "axis must ascend"),
        ({"curves": {"rate": [1.0]}}, "number per frame"),
        ({"curves": {"rate": [1.0, float("nan"), 2.0]}}, "curves must be finite"),
    ],
)
def test_frames_that_do_not_fit_are_refused_in_a_sentence(wrong: dict[str, Any], said: str) -> None:
    parts = {"series": "r1", "start": 0, "positions": POSITIONS, "axis": STEPS, "curves": CURVES, **wrong}
    with pytest.raises(LatentExplorerError, match=said):
        pack_tail(**parts)


def test_a_base_that_cannot_grow_is_refused() -> None:
    with pytest.raises(LatentExplorerError, match="axis must ascend"):
        _base(axis=[3, 2, 1])
    with pytest.raises(LatentExplorerError, match="curves must be finite"):
        _base(curves={"rate": [1.0, 2.0, float("nan")]})


@pytest.mark.parametrize(
    ("series", "frame", "latent_dim", "said"),
    [("", 0, 2, "needs a name"), ("r1", -3, 2, "0 or later"), ("r1", 0, 8, "latent size of 2")],
)
def test_a_decoder_that_does_not_fit_is_refused_in_a_sentence(
    series: str, frame: int, latent_dim: int, said: str
) -> None:
    with pytest.raises(LatentExplorerError, match=said):
        pack_keyframe(series, frame, make_model(latent_dim=latent_dim))
