"""The zoo: what it trains is what it publishes, with the figures of the published weights."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from tests.factories import make_config, write_data_set
from vae_core import runs, zoo
from vae_core.config import PRESETS
from vae_core.data import load_images
from vae_core.errors import LatentExplorerError
from vae_core.evaluation import evaluate
from vae_core.registry import BUNDLED, list_models, load_model


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A zoo of the same names, each trained for some steps on 60 pictures."""
    config = make_config(write_data_set(tmp_path / "data.npz"))
    definitions = {}
    for name, (own, sentence) in zoo.DEFINITIONS.items():
        model = dataclasses.replace(config.model, kind=own.model.kind, likelihood=own.model.likelihood)
        definitions[name] = (dataclasses.replace(config, model=model), sentence)
    monkeypatch.setattr(zoo, "DEFINITIONS", definitions)
    return tmp_path


def test_the_zoo_defines_every_bundled_model() -> None:
    assert tuple(zoo.DEFINITIONS) == BUNDLED
    assert set(zoo.NAMES) == {*BUNDLED, "recogniser"}


def test_the_autoencoder_has_the_architecture_and_the_budget_of_the_good_vae() -> None:
    (vae, _), (ae, _) = zoo.DEFINITIONS["vae"], zoo.DEFINITIONS["ae"]
    assert dataclasses.replace(ae.model, kind="vae") == vae.model
    assert ae.train == vae.train == PRESETS["good"].train


def test_the_classic_vae_is_the_one_of_the_textbooks() -> None:
    model = zoo.DEFINITIONS["vae-classic"][0].model
    assert (model.encoder_widths, model.latent_dim, model.decoder_widths) == ((400,), 2, (400,))
    assert model.activation == "relu"


@pytest.mark.parametrize("name", BUNDLED)
def test_a_published_model_loads_with_figures_measured_on_its_own_weights(small: Path, name: str) -> None:
    out = small / "out"
    assert list(zoo.train(name, small / "work"))
    card = zoo.publish(name, small / "work", out, iwae_samples=5, measures=False)
    weights = (out / f"{name}.safetensors").read_bytes()
    assert (card.sha256, card.size) == (hashlib.sha256(weights).hexdigest(), len(weights))
    assert card.command == f"python -m vae_core zoo {name}"
    assert card.seconds == pytest.approx(runs.reopen(small / "work" / name).seconds, abs=1e-3)
    assert list_models(out) == [card]
    images, _ = load_images(card.config.train.data, "test")
    assert evaluate(load_model(name, out), images, iwae_samples=5, measures=False) == card.figures


def test_published_weights_are_the_trained_ones_in_half_precision(small: Path) -> None:
    list(zoo.train("vae", small / "work"))
    zoo.publish("vae", small / "work", small / "out", iwae_samples=0, measures=False)
    trained = load_model(small / "work" / "vae").state_dict()
    with safe_open(small / "out" / "vae.safetensors", framework="pt") as file:
        assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.float16}  # noqa: SIM118
    for name, value in load_model("vae", small / "out").state_dict().items():
        assert torch.equal(value, trained[name].half().float())


def test_an_interrupted_model_goes_on_in_its_work_folder(small: Path) -> None:
    training = zoo.train("vae", small / "work")
    next(training)
    del training
    list(zoo.train("vae", small / "work"))
    assert runs.read_metrics(small / "work" / "vae")[-1]["step"] == 12
    assert list(zoo.train("vae", small / "work")) == []


def test_a_run_of_another_configuration_is_not_taken_for_the_model(small: Path) -> None:
    runs.create(small / "work" / "vae", make_config(small / "data.npz", epochs=9))
    with pytest.raises(LatentExplorerError, match="another configuration: delete it, or choose another folder"):
        list(zoo.train("vae", small / "work"))


def test_publishing_what_was_not_trained_says_how_to_train_it(small: Path) -> None:
    with pytest.raises(LatentExplorerError, match="train it with `python -m vae_core zoo ae`"):
        zoo.publish("ae", small / "work", small / "out", measures=False)
    assert not (small / "out").exists()


def test_a_model_that_cannot_be_measured_is_not_published(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    list(zoo.train("vae", small / "work"))
    monkeypatch.setattr(zoo, "evaluate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        zoo.publish("vae", small / "work", small / "out")
    assert not (small / "out").exists()


def test_an_unknown_name_is_refused_with_the_choices(tmp_path: Path) -> None:
    with pytest.raises(LatentExplorerError, match="unknown bundled model 'nope': choose one of vae, ae"):
        list(zoo.train("nope", tmp_path))
