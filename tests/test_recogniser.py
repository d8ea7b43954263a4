"""The digit recogniser: right, sure of digits, unsure of mush, small, and refused by name when damaged."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from safetensors.numpy import load
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F

from tests.test_pictures import convert, drawing, photograph
from vae_core import recogniser_training as training
from vae_core.data import binarize_once, load_images, to_pixels
from vae_core.errors import LatentExplorerError, ModelError
from vae_core.recogniser import (
    CARD,
    COMMAND,
    FOLDER,
    WEIGHTS,
    Recogniser,
    load_recogniser,
    parse_recogniser,
    recogniser_bytes,
    recogniser_card,
    recogniser_pack,
)
from vae_core.recogniser_batches import BLENDED, EMPTY, training_batch


@pytest.fixture(scope="module")
def few() -> tuple[Tensor, Tensor]:
    images, labels = load_images("mnist", "test")
    return images[:240], labels[:240]


@pytest.fixture(scope="module")
def small(few: tuple[Tensor, Tensor]) -> Recogniser:
    """A network that has learned a little."""
    return last(training.train_recogniser(2, 48, images=few[0], labels=few[1]))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, small: Recogniser) -> Path:
    place = tmp_path_factory.mktemp("published")
    training.publish_recogniser(small, place, epochs=2, seed=0, seconds=1.0)
    return place


@pytest.fixture
def folder(tmp_path: Path, published: Path) -> Path:
    """A folder with a recogniser that a test may damage."""
    return shutil.copytree(published, tmp_path / "models")


def last(steps: Iterator[training.RecogniserProgress]) -> Recogniser:
    *_, end = steps
    assert end.network is not None
    return end.network


def description(pack: bytes) -> dict[str, Any]:
    header = json.loads(pack[8 : 8 + int.from_bytes(pack[:8], "little")])
    found: dict[str, Any] = json.loads(header["__metadata__"]["recogniser"])
    return found


def run_by_hand(pack: bytes, image: NDArray[np.float32]) -> tuple[NDArray[np.float64], int]:
    """Logits for an image (28, 28) by the pack's own description, without torch, and the multiply-adds."""
    tensors = {name: tensor.astype(np.float64) for name, tensor in load(pack).items()}
    values, cost = image.astype(np.float64)[None], 0
    for layer in description(pack)["layers"]:
        weight, bias = tensors[layer["weight"]], tensors[layer["bias"]]
        if layer["type"] == "dense":
            values = weight @ values.ravel() + bias
            cost += weight.size
        else:
            padded = np.pad(values, ((0, 0), *[(layer["padding"],) * 2] * 2))
            windows = sliding_window_view(padded, weight.shape[2:], (1, 2))[:, :: layer["stride"], :: layer["stride"]]
            values = np.einsum("ochw,cyxhw->oyx", weight, windows) + bias[:, None, None]
            cost += weight.size * values[0].size
        if layer.get("activation"):
            assert layer["activation"] == "relu"
            values = np.maximum(values, 0)
    return values, cost


def test_the_bundled_one_is_right_about_99_percent_of_the_test_set_and_its_card_says_how_often() -> None:
    images, labels = load_images("mnist", "test")
    figures = training.measure_recogniser(load_recogniser(), to_pixels(images), labels)
    card = recogniser_card()
    assert figures["accuracy"] >= 0.993
    assert figures == pytest.approx(card.figures, abs=3e-4)
    assert abs(figures["mean_confidence"] - figures["accuracy"]) < 0.01
    assert figures["calibration_error"] < 0.01
    assert figures["blend_confidence"] < 0.75


def test_the_bundled_one_is_small_and_cheap() -> None:
    pack = recogniser_pack()
    card = recogniser_card()
    _, cost = run_by_hand(pack, np.zeros((28, 28), np.float32))
    assert len(pack) == (FOLDER / WEIGHTS).stat().st_size == card.size < 500_000
    assert cost < 1_500_000
    assert card.parameters == sum(tensor.size for tensor in load(pack).values())
    assert card.command == COMMAND


def test_the_bundled_one_is_unsure_of_noise_and_of_nothing() -> None:
    noise = torch.rand(200, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    nothing = torch.zeros(1, 1, 28, 28)
    confidence = load_recogniser()(torch.cat([noise, nothing])).softmax(1).max(1).values
    assert confidence.max() < 0.5


def test_the_bundled_one_reads_binarised_drawn_and_photographed_digits() -> None:
    images, labels = load_images("mnist", "test")
    binarised = load_recogniser()(binarize_once(images[:500])).argmax(1)
    assert (binarised == labels[:500]).float().mean() > 0.96
    for show in (drawing, photograph):
        shown = torch.from_numpy(np.stack([convert(show(index)) for index in range(100)]))
        assert (load_recogniser()(to_pixels(shown)).argmax(1) == labels[:100]).float().mean() > 0.97


def test_the_pack_says_everything_needed_to_run_it_elsewhere() -> None:
    images, _ = load_images("mnist", "test")
    x = to_pixels(images[:20])
    by_hand = np.stack([run_by_hand(recogniser_pack(), image.numpy())[0] for image in x[:, 0]])
    assert np.abs(by_hand - load_recogniser()(x).numpy()).max() < 1e-3


def test_logits_are_the_head_of_the_features() -> None:
    network = load_recogniser()
    x = torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    features = network.features(x)
    assert features.shape == (3, 128)
    assert network(x).shape == (3, 10)
    assert torch.equal(network.head(features), network(x))
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_callers_share_one_network() -> None:
    assert load_recogniser() is load_recogniser()


def test_a_pack_comes_back_as_the_network_it_was_made_of(small: Recogniser, few: tuple[Tensor, Tensor]) -> None:
    pack = recogniser_bytes(small)
    again = parse_recogniser(pack)
    for name, value in small.state_dict().items():
        assert torch.equal(again.state_dict()[name], value.half().float())
    assert again.architecture == small.architecture
    assert recogniser_bytes(again) == pack


def test_the_id_is_that_of_the_weights(small: Recogniser) -> None:
    other = parse_recogniser(recogniser_bytes(small))
    changed = Recogniser()
    changed.load_state_dict(other.state_dict())
    assert description(recogniser_bytes(changed))["id"] == description(recogniser_bytes(small))["id"]
    with torch.no_grad():
        changed.head.bias.add_(1)
    assert description(recogniser_bytes(changed))["id"] != description(recogniser_bytes(small))["id"]


def test_the_same_seed_gives_the_same_network_and_global_randomness_is_left_alone(
    small: Recogniser, few: tuple[Tensor, Tensor]
) -> None:
    images, labels = few
    state = torch.get_rng_state()
    again = last(training.train_recogniser(2, 48, images=images, labels=labels))
    assert torch.equal(torch.get_rng_state(), state)
    assert recogniser_bytes(again) == recogniser_bytes(small)
    other = last(training.train_recogniser(2, 48, seed=1, images=images, labels=labels))
    assert recogniser_bytes(other) != recogniser_bytes(small)


def test_training_reports_each_epoch_and_learns() -> None:
    images, labels = load_images("mnist", "train")
    steps = list(training.train_recogniser(4, 64, images=images[:2400], labels=labels[:2400]))
    assert [step.epoch for step in steps] == [1, 2, 3, 4]
    assert [step.network is None for step in steps] == [True, True, True, False]
    assert steps[-1].loss < steps[0].loss
    assert steps[-1].accuracy > 0.85
    test_images, test_labels = load_images("mnist", "test")
    network = steps[-1].network
    assert network is not None
    figures = training.measure_recogniser(network, to_pixels(test_images[:1000]), test_labels[:1000])
    assert figures["accuracy"] > 0.85


def test_folding_the_normalisation_in_changes_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    trainee = training._Trainee(generator)
    x = torch.rand(32, 1, 28, 28, generator=generator)
    for _ in range(5):
        trainee(x)  # moves the running statistics away from where they start
    for norm in trainee.norms:
        assert isinstance(norm, nn.BatchNorm2d)
        nn.init.uniform_(norm.weight, 0.5, 2, generator=generator)
        nn.init.uniform_(norm.bias, -1, 1, generator=generator)
    expected = trainee.eval()(x)
    assert torch.allclose(trainee.folded()(x), expected, atol=1e-4)


@given(count=st.integers(1, 70), seed=st.integers(0, 10))
def test_a_batch_is_digits_then_blends_then_no_digits(count: int, seed: int) -> None:
    images, labels = load_images("mnist", "test")
    before = images[:count].clone()
    x, target = training_batch(images[:count], labels[:count], torch.Generator().manual_seed(seed))
    again, _ = training_batch(images[:count], labels[:count], torch.Generator().manual_seed(seed))
    assert torch.equal(x, again)
    assert torch.equal(images[:count], before)
    assert x.shape == (count, 1, 28, 28)
    assert x.min() >= 0
    assert x.max() <= 1 + 1e-6
    assert torch.allclose(target.sum(1), torch.ones(count))
    empty, blended = count // EMPTY, count // BLENDED
    assert torch.equal(target[: count - empty - blended], F.one_hot(labels[: count - empty - blended], 10).float())
    assert ((target[count - empty - blended : count - empty] > 0).sum(1) <= 2).all()
    assert (target[count - empty :] == 0.1).all()


def test_the_temperature_found_is_the_one_that_was_put_in() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(20_000, 10, generator=generator)
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    for temperature in (0.5, 1.0, 3.0):
        assert training._best_temperature(logits * temperature, labels) == pytest.approx(temperature, rel=0.04)


class Known(nn.Module):
    """Says 0 with a confidence of 0.8 to all."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.tensor([0.8, *[0.2 / 9] * 9]).log().expand(len(x), 10)


def test_the_measures_are_what_they_are_called() -> None:
    x = torch.zeros(10, 1, 28, 28)
    labels = torch.tensor([0] * 6 + [1] * 4)
    figures = training.measure_recogniser(Known(), x, labels)
    expected = {"accuracy": 0.6, "mean_confidence": 0.8, "calibration_error": 0.2, "blend_confidence": 0.8}
    assert figures == pytest.approx(expected, abs=1e-5)


def test_building_writes_weights_and_card_that_load(
    tmp_path: Path, few: tuple[Tensor, Tensor], small: Recogniser, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = partial(training.train_recogniser, batch_size=48, images=few[0], labels=few[1])
    monkeypatch.setattr(training, "train_recogniser", quick)
    steps = list(training.build_recogniser(tmp_path / "new", epochs=2))
    assert len(steps) == 2
    assert recogniser_pack(tmp_path / "new") == recogniser_bytes(small)
    card = recogniser_card(tmp_path / "new")
    assert (card.epochs, card.seed, card.kind) == (2, 0, "recogniser")
    assert card.seconds >= 0
    assert torch.equal(load_recogniser(tmp_path / "new").head.bias, small.head.bias.half().float())


def test_a_recogniser_rebuilt_meanwhile_is_read_anew(folder: Path, small: Recogniser) -> None:
    before = load_recogniser(folder)
    changed = Recogniser()
    training.publish_recogniser(changed, folder, epochs=0, seed=0, seconds=0)
    assert load_recogniser(folder) is not before
    assert torch.equal(load_recogniser(folder).head.bias, changed.head.bias.detach().half().float())


def refused(folder: Path, file: str) -> None:
    for use in (load_recogniser, recogniser_pack):
        with pytest.raises(ModelError, match=COMMAND) as caught:
            use(folder)
        assert str(folder / file) in str(caught.value)


@pytest.mark.parametrize("file", [WEIGHTS, CARD])
def test_a_missing_file_is_named_with_the_command_that_rebuilds_it(folder: Path, file: str) -> None:
    (folder / file).unlink()
    refused(folder, file)


@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.999])
@pytest.mark.parametrize("file", [WEIGHTS, CARD])
def test_a_truncated_file_is_named_with_the_command_that_rebuilds_it(folder: Path, file: str, share: float) -> None:
    content = (folder / file).read_bytes()
    (folder / file).write_bytes(content[: int(share * (len(content) - 2))])
    refused(folder, file)


@pytest.mark.parametrize("place", [0, 100, 5_000, -1])
def test_changed_weights_are_named_with_the_command_that_rebuilds_them(folder: Path, place: int) -> None:
    content = bytearray((folder / WEIGHTS).read_bytes())
    content[place] ^= 1
    (folder / WEIGHTS).write_bytes(content)
    refused(folder, WEIGHTS)


@pytest.mark.parametrize("content", ["[]", "null", "{}", '{"sha256": 1}', "\ufffd", '"text"'])
def test_a_card_of_another_form_is_named(folder: Path, content: str) -> None:
    (folder / CARD).write_text(content, "utf-8")
    refused(folder, CARD)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 100,
        save({"head.weight": torch.zeros(10, 3)}),
        save({"w": torch.zeros(1)}, {"recogniser": "{}"}),
        save({"w": torch.zeros(1)}, {"recogniser": '{"layers": [{"weight": "w", "bias": "gone", "stride": 1}]}'}),
    ],
)
def test_other_contents_than_a_recogniser_are_refused_even_where_the_card_agrees(
    folder: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vae_core.recogniser.recogniser_pack", lambda _: content)
    with pytest.raises(LatentExplorerError, match=r"recogniser\.safetensors holds no recogniser .*" + COMMAND):
        load_recogniser(folder)


def test_a_file_that_may_not_be_read_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    refused(folder, WEIGHTS)
