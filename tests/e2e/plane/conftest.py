"""Bare pages with the plane's module in them; each test fails where its page complains."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from playwright.sync_api import Browser, Page
from torch import Tensor

from tests.e2e.plane.harness import Bench, new_context, open_bench


@pytest.fixture(scope="package")
def js(browser: Browser) -> Iterator[Page]:
    """A page in which `plane` is the linked module, every export of its files open."""
    context = new_context(browser)
    bench = open_bench(context)
    yield bench.page
    assert bench.complaints == []
    context.close()


@pytest.fixture
def bench(browser: Browser) -> Iterator[Bench]:
    """A bare page to mount the plane in, as large as a laptop's window."""
    context = new_context(browser)
    bench = open_bench(context)
    yield bench
    assert bench.complaints == []
    context.close()


@pytest.fixture
def points(generator: torch.Generator) -> Tensor:
    """Two hundred points in two clusters."""
    return torch.randn(200, 2, generator=generator) * 0.4 + torch.tensor([[1.0, -1.0], [-1.0, 0.5]]).repeat(100, 1)
