"""The benchmark of likelihood on little data: what it trains, what it keeps, and what it makes of several seeds."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.commands import Said, printed_json, refused
from vae_core import bench_likelihood, cli, runs
from vae_core.bench_likelihood import PUBLISHED, measure, protocol, summary
from vae_core.data import binarize_once, load_images
from vae_core.errors import LatentExplorerError
from vae_core.evidence import log_evidence
from vae_core.registry import load_model
from vae_core.run_control import change_control
from vae_core.schedules import beta_at, learning_rate_at
from vae_core.training_state import start

QUICK: dict[str, Any] = {"epochs": 2, "iwae_samples": 5, "images": 60}
OPTIONS = ("--epochs", "2", "--iwae-samples", "5", "--images", "60")


def silent(what: str, share: float) -> None:
    """Take a report and do nothing about it."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the trainings of two latent sizes and two seeds, finished and measured."""
    path = tmp_path_factory.mktemp("likelihood")
    measure(silent, (2, 3), (0, 1), folder=path, **QUICK)
    torch.set_flush_denormal(False)
    return path


# The protocol


@pytest.mark.parametrize("dimension", PUBLISHED)
def test_the_network_is_that_of_the_table(dimension: int) -> None:
    model = start(protocol(dimension, 0)).model
    widths = [[layer.in_features for layer in net.layers] for net in (model.encoder, model.decoder)]
    assert widths == [[784, 256, 128], [dimension, 128, 256]]
    assert [net.layers[-1].out_features for net in (model.encoder, model.decoder)] == [2 * dimension, 784]
    assert torch.equal(model.encoder.activation(torch.tensor([-1.0, 2.0])), torch.tensor([0.0, 2.0]))
    assert model.likelihood.pixels == "binary"


def test_training_is_that_of_the_table() -> None:
    config = protocol(5, 3)
    state = start(config)
    # AdamW that decays nothing is Adam.
    assert all(group["weight_decay"] == 0 for group in state.optimizer.param_groups)
    assert {learning_rate_at(config.train, epochs) for epochs in (0, 1, 50, 100, 500)} == {1e-3}
    assert [beta_at(config.train, epochs) for epochs in (0, 25, 100, 500)] == [0.0, 0.25, 1.0, 1.0]
    images = len(load_images("mnist", "train")[0])
    assert (images - config.train.validation, config.train.validation) == (50_000, 10_000)
    assert (config.train.batch_size, config.train.patience, config.train.precision) == (64, 50, "fp32")
    assert (config.train.clip_norm, config.train.seed) == (0.0, 3)


def test_an_optimiser_without_decay_steps_as_adam_does() -> None:
    state = start(protocol(2, 0))
    own, adam = (nn.Linear(3, 2) for _ in range(2))
    adam.load_state_dict(own.state_dict())
    steps = type(state.optimizer)(own.parameters(), **{k: state.optimizer.defaults[k] for k in ("lr", "weight_decay")})
    reference = torch.optim.Adam(adam.parameters(), lr=1e-3)
    for _ in range(5):
        for layer, optimizer in ((own, steps), (adam, reference)):
            optimizer.zero_grad()
            layer(torch.ones(1, 3)).square().sum().backward()
            optimizer.step()
    assert torch.allclose(own.weight, adam.weight, atol=1e-7)


# What is measured


def test_figures_are_those_of_the_trained_models_on_the_test_digits_binarised_once(folder: Path) -> None:
    found = measure(silent, (2,), (1,), folder=folder, **QUICK)["trainings"][0]
    x = binarize_once(load_images("mnist", "test")[0][:60])
    exact = log_evidence(load_model(folder / "d2-seed1"), x).double()
    assert found["log_evidence"] == pytest.approx(exact.mean().item(), abs=1e-3)
    assert found["elbo"] == pytest.approx(-(found["reconstruction"] + found["kl"]), rel=1e-5)
    assert found["elbo"] < found["iwae"] < found["log_evidence"]
    assert (found["dimension"], found["seed"], found["images"], found["iwae_samples"]) == (2, 1, 60, 5)
    assert (found["epochs"], found["stopped_early"]) == (2, False)


def test_beyond_two_dimensions_nothing_is_exact(folder: Path) -> None:
    figures = measure(silent, (3,), (0,), folder=folder, **QUICK)
    assert figures["models"][0]["log_evidence"] is None
    assert figures["models"][0]["published_iwae"] is None
    assert figures["trainings"][0]["log_evidence_error"] is None


def test_seeds_are_summed_up_by_their_mean_and_spread(folder: Path) -> None:
    figures = measure(silent, (2, 3), (0, 1), folder=folder, **QUICK)
    assert [(row["dimension"], row["seeds"]) for row in figures["models"]] == [(2, 2), (3, 2)]
    assert [(one["dimension"], one["seed"]) for one in figures["trainings"]] == [(2, 0), (3, 0), (2, 1), (3, 1)]
    bounds = [one["iwae"] for one in figures["trainings"] if one["dimension"] == 2]
    assert bounds[0] != bounds[1]
    row = figures["models"][0]
    assert row["iwae"] == pytest.approx(statistics.mean(bounds))
    assert row["iwae_spread"] == pytest.approx(abs(bounds[0] - bounds[1]) / 2**0.5)
    assert row["published_iwae"] == -135.73


def test_one_seed_has_no_spread() -> None:
    keys = {"elbo": -3.0, "reconstruction": 2.0, "kl": 1.0, "iwae": -2.0, "log_evidence": None}
    row = summary([{"dimension": 7, "epochs": 4, **keys}])
    assert (row["elbo"], row["elbo_spread"], row["log_evidence"], row["published_elbo"]) == (-3.0, None, None, None)


def test_early_stopping_puts_the_best_weights_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hasty(*arguments: Any) -> Any:
        config = protocol(*arguments)
        values = {**vars(config.train), "learning_rate": 0.05, "beta_warmup": 1.0, "patience": 2}
        return type(config)(config.model, type(config.train)(**values))

    monkeypatch.setattr(bench_likelihood, "protocol", hasty)
    found = measure(silent, (2,), (0,), 60, 1, 40, tmp_path)["trainings"][0]
    losses = [line["validation_loss"] for line in runs.read_metrics(tmp_path / "d2-seed0") if line["step"]]
    assert found["stopped_early"]
    assert len(losses) == found["epochs"] == max(found["best_epoch"], 1) + 2
    assert losses[found["best_epoch"] - 1] == min(losses)


# What is kept


def test_what_is_finished_is_neither_trained_nor_measured_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = measure(silent, (2, 3), (0, 1), folder=folder, **QUICK)
    said: list[str] = []
    monkeypatch.setattr(bench_likelihood, "evaluate", None)
    after = measure(lambda what, share: said.append(what), (2, 3), (0, 1), folder=folder, **QUICK)
    assert after == before
    assert said == []


def test_figures_of_another_number_of_samples_or_unreadable_ones_are_measured_again(folder: Path) -> None:
    few = measure(silent, (2,), (0,), folder=folder, **QUICK)["trainings"][0]
    more = measure(silent, (2,), (0,), folder=folder, **{**QUICK, "iwae_samples": 50})["trainings"][0]
    assert more["iwae"] > few["iwae"]
    (folder / "d2-seed0.json").write_text("[")
    assert measure(silent, (2,), (0,), folder=folder, **QUICK)["trainings"][0] == few


def test_an_interrupted_training_ends_as_if_it_had_not_been(folder: Path, tmp_path: Path) -> None:
    def interrupt(what: str, share: float) -> None:
        if "epoch 1" in what:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="the same command goes on"):
        measure(interrupt, (2,), (0,), folder=tmp_path, **QUICK)
    assert not (tmp_path / "d2-seed0.json").exists()
    again = measure(silent, (2,), (0,), folder=tmp_path, **QUICK)["trainings"][0]
    whole = measure(silent, (2,), (0,), folder=folder, **QUICK)["trainings"][0]
    assert {**again, "seconds": None} == {**whole, "seconds": None}


def test_a_training_that_was_stopped_says_how_to_go_on(tmp_path: Path) -> None:
    def stop(what: str, share: float) -> None:
        if "epoch 1" in what:
            change_control(tmp_path / "d2-seed0", stop=True)

    with pytest.raises(LatentExplorerError, match="the same command goes on from there"):
        measure(stop, (2,), (0,), folder=tmp_path, **QUICK)
    assert measure(silent, (2,), (0,), folder=tmp_path, **QUICK)["trainings"][0]["epochs"] == 2


# The command


def test_the_command_prints_every_training_as_json(folder: Path, capsys: Said) -> None:
    options = ["--dimensions", "3,2", "--seeds", "1,0", "--folder", str(folder), *OPTIONS]
    assert cli.main(["bench", "likelihood", "--json", *options]) == 0
    figures = printed_json(capsys)
    assert [row["dimension"] for row in figures["models"]] == [3, 2]
    for one in figures["trainings"]:
        kept = json.loads((folder / f"d{one['dimension']}-seed{one['seed']}.json").read_text())
        assert {key: one[key] for key in kept} == kept


def test_for_a_person_it_prints_means_with_their_spread_and_what_was_published(folder: Path, capsys: Said) -> None:
    row = measure(silent, (2,), (0, 1), folder=folder, **QUICK)["models"][0]
    options = ["--dimensions", "2,3", "--seeds", "0,1", "--folder", str(folder), *OPTIONS]
    assert cli.main(["bench", "likelihood", *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:3] == ["2", "2", "2"]
    assert f"{row['iwae']:.2f} ± {row['iwae_spread']:.2f} (-135.73)" in lines[1]
    assert f"{row['log_evidence']:.2f} ± {row['log_evidence_spread']:.2f}" in lines[1]
    assert lines[2].split()[0] == "3"
    assert "(" not in lines[2]


@pytest.mark.parametrize("option", [("--dimensions", "2,x"), ("--dimensions", ","), ("--seeds", "-1"), ("--images", 1)])
def test_what_is_no_number_is_refused(option: tuple[str, object], capsys: Said) -> None:
    assert "whole number" in refused(capsys, "bench", "likelihood", *option)


def test_another_cap_on_the_epochs_is_another_training(folder: Path, capsys: Said) -> None:
    options = ("--dimensions", 2, "--seeds", 0, "--images", 60, "--epochs", 3, "--folder", folder)
    assert "holds a run of other settings" in refused(capsys, "bench", "likelihood", *options)
