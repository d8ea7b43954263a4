"""The command ``train``: a model trained in a run directory."""

from __future__ import annotations

import argparse
import dataclasses
import signal
from pathlib import Path
from typing import Any

from vae_core import run_queue, runs
from vae_core.cli_output import ProgressLine, number, print_json, print_pairs, say
from vae_core.config import (
    ACTIVATIONS,
    BETA_SCHEDULES,
    DEVICES,
    KINDS,
    LIKELIHOODS,
    PRECISIONS,
    PRESETS,
    ModelConfig,
    RunConfig,
    TrainConfig,
    preset,
)
from vae_core.data import load_images
from vae_core.errors import LatentExplorerError
from vae_core.evaluation import evaluate
from vae_core.processor import prepare_for_training
from vae_core.registry import load_model
from vae_core.run_folder import read_state
from vae_core.run_trainer import TerminatedError
from vae_core.training import Progress
from vae_core.training_state import TrainState

RUNS = Path("runs")
DEFAULT_PRESET = "quick"
SUMMARY_SAMPLES = 10


def widths(text: str) -> tuple[int, ...]:
    """Parse the widths of hidden layers, ``512,512``; an empty text is a network without any."""
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no list of layer widths: write them as 512,512") from None


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``train``. Those of the configuration are absent from the result unless given."""
    parser.add_argument("--run", type=Path, metavar="DIR", help="the run directory (a new one under runs/)")
    parser.add_argument("--continue", action="store_true", dest="resume", help="go on with the run in --run")
    parser.add_argument("--queue", action="store_true", help="wait while as many runs train as may at once")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.add_argument(
        "--preset", choices=PRESETS, default=argparse.SUPPRESS, help=f"where to start from ({DEFAULT_PRESET})"
    )
    model = parser.add_argument_group("the model (each option replaces the preset's)")
    _add(model, "--kind", choices=KINDS, help="variational autoencoder, or autoencoder")
    _add(model, "--latent-dim", type=int, metavar="D", help="latent dimensions")
    _add(model, "--encoder-widths", type=widths, metavar="W,W", help="hidden layers of the encoder")
    _add(model, "--decoder-widths", type=widths, metavar="W,W", help="hidden layers of the decoder")
    _add(model, "--activation", choices=ACTIVATIONS, help="after each hidden layer")
    _add(model, "--likelihood", choices=LIKELIHOODS, help="p(x|z) of a pixel")
    _add(model, "--variance", type=float, metavar="C", help="of the likelihood gaussian")
    training_options(parser.add_argument_group("the training (likewise)"))


def training_options(train: argparse._ArgumentGroup) -> None:
    """Add the options that stand for the settings of training."""
    _add(train, "--data", metavar="NAME|PATH", help="mnist, fashion-mnist, kmnist, or a folder, .zip or .npz")
    _add(train, "--beta", type=float, metavar="B", help="weight of the KL divergence")
    _add(train, "--beta-schedule", choices=BETA_SCHEDULES, help="how beta gets to its value")
    _add(train, "--epochs", type=int, metavar="N", help="passes over the images")
    _add(train, "--batch-size", type=int, metavar="N", help="images in one step")
    _add(train, "--learning-rate", type=float, metavar="LR", help="largest learning rate of the schedule")
    _add(train, "--precision", choices=PRECISIONS, help="of the matrix products")
    _add(train, "--seed", type=int, metavar="S", help="the same seed gives the same model")
    _add(train, "--device", choices=DEVICES, help="where to compute")
    _add(train, "--validation", type=int, metavar="N", help="images set aside for early stopping")
    _add(train, "--patience", type=int, metavar="N", help="epochs without improvement before it stops, 0 for never")
    _add(train, "--clip-norm", type=float, metavar="X", help="largest gradient norm, 0 for no limit")


def _add(group: argparse._ArgumentGroup, option: str, **details: Any) -> None:
    group.add_argument(option, default=argparse.SUPPRESS, **details)


def _given(arguments: argparse.Namespace, cls: type[ModelConfig] | type[TrainConfig]) -> dict[str, Any]:
    """Return the settings of ``cls`` that were given as options."""
    return {field.name: getattr(arguments, field.name) for field in dataclasses.fields(cls) if field.name in arguments}


def build_config(arguments: argparse.Namespace) -> RunConfig:
    """Return the preset with every option that was given put in its place."""
    base = preset(getattr(arguments, "preset", DEFAULT_PRESET))
    model = dataclasses.replace(base.model, **_given(arguments, ModelConfig))
    return RunConfig(model, with_training(base.train, arguments))


def with_training(base: TrainConfig, arguments: argparse.Namespace) -> TrainConfig:
    """Return the settings of training with every option that was given put in its place."""
    settings = _given(arguments, TrainConfig)
    if Path(settings.get("data", "")).exists() and "data" in settings:
        # A run can be continued from any folder.
        settings["data"] = str(Path(settings["data"]).resolve())
    return dataclasses.replace(base, **settings)


def open_run(arguments: argparse.Namespace) -> tuple[Path, TrainState]:
    """Return the run directory and the state to go on from: a new run, or with --continue an earlier one."""
    if not arguments.resume:
        run = arguments.run or runs.new_folder(RUNS)
        return run, runs.create(run, build_config(arguments))
    if arguments.run is None:
        raise LatentExplorerError("--continue needs to know the run: add --run DIR")
    given = [*_given(arguments, ModelConfig), *_given(arguments, TrainConfig), *({"preset"} & set(vars(arguments)))]
    if given:
        option = "--" + given[0].replace("_", "-")
        raise LatentExplorerError(
            f"a run continues with the configuration it has: leave out {option}, or start a new run"
        )
    return arguments.run, runs.reopen(arguments.run)


def describe(progress: Progress) -> str:
    """Return one line about where training is: the losses in nats per image."""
    parts = [f"reconstruction {progress.reconstruction:.2f}", f"kl {progress.kl:.2f}", f"beta {progress.beta:.3g}"]
    if progress.validation_loss is not None:
        parts.append(f"validation {progress.validation_loss:.2f}")
    return "  ".join([*parts, f"{progress.samples_per_second:,.0f} images/s"])


def train_with_progress(name: str, steps: Any, epochs: int) -> None:
    """Consume what `fit` yields, showing the progress of ``name``."""
    line: ProgressLine | None = None
    try:
        for progress in steps:
            line = line or ProgressLine(progress.total_steps, "step")
            line.show(progress.step, f"{name}  epoch {progress.epoch}/{epochs}", describe(progress))
    finally:
        if line is not None:
            line.close()


def _terminate(number: int, frame: Any) -> None:
    raise TerminatedError


def run(arguments: argparse.Namespace) -> None:
    """Train, and print the run directory with the model's figures on the test images."""
    prepare_for_training()
    # A trainer that is told to end writes down where it stands, as after Ctrl-C.
    signal.signal(signal.SIGTERM, _terminate)
    try:
        folder, state = open_run(arguments)
    except LatentExplorerError as error:
        if arguments.queue and arguments.run:
            run_queue.give_up(arguments.run, str(error))
        raise
    # Who puts a run into the queue has prepared it, and may have stopped it again by now.
    steps = runs.train(folder, state, waits=arguments.queue, resumes=arguments.resume and not arguments.queue)
    try:
        train_with_progress(str(folder), steps, state.config.train.epochs)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"go on with `python -m vae_core train --run {folder} --continue`") from None
    if read_state(folder).status != "finished":
        say(f"{folder} was stopped at step {state.step}: go on with `python -m vae_core runs resume {folder}`")
        return
    images, _ = load_images(state.config.train.data, split="test")
    figures = evaluate(load_model(folder), images, samples=SUMMARY_SAMPLES, iwae_samples=0, exact=False)
    if arguments.json:
        print_json({"run": str(folder), "steps": state.step, "seconds": round(state.seconds, 3), **figures})
        return
    names = ("elbo", "reconstruction", "kl", "active_units", "squared_error")
    shown = {name: number(figures[name], 4 if name == "squared_error" else 2) for name in names}
    pairs = {"run": str(folder), "steps": number(state.step), "seconds": number(state.seconds, 1)}
    print_pairs({**pairs, **{name: value for name, value in shown.items() if value != "-"}})
