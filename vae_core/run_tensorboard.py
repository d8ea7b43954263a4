"""A run for TensorBoard: its curves over the steps, and its newest codes in the embedding projector."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vae_core import run_keyframes
from vae_core.data import load_image_set, to_pixels
from vae_core.errors import LatentExplorerError
from vae_core.run_folder import read_about, read_config
from vae_core.run_recorder import probe_images
from vae_core.run_records import CodesReader, read_metrics

_ELBO, _RATE = "elbo", "rate"
_SETTINGS = ("beta", "learning_rate")


def export_tensorboard(run: Path, folder: Path) -> None:
    """Write a run for TensorBoard into a new or empty folder.

    Scalars are ``distortion``, ``rate`` and ``elbo``, of ``train`` and ``test`` each and in nats per image, and
    ``beta`` and ``learning_rate``; an autoencoder has no rate and no ELBO. The projector has the newest codes of the
    probe digits, with their classes and pictures.

    Raises LatentExplorerError where tensorboardX is missing, ``run`` is no run, or the folder is unfit.
    """
    config = read_config(run)
    lines, created = read_metrics(run), read_about(run).created
    writer = _writer(folder)
    try:
        for tag, value, line in _scalars(lines, config.model.kind == "vae"):
            writer.add_scalar(tag, value, line["step"], walltime=created + line.get("seconds", 0.0))
        _add_codes(writer, run, config.train.data)
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        writer.close()


def _writer(folder: Path) -> Any:
    try:
        library = import_module("tensorboardX")
    except ImportError as error:
        raise LatentExplorerError(
            "TensorBoard's files are written by tensorboardX, which is not installed: `pip install tensorboardX`"
        ) from error
    try:
        if folder.exists() and any(folder.iterdir()):
            raise LatentExplorerError(
                f"{folder} holds other files, which TensorBoard would mix in: choose an empty one"
            )
        folder.mkdir(parents=True, exist_ok=True)
        return library.SummaryWriter(logdir=str(folder))
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> LatentExplorerError:
    return LatentExplorerError(f"cannot write to {folder}: {error.strerror or error}; choose another folder")


def _scalars(lines: list[dict[str, Any]], is_variational: bool) -> Iterator[tuple[str, float, dict[str, Any]]]:
    """Yield tag, value and line of every figure in the metrics log."""
    for line in lines:
        for of, prefix in (("train", ""), ("test", "test_")):
            reconstruction, kl = line.get(f"{prefix}reconstruction"), line.get(f"{prefix}kl")
            if reconstruction is None or kl is None:
                continue
            yield f"distortion/{of}", reconstruction, line
            if is_variational:
                yield f"{_RATE}/{of}", kl, line
                yield f"{_ELBO}/{of}", -(reconstruction + kl), line
        for name in _SETTINGS:
            if name in line:
                yield name, line[name], line


def _add_codes(writer: Any, run: Path, data: str) -> None:
    found = _newest_codes(run, data)
    if found is None:
        return
    step, codes = found
    images, labels = probe_images(data)
    classes = load_image_set(data, "test").classes
    # In the projector's table a tab or a line's end begins another cell.
    names = [" ".join(classes[label].split()) if 0 <= label < len(classes) else "none" for label in labels.tolist()]
    writer.add_embedding(codes, names, to_pixels(images), global_step=step, tag="codes")


@torch.no_grad()
def _newest_codes(run: Path, data: str) -> tuple[int, Tensor] | None:
    """Return step and codes (N, d) of the newest snapshot; without a plane, those of the newest keyframe."""
    if snapshots := CodesReader(run).read():
        return snapshots[-1]
    if not run_keyframes.steps(run):
        return None
    step, model = run_keyframes.load(run, 2**62)
    return step, model.encode(to_pixels(probe_images(data)[0]))[0]
