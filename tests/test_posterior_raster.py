"""The raster of a posterior against the closed form of a Gaussian one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.factories import make_model
from tests.folded import Folded
from tests.linear_gaussian import LinearGaussian
from vae_core.evidence import posterior
from vae_core.inpainting import seeing
from vae_core.posterior_raster import Raster, levels, posterior_raster


def _raster(exact: LinearGaussian | Folded, x: torch.Tensor, **options: object) -> Raster:
    found = posterior(exact.model, x)
    within = options.get("within")
    assert within is None or isinstance(within, tuple)
    return posterior_raster(found, within=within)


def _mass(raster: Raster) -> float:
    area = np.diff(raster.x).mean() * np.diff(raster.y).mean()
    return float(np.exp(raster.values).sum() * area)


def test_it_is_the_density_wherever_that_can_be_seen() -> None:
    exact = LinearGaussian((0.6, 0.3), 0.05)
    x = exact.images(torch.tensor([[0.4, -0.9]]))
    raster = _raster(exact, x)
    columns, rows = np.meshgrid(raster.x, raster.y)
    gaussian = torch.distributions.Normal(exact.posterior_mean(x)[0], exact.posterior_variance.sqrt())
    expected = gaussian.log_prob(torch.tensor(np.stack([columns, rows], -1))).sum(-1).numpy()
    seen = expected > expected.max() - 8
    assert np.abs(raster.values - expected)[seen].max() < 0.02
    assert (raster.values[~seen] < expected.max() - 7.9).all()
    assert _mass(raster) == pytest.approx(1, abs=0.01)
    assert raster.mass == pytest.approx(1, abs=1e-3)


def test_its_levels_bound_the_regions_of_a_gaussian() -> None:
    exact = LinearGaussian((0.6, 0.3), 0.05)
    raster = _raster(exact, exact.images(torch.tensor([[0.4, -0.9]])))
    # The region with a share s of a Gaussian in the plane ends log(1 - s) below its top.
    below = [level - raster.values.max() for level in levels(raster)]
    assert below == pytest.approx([np.log(0.5), np.log(0.1), np.log(0.01)], abs=0.1)


def test_all_modes_are_on_it_and_one_alone_where_a_box_is_given() -> None:
    exact = Folded((3.0, 0.7), 0.01)
    x = exact.half.images(torch.tensor([[0.8, 0.3]]))
    both = _raster(exact, x)
    assert both.box[0] < -0.7
    assert both.box[2] > 0.7
    assert _mass(both) == pytest.approx(1, abs=0.02)
    one = _raster(exact, x, within=(0.0, -9.0, 9.0, 9.0))
    assert one.box[0] > 0
    assert one.mass == pytest.approx(0.5, abs=0.01)
    assert _mass(one) == pytest.approx(0.5, abs=0.02)
    # A quarter of all is half of what lies within, which is as high as the half of all.
    assert levels(one, (0.25,)) == pytest.approx(levels(both, (0.5,)), abs=0.2)


def test_the_prior_has_one_too() -> None:
    model = seeing(make_model(), torch.zeros(28, 28, dtype=torch.bool))
    x = torch.zeros(1, 1, 28, 28)
    raster = posterior_raster(posterior(model, x))
    assert np.isfinite(raster.values).all()
    assert max(raster.values.shape) < 300
    assert _mass(raster) == pytest.approx(1, abs=0.01)
