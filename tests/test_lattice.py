"""Cells by integer places: halves, midpoints and neighbours."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from vae_core.lattice import Level, beside, halve, midpoints, places

CELLS = st.sets(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=1, max_size=40)


def _index(cells: set[tuple[int, int]]) -> Tensor:
    return torch.tensor(sorted(cells, key=hash))


def _neighbours(cell: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The neighbours before and behind along the first axis, then along the second."""
    return [
        tuple(place + step * (number == axis) for number, place in enumerate(cell))
        for axis, step in itertools.product(range(len(cell)), (-1, 1))
    ]


@given(cells=CELLS)
def test_neighbours_are_the_cells_one_step_away(cells: set[tuple[int, int]]) -> None:
    index = _index(cells)
    order = [tuple(cell) for cell in index.tolist()]
    expected = [[order.index(other) if other in order else -1 for other in _neighbours(cell)] for cell in order]
    assert beside(index).reshape(4, -1).T.tolist() == expected


@given(cells=CELLS, share=st.floats(0.1, 1))
def test_around_a_block_are_the_other_cells_that_touch_it(cells: set[tuple[int, int]], share: float) -> None:
    index = _index(cells)
    block = index[: max(1, int(share * len(index)))]
    inside = {tuple(cell) for cell in block.tolist()}
    expected = {other for cell in inside for other in _neighbours(cell) if other in cells} - inside
    found = [tuple(cell) for cell in Level(index).around(block).tolist()]
    assert set(found) == expected
    assert len(found) == len(expected)


def test_along_a_line_neighbours_are_the_integers_beside() -> None:
    index = torch.tensor([[3], [-1], [4], [0]])
    assert beside(index).tolist() == [[[-1, -1, 0, 1], [2, 3, -1, -1]]]
    assert Level(index).around(index[:1]).tolist() == [[4]]


@given(dimension=st.integers(1, 2), reach=st.integers(1, 6), level=st.integers(0, 12))
def test_halves_tile_the_cell_they_come_from(dimension: int, reach: int, level: int) -> None:
    side = 0.25 / 2**level
    cells = places(reach, dimension)
    assert len(cells) == (2 * reach) ** dimension
    halves = midpoints(halve(cells), side / 2).reshape(len(cells), 2**dimension, dimension)
    assert torch.equal(halves.mean(1), midpoints(cells, side))
    offsets = (halves - midpoints(cells, side)[:, None]).abs()
    assert torch.equal(offsets, torch.full_like(offsets, side / 4))
    assert len(halves.reshape(-1, dimension).unique(dim=0)) == len(cells) * 2**dimension


@pytest.mark.parametrize(("dimension", "reach"), [(1, 64), (2, 16)])
def test_a_run_of_places_lies_close_together(dimension: int, reach: int) -> None:
    cells = places(reach, dimension)
    side = round(64 ** (1 / dimension))
    for run in cells.split(64):
        assert (run.amax(0) - run.amin(0)).tolist() == [side - 1] * dimension
