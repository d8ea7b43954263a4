"""The benchmarks, run for real on little data: what they compute, not how long it takes."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from tests.factories import make_config, make_images, make_model, write_bundle
from vae_core import bench, bench_browser, bench_plane, bench_runs, cli, registry
from vae_core._torchvision import torchvision
from vae_core.atlas import read_header
from vae_core.bench_plane import percentile
from vae_core.bench_usual import Digits, UsualScript, UsualVae, usual_loss
from vae_core.config import PRESETS
from vae_core.data import load_images, to_pixels
from vae_core.errors import LatentExplorerError
from vae_core.evidence import log_evidence
from vae_core.objectives import elbo_terms, kl_divergence

IMAGES, LABELS = make_images(50)
Said = pytest.CaptureFixture[str]


def measured(capsys: Said, *arguments: object) -> dict[str, Any]:
    """Return the figures that `bench ... --json` prints."""
    try:
        assert cli.main(["bench", *map(str, arguments), "--json"]) == 0
    finally:
        torch.set_flush_denormal(False)
    figures = json.loads(capsys.readouterr().out)
    assert figures["threads"] == torch.get_num_threads()
    assert isinstance(figures, dict)
    return figures


# The baseline


def test_the_usual_data_set_gives_what_torchvisions_gives() -> None:
    digits = Digits(IMAGES, LABELS)
    x, label = digits[7]
    expected = torchvision("transforms").ToTensor()(Image.fromarray(IMAGES[7].numpy()))
    assert torch.equal(x, expected)
    assert torch.equal(x, to_pixels(IMAGES[7:8])[0])
    assert (label, len(digits)) == (7, 50)


def test_the_usual_loss_is_the_negative_elbo() -> None:
    torch.manual_seed(0)
    model = UsualVae(4)
    x = to_pixels(IMAGES)
    logits, mu, logvar = model(x)
    bernoulli = torch.distributions.Bernoulli(logits=logits, validate_args=False)
    expected = -bernoulli.log_prob(x.flatten(1)).sum() + kl_divergence(mu, logvar).sum()
    assert usual_loss(logits, x, mu, logvar).item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_usual_network_is_the_one_it_is_compared_with() -> None:
    own = make_model(latent_dim=20, encoder_widths=(400,), decoder_widths=(400,), activation="relu")
    count = [sum(value.numel() for value in model.parameters()) for model in (own, UsualVae(20))]
    assert count[0] == count[1]


def test_the_usual_script_learns() -> None:
    torch.manual_seed(0)
    script = UsualScript(IMAGES, LABELS, 4, batch_size=10, rate=1e-3)
    losses = [script.train_epoch() for _ in range(5)]
    assert losses[-1] < losses[0] - 50
    assert -script.elbo(to_pixels(IMAGES), samples=3) < losses[-1] + 20


def test_both_estimate_the_same_elbo_of_the_same_weights(generator: torch.Generator) -> None:
    script = UsualScript(IMAGES, LABELS, 20, batch_size=10, rate=1e-3)
    own = make_model(
        latent_dim=20, encoder_widths=(400,), decoder_widths=(400,), activation="relu", likelihood="bernoulli-grey"
    )
    usual = script.model
    pairs = [(own.encoder.layers[0], usual.fc1), (own.decoder.layers[0], usual.fc3), (own.decoder.layers[1], usual.fc4)]
    for layer, other in pairs:
        layer.load_state_dict(other.state_dict())
    heads = [usual.fc_mu.state_dict(), usual.fc_logvar.state_dict()]
    own.encoder.layers[1].load_state_dict({part: torch.cat([head[part] for head in heads]) for part in heads[0]})
    x = to_pixels(IMAGES)
    with torch.no_grad():
        ours = elbo_terms(own, x, 50, generator).elbo.mean().item()
    torch.manual_seed(0)
    assert script.elbo(x, 50) == pytest.approx(ours, abs=0.3)


# The benchmarks


def test_training_is_compared_in_one_run(capsys: Said) -> None:
    figures = measured(capsys, "train", "--images", 400, "--epochs", 2)
    rate, usual = figures["samples_per_second"], figures["baseline_samples_per_second"]
    assert rate == pytest.approx(800 / sum(figures["seconds_per_epoch"]))
    assert usual == pytest.approx(800 / sum(figures["baseline_seconds_per_epoch"]))
    assert figures["ratio"] == pytest.approx(rate / usual)
    assert len(figures["seconds_per_epoch"]) == len(figures["baseline_seconds_per_epoch"]) == 2
    assert (figures["batch_size"], figures["precision"], figures["images"]) == (128, "fp32", 400)
    # After eight steps both have left the 543 nats of an untrained network far behind, and not each other.
    assert -400 < figures["elbo"] < -100
    assert figures["elbo"] == pytest.approx(figures["baseline_elbo"], rel=0.1)


def test_training_is_compared_in_other_settings(capsys: Said) -> None:
    options = ["--images", 300, "--epochs", 1, "--precision", "bf16", "--batch-size", 64]
    figures = measured(capsys, "train", *options)
    assert (figures["precision"], figures["batch_size"], figures["epochs"]) == ("bf16", 64, 1)


def test_evidence_is_compared_with_a_finer_grid(capsys: Said, checkpoint: Path) -> None:
    figures = measured(capsys, "evidence", "--model", checkpoint, "--images", 20)
    model = registry.load_model(checkpoint)
    x = to_pixels(load_images("mnist", "test")[0][:20])
    assert figures["log_evidence"] == pytest.approx(log_evidence(model, x).double().mean().item())
    assert figures["images"] == 20
    assert 0 <= figures["mean_difference"] <= figures["worst_difference"] < 0.05


def test_decoding_is_measured_for_each_batch_size(capsys: Said, checkpoint: Path) -> None:
    figures = measured(capsys, "decode", "--model", checkpoint, "--seconds", 0)
    assert [batch["batch_size"] for batch in figures["batches"]] == list(bench.DECODE_BATCHES)
    assert figures["images_per_second"] == max(batch["images_per_second"] for batch in figures["batches"])


def test_likelihoods_are_those_of_every_bundled_model(
    capsys: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_bundle(tmp_path)
    monkeypatch.setattr(bench, "list_models", lambda: registry.list_models(tmp_path))
    monkeypatch.setattr(bench, "load_model", lambda name: registry.load_model(name, tmp_path))
    figures = measured(capsys, "models", "--images", 20, "--samples", 2, "--iwae-samples", 3)
    rows = {row["name"]: row for row in figures["models"]}
    assert list(rows) == list(registry.BUNDLED)
    assert rows["vae"]["elbo"] <= rows["vae"]["log_evidence"]
    assert rows["ae"]["elbo"] is None
    assert all(row["images"] == 20 for row in rows.values())


def test_recording_is_measured_for_longer_than_the_preset_trains(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_runs, "preset", lambda name: make_config(data, epochs=1))
    figures = bench_runs._recording(lambda what, share: None, "tiny", 0.5, tmp_path / "run")
    assert figures["run_samples_per_second"] > 0


def test_recording_is_measured_against_training_alone(capsys: Said) -> None:
    figures = measured(capsys, "runs", "--preset", "quick", "--seconds", 0.3)
    ratio = figures["run_samples_per_second"] / figures["fit_samples_per_second"]
    assert figures["cost_by_clock"] == pytest.approx(1 - ratio)
    assert figures["cost_by_processor"] < 1
    assert figures["snapshots_per_second"] > 0
    # What the process was asked to do it did.
    for waited in ("to_first_snapshot", "from_beta_to_log", "from_stop_to_gone"):
        assert figures[f"seconds_{waited}"] > 0
    assert figures["trainer_megabytes"] < 1000
    disk = {row["preset"]: row for row in figures["disk"]}
    assert list(disk) == list(PRESETS)
    assert all(row["checkpoint"] + row["codes"] + row["metrics"] < row["megabytes"] < 50 for row in disk.values())


def test_without_bundled_models_their_likelihood_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "list_models", list)
    with pytest.raises(LatentExplorerError, match="train them with `python -m vae_core zoo`"):
        bench.models(lambda what, share: None)


def test_figures_for_a_person_are_a_table(capsys: Said, checkpoint: Path) -> None:
    assert cli.main(["bench", "decode", "--model", str(checkpoint), "--seconds", "0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    head = next(number for number, line in enumerate(lines) if line.startswith("batch_size"))
    assert [line.split()[0] for line in lines[head + 1 :]] == ["1", "16", "256", "4,096"]
    assert any(line.startswith("images_per_second") for line in lines[:head])


def test_a_benchmark_of_no_model_is_refused(capsys: Said) -> None:
    for benchmark in ("evidence", "decode"):
        assert cli.main(["bench", benchmark, "--model", "nope"]) == 2
        assert capsys.readouterr().err.startswith("error: unknown model 'nope'")


# The plane; tests/e2e measures it in a browser


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert [percentile(values, share) for share in (0.0, 0.5, 0.95, 1.0)] == [1.0, 50.0, 95.0, 100.0]
    assert percentile([7.0], 0.95) == 7.0
    assert percentile([], 0.5) is None


@pytest.fixture
def bundled_vae(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bundle(tmp_path)
    monkeypatch.setattr(bench_plane, "load_model", lambda name: registry.load_model(name, tmp_path))


@pytest.mark.usefixtures("bundled_vae")
@pytest.mark.parametrize(("count", "name"), [(120, "digits"), (70_001, "synthetic")])
def test_a_plane_of_many_points_has_as_many_as_were_asked_for(count: int, name: str) -> None:
    packed = bench_plane.large_atlas(count)
    assert read_header(packed)["name"] == name
    length = int.from_bytes(packed[:8], "little")
    assert json.loads(packed[8 : 8 + length])["positions"]["shape"] == [1, count, 2]


def test_files_and_bytes_are_served_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "page.js").write_text("1;")
    with bench_browser.files(tmp_path, {"/atlas": b"abc"}) as url:
        with urllib.request.urlopen(f"{url}/atlas") as answer:
            assert answer.read() == b"abc"
        with urllib.request.urlopen(f"{url}/page.js") as answer:
            assert answer.headers["Content-Type"] == "text/javascript"
        with pytest.raises(urllib.error.HTTPError, match="404") as refusal:
            urllib.request.urlopen(f"{url}/nope")
        refusal.value.close()


def test_without_playwright_measuring_in_a_browser_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    assert cli.main(["bench", "plane"]) == 2
    assert "`pip install -r requirements-dev.txt`" in capsys.readouterr().err


def test_an_app_that_ends_instead_of_starting_is_reported() -> None:
    with (
        subprocess.Popen([sys.executable, "-c", ""]) as process,
        pytest.raises(LatentExplorerError, match="did not start"),
    ):
        bench_browser.wait_until_served("http://127.0.0.1:9", process)
