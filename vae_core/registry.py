"""The models there are: cards of the bundled ones, and `load_model` for these, runs and checkpoint files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vae_core.checkpoints import load_weights
from vae_core.config import ModelConfig, RunConfig, from_json, to_json
from vae_core.errors import LatentExplorerError, ModelError
from vae_core.files import write_atomically
from vae_core.models import Autoencoder

MODELS_FOLDER = Path(__file__).resolve().parent.parent / "assets" / "models"
CHECKPOINT_NAME = "checkpoint.safetensors"
"""The newest checkpoint of a run directory."""
DEDICATED = ("vae-beta-0.1", "vae-beta-1", "vae-beta-4", "vae-beta-20")
"""Models trained for one beta each, to check the any-beta model against."""
BUNDLED = ("vae", "ae", "vae-classic", "vae-gaussian", "vae-any-beta", *DEDICATED)
"""Names of the bundled models, the best one first; `vae_core.zoo` trains each."""


@dataclass(frozen=True)
class Card:
    """What is known about a bundled model without loading it."""

    name: str
    description: str
    config: RunConfig
    figures: Mapping[str, Any]
    """Measured on the test set, in nats per image where a key of `vae_core.evaluate` is in nats."""
    seconds: float
    """How long training took."""
    command: str
    """The command that makes the weights again."""
    sha256: str
    size: int
    """Bytes of the weights file."""
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def model(self) -> ModelConfig:
        """The model's configuration."""
        return self.config.model

    @property
    def kind(self) -> str:
        """``ae`` or ``vae``."""
        return self.model.kind

    @property
    def latent_dim(self) -> int:
        """How many latent dimensions the model has."""
        return self.model.latent_dim

    @property
    def beta(self) -> float | None:
        """The weight of the KL term in training; None for an autoencoder, and for a model of any beta."""
        return self.config.train.beta if self.kind == "vae" and not self.model.beta_range else None


def rebuild_command(name: str) -> str:
    """Return the command that trains the bundled model ``name`` again."""
    return f"python -m vae_core zoo {name}"


def _remedy(name: str) -> str:
    return f"rebuild it with `{rebuild_command(name)}`"


def read_card(name: str, folder: Path = MODELS_FOLDER) -> Card:
    """Return the card of a bundled model.

    Raises ModelError where the card is missing or damaged, naming the file and the command that rebuilds it.
    """
    path = folder / f"{name}.json"
    try:
        values = json.loads(path.read_text("utf-8"))
        card = Card(**{**values, "config": from_json(RunConfig, values["config"])})
        if card.name != name or not isinstance(card.figures, Mapping) or not isinstance(card.size, int):
            raise ValueError("a value of another kind than the card's")
        return card
    except FileNotFoundError:
        raise ModelError(f"there is no card {path}: {_remedy(name)}") from None
    except (OSError, ValueError, TypeError, KeyError, LatentExplorerError) as error:
        raise ModelError(f"the card {path} is damaged: {_remedy(name)}") from error


def write_card(card: Card, folder: Path = MODELS_FOLDER) -> None:
    """Write a card as JSON beside its weights, atomically."""
    content = json.dumps(to_json(card), indent=1, ensure_ascii=False) + "\n"
    write_atomically(folder / f"{card.name}.json", content.encode())


def list_models(folder: Path = MODELS_FOLDER) -> list[Card]:
    """Return the cards of all bundled models that are whole; `model_problems` says what is wrong with others."""
    return [card for card in (_card_or_problem(name, folder) for name in BUNDLED) if isinstance(card, Card)]


def model_problems(folder: Path = MODELS_FOLDER) -> list[str]:
    """Return one sentence for every bundled model that is not whole: the file, and the command that rebuilds it.

    Weights are looked at as far as their size; `load_model` checks their content.
    """
    return [card for card in (_card_or_problem(name, folder) for name in BUNDLED) if isinstance(card, str)]


def _card_or_problem(name: str, folder: Path) -> Card | str:
    path = _weights_path(name, folder)
    try:
        card = read_card(name, folder)
        if not path.is_file():
            return f"there is no file {path}: {_remedy(name)}"
        return card if path.stat().st_size == card.size else _not_its_own(path, name)
    except OSError as error:
        return f"cannot read {path} ({error.strerror}): {_remedy(name)}"
    except ModelError as error:
        return str(error)


def _weights_path(name: str, folder: Path) -> Path:
    return folder / f"{name}.safetensors"


def _not_its_own(path: Path, name: str) -> str:
    return f"{path} is not the file its card describes: {_remedy(name)}"


def load_model(name: str | Path, folder: Path = MODELS_FOLDER) -> Autoencoder:
    """Return a model ready to evaluate: a bundled name, a run directory, or the path of a checkpoint file.

    Raises LatentExplorerError for an unknown name, naming the bundled ones, and for a file missing, truncated or
    not the one its card describes, naming the file and the command that rebuilds it.
    """
    if str(name) in BUNDLED:
        return _load_bundled(str(name), folder)
    path = Path(name)
    if str(name) and _is_there(path):
        inside = path / CHECKPOINT_NAME
        if path.is_dir():
            return load_weights(inside, "wait for the run's first checkpoint, or train it again")
        return load_weights(path, "choose another file, or train it again")
    raise ModelError(
        f"unknown model '{name}': choose one of {', '.join(BUNDLED)}, a run directory or a checkpoint file"
    )


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name too long for a file, or a folder that may not be entered
        return False


def _load_bundled(name: str, folder: Path) -> Autoencoder:
    path = _weights_path(name, folder)
    card = read_card(name, folder)
    try:
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() != card.sha256:
            raise ModelError(_not_its_own(path, name))
    except OSError as error:
        raise ModelError(f"cannot read {path} ({error.strerror}): {_remedy(name)}") from error
    return load_weights(path, _remedy(name))
