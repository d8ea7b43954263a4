"""The digit recogniser: a small convolutional network that names what an image looks like."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.nn import functional as F

from vae_core.errors import ModelError

FOLDER = Path(__file__).resolve().parent.parent / "assets" / "models"
WEIGHTS = "recogniser.safetensors"
CARD = "recogniser.json"
COMMAND = "python -m vae_core zoo recogniser"
VERSION = 1

_REMEDY = f"rebuild it with `{COMMAND}`"
_PARTS = ("weight", "bias")


@dataclass(frozen=True)
class Convolution:
    """One convolution with a ReLU after it: how many channels leave it, and its window."""

    channels: int
    kernel: int
    stride: int
    padding: int


ARCHITECTURE = (
    Convolution(16, 5, 2, 2),  # 28 x 28 -> 14 x 14
    Convolution(24, 3, 2, 1),  # -> 7 x 7
    Convolution(32, 3, 1, 1),
    Convolution(64, 3, 2, 1),  # -> 4 x 4
    Convolution(128, 4, 1, 0),  # -> 1 x 1, the features
)
"""About a million multiply-adds an image, so that plain JavaScript can run it under the pointer."""


class Recogniser(nn.Module):
    """Convolutions with ReLU, then one dense layer: (N, 1, 28, 28) in [0, 1] to logits (N, 10).

    The bundled network has batch normalisation folded into its convolutions, so this is all there is to it.
    """

    def __init__(self, architecture: tuple[Convolution, ...] = ARCHITECTURE) -> None:
        super().__init__()
        self.architecture = architecture
        self.convolutions = nn.ModuleList()
        channels, side = 1, 28
        for layer in architecture:
            self.convolutions.append(nn.Conv2d(channels, layer.channels, layer.kernel, layer.stride, layer.padding))
            channels, side = layer.channels, (side + 2 * layer.padding - layer.kernel) // layer.stride + 1
        self.head = nn.Linear(channels * side * side, 10)

    def features(self, x: Tensor) -> Tensor:
        """Return the activations (N, F) that the last layer reads, for distances between sets of images."""
        for convolution in self.convolutions:
            x = F.relu(convolution(x))
        return x.flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, 10)."""
        logits: Tensor = self.head(self.features(x))
        return logits


@dataclass(frozen=True)
class RecogniserCard:
    """What is known about the bundled recogniser without loading it; field names as on the models' cards."""

    name: str
    kind: str
    description: str
    figures: Mapping[str, float]
    """Measured on the published weights, on MNIST's 10,000 test images."""
    parameters: int
    epochs: int
    seed: int
    seconds: float
    """How long training took."""
    command: str
    """The command that makes the weights again."""
    sha256: str
    size: int
    """Bytes of the weights file."""


def recogniser_bytes(network: Recogniser) -> bytes:
    """Return a recogniser as the pack that the file holds and the browser reads: safetensors, float16.

    The header's `recogniser` entry is a JSON object: version, id (a digest of the weights) and the layers in
    order, each naming its tensors; a convolution's weight is (out, in, height, width).
    """
    tensors: dict[str, Tensor] = {}
    layers: list[dict[str, object]] = []
    for index, (shape, module) in enumerate(zip(network.architecture, network.convolutions, strict=True), start=1):
        names = _add(tensors, f"conv{index}", module)
        window = {"stride": shape.stride, "padding": shape.padding}
        layers.append({"type": "conv", **names, **window, "activation": "relu"})
    layers.append({"type": "dense", **_add(tensors, "head", network.head)})
    identity = hashlib.sha256(save(tensors)).hexdigest()[:16]
    description = {"version": VERSION, "id": identity, "layers": layers}
    return save(tensors, metadata={"recogniser": json.dumps(description)})


def _add(tensors: dict[str, Tensor], name: str, module: nn.Module) -> dict[str, str]:
    for part, value in module.named_parameters():
        tensors[f"{name}.{part}"] = value.detach().to(torch.float16)
    return {"weight": f"{name}.weight", "bias": f"{name}.bias"}


def recogniser_card(folder: Path = FOLDER) -> RecogniserCard:
    """Return the card of the bundled recogniser.

    Raises:
        ModelError: it is missing or damaged; the message names it and the command that rebuilds it.
    """
    path = folder / CARD
    try:
        return RecogniserCard(**json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        raise ModelError(f"there is no card {path}: {_REMEDY}") from None
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(f"the card {path} is damaged: {_REMEDY}") from error


def recogniser_pack(folder: Path = FOLDER) -> bytes:
    """Return the bundled recogniser as bytes for the browser, checked against its card.

    Raises:
        ModelError: weights or card are missing or not as they were written; the message names the file and
            the command that rebuilds it.
    """
    path = folder / WEIGHTS
    card = recogniser_card(folder)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ModelError(f"there is no file {path}: {_REMEDY}") from None
    except OSError as error:
        raise ModelError(f"cannot read {path} ({error.strerror}): {_REMEDY}") from error
    if hashlib.sha256(content).hexdigest() != card.sha256:
        raise ModelError(f"{path} is not the file its card describes: {_REMEDY}")
    return content


def load_recogniser(folder: Path = FOLDER) -> Recogniser:
    """Return the bundled recogniser, in float32 on the CPU, ready to evaluate; callers share it.

    Raises:
        ModelError: as `recogniser_pack`.
    """
    try:
        return parse_recogniser(recogniser_pack(folder))
    except (SafetensorError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise ModelError(f"{folder / WEIGHTS} holds no recogniser this version can read: {_REMEDY}") from error


@functools.lru_cache(maxsize=2)
def parse_recogniser(content: bytes) -> Recogniser:
    """Return the network in a pack, in float32, ready to evaluate; the same bytes give the same one again."""
    tensors = load(content)
    *convolutions, head = _layers(content)
    shapes = [(spec, tensors[spec["weight"]].shape) for spec in convolutions]
    with torch.device("meta"):  # no random weights are drawn only to be replaced
        network = Recogniser(
            tuple(Convolution(shape[0], shape[2], spec["stride"], spec["padding"]) for spec, shape in shapes)
        )
    names = {f"convolutions.{index}": spec for index, spec in enumerate(convolutions)} | {"head": head}
    weights = {f"{name}.{part}": tensors[spec[part]].float() for name, spec in names.items() for part in _PARTS}
    network.load_state_dict(weights, assign=True)
    return network.requires_grad_(False).eval()


def _layers(content: bytes) -> list[dict[str, Any]]:
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    layers: list[dict[str, Any]] = json.loads(header["__metadata__"]["recogniser"])["layers"]
    return layers
