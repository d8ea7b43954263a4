"""Bundled models, runs and checkpoint files: what loads, and what is said of what does not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.factories import make_config, make_model, write_bundle, write_data_set
from vae_core import runs
from vae_core.checkpoints import model_bytes
from vae_core.errors import LatentExplorerError
from vae_core.registry import BUNDLED, Card, list_models, load_model, model_problems, read_card, write_card

Damage = Callable[[Path], object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of bundled models, all of them whole."""
    write_bundle(tmp_path)
    return tmp_path


def test_every_bundled_model_is_listed_and_loads(folder: Path) -> None:
    cards = list_models(folder)
    assert [card.name for card in cards] == list(BUNDLED)
    assert model_problems(folder) == []
    for card in cards:
        model = load_model(card.name, folder)
        assert model.config == card.model
        assert not model.training
        assert all(value.dtype == torch.float32 and not value.requires_grad for value in model.parameters())


def test_a_card_says_what_outside_checks_ask_for(folder: Path) -> None:
    vae, ae = read_card("vae", folder), read_card("ae", folder)
    assert (vae.name, vae.kind, vae.beta, vae.latent_dim) == ("vae", "vae", 1.0, 2)
    assert (ae.kind, ae.beta) == ("ae", None)
    assert vae.command == "python -m vae_core zoo vae"


def test_a_card_survives_being_written_and_read(folder: Path, tmp_path: Path) -> None:
    card = read_card("vae-classic", folder)
    write_card(card, tmp_path / "elsewhere")
    assert read_card("vae-classic", tmp_path / "elsewhere") == card


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def _flip_a_weight(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def _rewrite(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **changes}), "utf-8")


DAMAGES: dict[str, tuple[str, Damage]] = {
    "weights missing": ("vae.safetensors", Path.unlink),
    "weights truncated": ("vae.safetensors", _truncate),
    "weights empty": ("vae.safetensors", lambda path: path.write_bytes(b"")),
    "weights tampered": ("vae.safetensors", _flip_a_weight),
    "weights of another model": ("vae.safetensors", lambda path: path.write_bytes(model_bytes(make_model(1)))),
    "card missing": ("vae.json", Path.unlink),
    "card truncated": ("vae.json", _truncate),
    "card empty": ("vae.json", lambda path: path.write_text("")),
    "card no object": ("vae.json", lambda path: path.write_text("[1, 2]")),
    "card no text": ("vae.json", lambda path: path.write_bytes(b"\xff\xfe\x00")),
    "card with an unknown key": ("vae.json", lambda path: _rewrite(path, colour="red")),
    "card with an unknown setting": ("vae.json", lambda path: _rewrite(path, config={"model": {"depth": 3}})),
    "card with an impossible setting": ("vae.json", lambda path: _rewrite(path, config={"model": {"latent_dim": -1}})),
    "card with figures of another kind": ("vae.json", lambda path: _rewrite(path, figures=3)),
    "card of another model": ("vae.json", lambda path: _rewrite(path, name="ae")),
    "card with another digest": ("vae.json", lambda path: _rewrite(path, sha256="0" * 64)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_model_is_named_with_its_remedy_and_others_keep_working(folder: Path, damage: str) -> None:
    name, inflict = DAMAGES[damage]
    inflict(folder / name)
    with pytest.raises(LatentExplorerError) as caught:
        load_model("vae", folder)
    assert str(folder / name).removesuffix(Path(name).suffix) in str(caught.value)
    assert "`python -m vae_core zoo vae`" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert load_model("vae-classic", folder).config.latent_dim == 2
    assert {"ae", "vae-classic", "vae-gaussian"} <= {card.name for card in list_models(folder)}


@pytest.mark.parametrize("damage", [name for name in DAMAGES if "tampered" not in name and "digest" not in name])
def test_damage_that_shows_without_loading_is_a_problem_of_the_list(folder: Path, damage: str) -> None:
    name, inflict = DAMAGES[damage]
    inflict(folder / name)
    assert "vae" not in {card.name for card in list_models(folder)}
    (problem,) = model_problems(folder)
    assert "vae." in problem
    assert "`python -m vae_core zoo vae`" in problem


def test_an_empty_folder_has_no_models_and_says_so_of_each(tmp_path: Path) -> None:
    assert list_models(tmp_path) == []
    assert len(model_problems(tmp_path)) == len(BUNDLED)


@pytest.mark.parametrize("name", ["", "nope", "VAE", "../vae", "a\0b", "x" * 5000, "nope.safetensors", "<b>vae</b>"])
def test_an_unknown_name_is_refused_with_the_choices(folder: Path, name: str) -> None:
    choices = f"choose one of {', '.join(BUNDLED)}, a run directory or a checkpoint file"
    with pytest.raises(LatentExplorerError, match=re.escape(choices)):
        load_model(name, folder)


def test_a_checkpoint_file_loads_whatever_it_is_called(tmp_path: Path) -> None:
    model = make_model(latent_dim=3)
    for name in ("mine.safetensors", "mine.weights"):
        (tmp_path / name).write_bytes(model_bytes(model))
        loaded = load_model(tmp_path / name)
        assert loaded.config == model.config
        z = torch.ones(1, 3)
        assert torch.equal(loaded.decode(z), model.decode(z))


def test_a_run_directory_loads_by_its_path(tmp_path: Path) -> None:
    data = write_data_set(tmp_path / "data.npz")
    state = runs.create(tmp_path / "run", make_config(data, epochs=1))
    assert list(runs.train(tmp_path / "run", state))
    loaded = load_model(str(tmp_path / "run"))
    for name, value in state.model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)


def test_a_folder_without_a_checkpoint_says_what_to_wait_for(tmp_path: Path) -> None:
    with pytest.raises(LatentExplorerError, match=r"checkpoint\.safetensors: wait for the run's first checkpoint"):
        load_model(tmp_path)


def test_a_file_that_is_no_checkpoint_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a checkpoint")
    with pytest.raises(LatentExplorerError, match=r"notes\.txt is damaged or not a Latent Explorer checkpoint"):
        load_model(path)


def test_a_card_can_carry_more_than_it_must(folder: Path) -> None:
    values = json.loads((folder / "vae.json").read_text("utf-8"))
    _rewrite(folder / "vae.json", extra={"epochs": 3})
    assert read_card("vae", folder).extra == {"epochs": 3}
    assert set(values) == set(Card.__dataclass_fields__)
