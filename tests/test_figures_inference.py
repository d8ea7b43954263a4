"""The charts of inference: what they hold, and that their frames move q and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.folded import Folded
from vae_core.estimators import estimates
from vae_core.evidence import posterior
from vae_core.figures_estimators import estimator_chart
from vae_core.figures_inference import (
    close_up,
    ellipse,
    ladder,
    play_controls,
    shown_steps,
    window,
)
from vae_core.gaps import Gaps, gaps
from vae_core.modes import find_modes
from vae_core.posterior_raster import Raster, levels, posterior_raster


@pytest.fixture(scope="module")
def one() -> tuple[Raster, Gaps]:
    """A posterior of two modes and its gaps, with an encoder that stands aside."""
    exact = Folded((3.0, 0.7), 0.01)
    exact.model.encoder.state_dict()["layers.0.bias"].add_(torch.tensor([0.1, 0.1, 0.5, 0.0]))
    x = exact.half.images(torch.tensor([[0.8, 0.3]]))
    found = posterior(exact.model, x)
    split = gaps(exact.model, x, found, find_modes(exact.model, x, found))
    return posterior_raster(found), split


def test_an_ellipse_is_the_outline_at_one_and_two_sigma() -> None:
    factor = torch.tensor([[0.5, 0.0], [0.2, 0.3]])
    x, y = ellipse(torch.tensor([1.0, -1.0]), factor)
    centred = np.stack([x - 1, y + 1])
    distance = np.linalg.norm(np.linalg.solve(factor.double().numpy(), centred[:, ~np.isnan(x)]), axis=0)
    assert distance == pytest.approx([1.0] * 73 + [2.0] * 73)


def test_the_close_up_moves_q_from_the_encoder_to_the_best(one: tuple[Raster, Gaps]) -> None:
    raster, split = one
    shown = window(raster, split)
    figure = play_controls(close_up(raster, levels(raster), split, shown), "Play", "Pause", "#000000")
    first, last = figure.frames[0], figure.frames[-1]
    assert [frame.name for frame in figure.frames] == [str(n) for n in range(len(shown_steps(split.refined)))]
    assert first.traces == last.traces
    for frame, step in ((first, 0), (last, -1)):
        x, y = ellipse(split.refined.mean[step, 0], split.refined.factor[step, 0])
        assert frame.data[0].x == pytest.approx(x, nan_ok=True)
        assert frame.data[0].y == pytest.approx(y, nan_ok=True)
    (picture,) = figure.layout.images
    assert picture.x < raster.box[0] < raster.box[2] < picture.x + picture.sizex
    assert figure.layout.sliders[0].steps[-1].label == f"{split.refined.elbo[-1, 0]:.2f}"
    assert len(figure.layout.sliders[0].steps) == len(figure.frames)
    best = split.best_q.mean[0].tolist()
    assert shown[0] < best[0] < shown[2]
    assert shown[1] < best[1] < shown[3]


def test_the_close_up_shows_all_of_the_outermost_region_but_what_is_far_away(one: tuple[Raster, Gaps]) -> None:
    raster, split = one
    outermost = levels(raster)[2]
    x0, y0, x1, y1 = window(raster, split)
    rows, columns = (raster.values >= outermost).nonzero()
    assert x0 < raster.x[columns].min() < raster.x[columns].max() < x1
    assert y0 < raster.y[rows].min() < raster.y[rows].max() < y1
    # A speck that is part of it, a hundred times as far away, does not make it that much wider.
    far = np.full((raster.values.shape[0], 100 * raster.values.shape[1]), raster.values.min())
    far[:, : raster.values.shape[1]] = raster.values
    far[0, -1] = outermost + 0.1
    width = raster.box[2] - raster.box[0]
    step = width / (raster.values.shape[1] - 1)
    wide = Raster(far, (*raster.box[:2], raster.box[0] + step * (far.shape[1] - 1), raster.box[3]))
    assert window(wide, split)[2] < x1 + width


def test_the_ladder_leads_from_the_elbo_to_the_evidence(one: tuple[Raster, Gaps]) -> None:
    split = one[1]
    first, second = ladder(split).data
    assert first.base == pytest.approx(split.elbo)
    assert first.base + first.x[0] == pytest.approx(second.base)
    assert second.base + second.x[0] == pytest.approx(split.log_evidence)


def test_the_estimators_share_their_axis_with_the_exact_line() -> None:
    exact = Folded((3.0, 0.7), 0.01)
    x = exact.half.images(torch.tensor([[0.8, 0.3]]))
    value = exact.log_evidence(x).item()
    found = estimates(exact.model, x, torch.Generator().manual_seed(0), most=1000, repeats=2)
    figure = estimator_chart(found, value)
    assert figure.layout.xaxis.type == "log"
    low, high = figure.layout.yaxis.range
    assert low < value < high
    assert high - low < 120
    assert {trace.name for trace in figure.data if trace.name} == {
        "Monte Carlo from the prior", "importance sampling from q", "ELBO (IWAE-1)", "IWAE-10", "IWAE-100",
    }  # fmt: skip
    assert len(estimator_chart(found, None).layout.shapes) == 0
