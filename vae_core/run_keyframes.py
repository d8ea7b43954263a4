"""Keyframes: the model of a run at moments of its training, thinned so that a long run stays small."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import torch

from vae_core import run_files
from vae_core.checkpoints import load_weights, model_bytes
from vae_core.errors import LatentExplorerError, ModelError
from vae_core.files import write_atomically
from vae_core.models import Autoencoder

FOLDER = run_files.KEYFRAMES
MOST_BYTES = 35_500_000
"""What the keyframes of a run may take on disk together with its checkpoint."""
_FEWEST = 3
_ATTEMPTS = 5


def path_of(run: Path, step: int) -> Path:
    """Return where the keyframe of a step is, or would be."""
    return run / FOLDER / f"{step:010d}.safetensors"


def steps(run: Path) -> list[int]:
    """Return the steps that have a keyframe, ascending."""
    return sorted(int(path.stem) for path in (run / FOLDER).glob("*.safetensors") if run_files.is_keyframe(path.name))


def save(run: Path, step: int, model: Autoencoder) -> None:
    """Keep the model as it is after ``step``, its weights in float16; older keyframes make room for it."""
    try:
        (run / FOLDER).mkdir(exist_ok=True)
    except OSError as error:
        raise LatentExplorerError(f"cannot write to {run}: {error.strerror or error}; free space") from error
    write_atomically(path_of(run, step), model_bytes(model, torch.float16), makes_folder=False, durable=False)
    thin(run)


def load(run: Path, step: int) -> tuple[int, Autoencoder]:
    """Return the newest keyframe at or before ``step``, with its own step, else the first there is.

    Raises LatentExplorerError where the run has none, or the file is damaged.
    """
    for _ in range(_ATTEMPTS):
        there = steps(run)
        if not there:
            break
        chosen = max((kept for kept in there if kept <= step), default=there[0])
        try:
            return chosen, load_weights(path_of(run, chosen), "choose another moment of the run")
        except ModelError:
            # A run that goes on meanwhile may have thinned this one away.
            if path_of(run, chosen).exists():
                raise
    raise LatentExplorerError(f"{run} has no keyframe yet: wait for its first seconds of training")


def drop_after(run: Path, step: int) -> None:
    """Delete the keyframes after ``step``: a run that goes on from there makes them again."""
    for kept in steps(run):
        if kept > step:
            path_of(run, kept).unlink(missing_ok=True)


def thin(run: Path, most_bytes: int | None = None) -> None:
    """Delete keyframes until they take no more than ``most_bytes``: each time the one that leaves the smallest gap.

    The first and the newest stay. Without a limit they may take what the checkpoint leaves of `MOST_BYTES`.
    """
    if most_bytes is None:
        checkpoint = run / run_files.CHECKPOINT_NAME
        most_bytes = MOST_BYTES - (checkpoint.stat().st_size if checkpoint.exists() else 0)
    there = steps(run)
    sizes = {step: path_of(run, step).stat().st_size for step in there}
    while sum(sizes.values()) > most_bytes and len(there) > _FEWEST:
        gaps = {there[k]: there[k + 1] - there[k - 1] for k in range(1, len(there) - 1)}
        least = min(gaps, key=lambda step: (gaps[step], step))
        path_of(run, least).unlink(missing_ok=True)
        there.remove(least)
        del sizes[least]


def largest_gap(run: Path) -> int:
    """Return the longest stretch of steps without a keyframe between two."""
    return max((after - before for before, after in pairwise(steps(run))), default=0)
