"""The graph over the plane: what it covers, what its edges say, and that its paths are the shortest."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import make_model
from tests.surfaces import cone, surface_model
from vae_core.errors import ModelError
from vae_core.latent_graph import NEIGHBOURS, build_graph

MODEL = make_model(3)
CODES = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
SMALL = build_graph(MODEL, CODES, 7)


def _distances() -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """All distances in the small graph, by Floyd and Warshall's recursion over its nodes."""
    edges = SMALL.edges.toarray().astype(np.float64)
    edges = np.maximum(edges, edges.T)
    distances = np.where(edges > 0, edges, np.inf)
    np.fill_diagonal(distances, 0)
    for via in range(len(distances)):
        distances = np.minimum(distances, distances[:, [via]] + distances[[via]])
    return distances


def test_an_edge_is_as_long_as_its_images_are_apart() -> None:
    edges = SMALL.edges.tocoo()
    start, end = torch.from_numpy(edges.row.astype(np.int64)), torch.from_numpy(edges.col.astype(np.int64))
    apart = (MODEL.decode(SMALL.z[start]) - MODEL.decode(SMALL.z[end])).flatten(1).norm(dim=1)
    torch.testing.assert_close(torch.from_numpy(edges.data), apart, rtol=1e-4, atol=1e-6)


def test_every_node_has_the_sixteen_neighbours_that_are_on_the_grid() -> None:
    edges = SMALL.edges.tocoo()
    found = {frozenset(map(int, pair)) for pair in zip(edges.row, edges.col, strict=True)}
    steps = [*NEIGHBOURS, *((-x, -y) for x, y in NEIGHBOURS)]
    wanted = {
        frozenset((7 * y + x, 7 * (y + up) + x + right))
        for x in range(7)
        for y in range(7)
        for right, up in steps
        if 0 <= x + right < 7 and 0 <= y + up < 7
    }
    assert len(set(steps)) == 16
    assert found == wanted
    assert edges.nnz == len(wanted)


@given(st.integers(0, 48), st.integers(0, 48))
def test_a_path_is_the_shortest_there_is(first: int, last: int) -> None:
    path = SMALL.shortest_path(SMALL.z[first], SMALL.z[last])[1:-1]
    nodes = [SMALL.nearest(point) for point in path]
    assert (nodes[0], nodes[-1]) == (first, last)
    edges = SMALL.edges.toarray()
    length = sum(max(edges[a, b], edges[b, a]) for a, b in pairwise(nodes))
    assert length == pytest.approx(_distances()[first, last], rel=1e-5)


def test_a_path_leads_from_the_points_themselves() -> None:
    a, b = torch.tensor([0.123, -7.0]), torch.tensor([50.0, 1.1])
    path = SMALL.shortest_path(a, b)
    assert torch.equal(path[0], a)
    assert torch.equal(path[-1], b)


def test_a_path_goes_round_a_mountain() -> None:
    graph = build_graph(surface_model(cone), CODES, 41)
    path = graph.shortest_path(torch.tensor([-2.0, 0.1]), torch.tensor([2.0, 0.1]))
    assert path.norm(dim=1).min() > 1


def test_the_nodes_cover_prior_and_codes_and_are_dense_where_codes_are() -> None:
    codes = torch.cat([CODES * 0.1 + 2, torch.tensor([[30.0, -1.0]])])
    nodes = build_graph(MODEL, codes, 41).z.reshape(41, 41, 2)
    x, y = nodes[0, :, 0], nodes[:, 0, 1]
    assert x[0] == pytest.approx(-4)
    assert x[-1] == pytest.approx(30)
    assert y[0] == pytest.approx(-4)
    assert y[-1] == pytest.approx(4)
    for lines in (x, y):
        assert (lines.diff() > 0).all()
        assert ((lines > 1.5) & (lines < 2.5)).sum() > 15
        assert lines.diff().max() < 2.1 * (lines[-1] - lines[0]) / 40
    torch.testing.assert_close(nodes[5, :, 0], x)
    torch.testing.assert_close(nodes[:, 5, 1], y)


def test_codes_in_one_place_make_a_graph_all_the_same() -> None:
    graph = build_graph(MODEL, torch.zeros(3, 2), 5)
    assert (graph.z[:5, 0].diff() > 0).all()


def test_a_decoder_that_says_nothing_has_paths_too() -> None:
    graph = build_graph(surface_model(torch.zeros_like), CODES, 5)
    path = graph.shortest_path(torch.tensor([-4.0, -4.0]), torch.tensor([4.0, 4.0]))
    assert torch.equal(path[-1], torch.tensor([4.0, 4.0]))


@pytest.mark.parametrize("latent_dim", [1, 3])
def test_there_is_a_graph_of_a_plane_only(latent_dim: int) -> None:
    with pytest.raises(ModelError, match=f"needs a latent size of 2 and this model has {latent_dim}"):
        build_graph(make_model(latent_dim=latent_dim), torch.zeros(4, latent_dim))
