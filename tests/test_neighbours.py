"""Nearest neighbours against SciPy's, and where rounding would move them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist

from vae_core import neighbours
from vae_core.neighbours import square_distances, square_radii


def points(count: int, dimension: int = 3, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, dimension, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(st.integers(0, 50), st.integers(1, 12), st.integers(1, 12), st.integers(1, 40))
def test_distances_are_the_same_however_many_fit_in_memory(seed: int, count: int, others: int, block: int) -> None:
    first, second = points(count, seed=seed), points(others, seed=seed + 100)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "_BLOCK", block)
        found = torch.cat(list(square_distances(first, second))).numpy()
    assert found == pytest.approx(cdist(first, second, "sqeuclidean"))


@pytest.mark.parametrize("k", [1, 3, 10])
def test_radii_reach_to_the_kth_other_point(k: int) -> None:
    cloud = points(60)
    distances, _ = KDTree(cloud.numpy()).query(cloud.numpy(), k=k + 1)
    assert square_radii(cloud, k).sqrt().numpy() == pytest.approx(np.asarray(distances)[:, k])


def test_equal_points_are_at_no_distance_wherever_they_lie() -> None:
    same = (1e3 * points(1, 9)).expand(20, 9)
    assert not square_radii(same, 3).any()
