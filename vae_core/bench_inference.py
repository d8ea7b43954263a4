"""Benchmark of inference: do the terms of log p(x) add up, does a finer grid agree, how soon is a posterior shown."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any, Final

import torch
from torch import Tensor

from vae_core import atlas
from vae_core.bench import Report, machine
from vae_core.bench_browser import app, browser, files, wait_until_served
from vae_core.bench_plane import ASSETS, MEASURE, PATIENCE, PLANE, READY, SETTLED, VIEWPORT, percentile
from vae_core.data import load_images
from vae_core.evidence import FINE, Posterior, posterior
from vae_core.gaps import identity
from vae_core.image_pack import pack_images
from vae_core.inputs import model_input
from vae_core.models import Autoencoder
from vae_core.quadrature import (
    FINEST_LEVEL,
    MAX_DIMENSION,
    RESOLUTION,
    Survey,
    integrate,
    integrate_with_joint,
    needed_half_width,
)
from vae_core.registry import list_models, load_model

MODEL: Final = "vae"
"""What the page shows at first."""
BRUSH: Final = "[data-testid=brush]"
PAD: Final = "[data-testid=pad]"
FORESEES: Final = f"{PLANE}[data-foresees=true]"
STATUS: Final = ".brush-side [role=status]"
REST: Final = 60
"""Milliseconds between two moves of the brush or the pen."""


def measure(
    report: Report,
    url: str | None = None,
    models: Sequence[str] = (),
    images: int = 1000,
    posteriors: int = 50,
    clicks: int = 40,
    strokes: int = 40,
) -> dict[str, Any]:
    """Check the identity on the first ``images`` test digits and the grid on ``posteriors`` of them, model by model.

    By default those are all that have a plane. Then the page at ``url`` is measured, by default of an app of its own,
    under a pointer. Times in milliseconds: from the end of a click on the plane until the frame is painted that shows
    the posterior, and from a move of the brush, or of the pen on the pad, until the posterior is drawn. Raises
    LatentExplorerError where there is no browser.
    """
    names = models or [card.name for card in list_models() if card.latent_dim <= MAX_DIMENSION]
    checked = []
    for done, name in enumerate(names):
        report(name, 0.9 * done / len(names))
        checked.append(_check(name, images, posteriors))
    report("the page", 0.9)
    return {**_page_figures(url, clicks, strokes), "models": checked, **machine()}


def _check(name: str, images: int, posteriors: int) -> dict[str, Any]:
    """Return how far the terms of one model are from adding up, and its grid from one four times finer."""
    model = load_model(name)
    model = model.at(1.0) if model.config.beta_range else model
    x = model_input(model, load_images("mnist", "test")[0])[:images]
    return {"model": name, "images": len(x), **_identity_figures(model, x), **_grid_figures(model, x, posteriors)}


def _identity_figures(model: Autoencoder, x: Tensor) -> dict[str, float | None]:
    if not model.is_variational:
        return {"gap": None, "mean_residual": None, "worst_residual": None}
    found = identity(model, x)
    residual = found.residual.abs().double()
    gap = found.kl.double().mean()
    return {"gap": gap.item(), "mean_residual": residual.mean().item(), "worst_residual": residual.max().item()}


@torch.no_grad()
def _grid_figures(model: Autoencoder, x: Tensor, posteriors: int) -> dict[str, float]:
    """Return the largest differences from a grid with four times as many nodes, in log p(x) and in p(z|x)."""
    survey = Survey(model, needed_half_width(model.encode(x)[0]).max().item())
    coarse = integrate(model, x, survey=survey)[1]
    halved = integrate(model, x, RESOLUTION / 2, FINEST_LEVEL + 1, survey)[1]
    distances = list(_distances(model, x[:posteriors], survey))
    return {
        "worst_evidence_difference": (coarse - halved).abs().max().item(),
        "mean_total_variation": sum(distances) / len(distances),
        "worst_total_variation": max(distances),
    }


def _distances(model: Autoencoder, x: Tensor, survey: Survey) -> Iterator[float]:
    """Yield the total variation between each image's posterior and that on a grid four times finer."""
    for image in x.split(1):
        found = posterior(model, image, survey=survey)
        grid, joint = integrate_with_joint(model, image, FINE / 2, survey)
        finer = Posterior(grid.z, grid.cell, (joint - joint.logsumexp(1, keepdim=True)).exp(), joint.logsumexp(1))
        yield total_variation(found, finer)


def total_variation(found: Posterior, finer: Posterior) -> float:
    """Return half the sum of the differences in mass of one image's posterior on two grids.

    Compared are the cells of the first: each has the mass of all those of the second whose midpoints lie in it.
    """
    owner = torch.zeros(len(finer.z), dtype=torch.int64)
    for side in found.cell.unique():
        rows = (found.cell == side).nonzero()[:, 0]
        keys, order = _key(found.z[rows], side).sort()
        wanted = _key(finer.z, side)
        at = torch.searchsorted(keys, wanted).clamp(max=len(keys) - 1)
        inside = keys[at] == wanted
        owner[inside] = rows[order[at[inside]]]
    mass = torch.zeros_like(found.probability[0]).index_add_(0, owner, finer.probability[0])
    return 0.5 * (mass - found.probability[0]).abs().sum().item()


def _key(z: Tensor, side: Tensor) -> Tensor:
    """Return a number for the place of each z (G, d) on the lattice of cells of one side, (G,)."""
    places = (z.double() / side.double()).floor().long()
    return (places << (24 * torch.arange(z.shape[1]))).sum(1)


def _page_figures(url: str | None, clicks: int, strokes: int) -> dict[str, Any]:
    with browser() as chromium, ExitStack() as stack:
        if url is None:
            url, process = stack.enter_context(app())
            wait_until_served(url, process)
        shown, exact = _click_figures(chromium, url, clicks)
        glances = _glances(chromium, clicks)
        brushed = _stroke_figures(*_open_brush(chromium, url), strokes)
        drawn = _stroke_figures(*_open_pad(chromium, url), strokes)
    return {
        "click_to_posterior_p50_ms": percentile(shown, 0.5),
        "click_to_posterior_p95_ms": percentile(shown, 0.95),
        "first_glance_p50_total_variation": percentile(glances, 0.5),
        "first_glance_p95_total_variation": percentile(glances, 0.95),
        "click_to_server_posterior_p50_ms": percentile(exact, 0.5),
        "click_to_server_posterior_p95_ms": percentile(exact, 0.95),
        "brush_to_posterior_p50_ms": percentile(brushed, 0.5),
        "brush_to_posterior_p95_ms": percentile(brushed, 0.95),
        "pen_to_posterior_p50_ms": percentile(drawn, 0.5),
        "pen_to_posterior_p95_ms": percentile(drawn, 0.95),
        "clicks": len(shown),
        "strokes": len(brushed),
        "pen_moves": len(drawn),
    }


def _open(chromium: Any, address: str) -> tuple[Any, Any]:
    page = chromium.new_page(viewport=VIEWPORT)
    page.add_init_script(path=MEASURE)
    page.goto(address)
    page.wait_for_selector(READY, timeout=PATIENCE)
    page.wait_for_selector(SETTLED, timeout=PATIENCE)
    return page, page.locator(PLANE)


def _click_figures(chromium: Any, url: str, clicks: int) -> tuple[list[float], list[float]]:
    """Click on the plane here and there; return the milliseconds until another digit's posterior is painted.

    First those until the browser's own or the server's, then those until the server's.
    """
    page, node = _open(chromium, f"{url}/inference?part=digits")
    page.wait_for_selector(FORESEES, timeout=PATIENCE)
    node.scroll_into_view_if_needed()
    box = node.bounding_box()
    shown = node.evaluate_handle("node => planeBench.watchPosterior(node)")
    exact = node.evaluate_handle("node => planeBench.watchLayers(node)")
    for click in range(1, clicks + 1):
        across, down = 0.5 + 0.3 * math.sin(2.4 * click), 0.5 + 0.3 * math.cos(2.4 * click) * click / clicks
        page.mouse.click(box["x"] + across * box["width"], box["y"] + down * box["height"])
        for watch in (shown, exact):
            watch.evaluate("(watch, count) => watch.until(count)", click)
        page.wait_for_selector(SETTLED, timeout=PATIENCE)
    samples = shown.evaluate("watch => watch.samples"), exact.evaluate("watch => watch.samples")
    page.close()
    return samples


def _glances(chromium: Any, images: int) -> list[float]:
    """Return how far, in total variation, first glances of the browser are from what it would come to."""
    model = load_model(MODEL)
    digits, labels = load_images("mnist", "test")
    packs = {
        "/atlas": atlas.pack(atlas.of_model(MODEL, model, digits, labels)),
        "/images": pack_images(model_input(model, digits[:images])),
    }
    with files(ASSETS, packs) as url:
        page = chromium.new_page(viewport=VIEWPORT)
        page.goto(f"{url}/bench/index.html")
        page.wait_for_function("window.glances !== undefined", timeout=PATIENCE)
        found: list[float] = page.evaluate("count => glances(count)", images)
        page.close()
    return found


def _open_brush(chromium: Any, url: str) -> tuple[Any, Any]:
    page, _ = _open(chromium, f"{url}/inference?part=inpainting")
    # It says how many pixels are seen once it has decoded enough of the plane.
    page.locator(STATUS).filter(has_text="784").wait_for(timeout=PATIENCE)
    return page, page.locator(BRUSH)


def _open_pad(chromium: Any, url: str) -> tuple[Any, Any]:
    page, _ = _open(chromium, f"{url}/inference?source=own")
    page.wait_for_selector(FORESEES, timeout=PATIENCE)
    return page, page.locator(PAD)


def _stroke_figures(page: Any, surface: Any, strokes: int) -> list[float]:
    """Move over a surface line by line; return the milliseconds from each event to the posterior it leads to.

    The brush so reveals the hidden half of its image.
    """
    surface.scroll_into_view_if_needed()
    box = surface.bounding_box()
    page.evaluate("performance.clearMeasures('latent-plane:posterior')")
    page.mouse.move(box["x"] + 0.1 * box["width"], box["y"] + 0.6 * box["height"])
    page.mouse.down()
    for stroke in range(1, strokes + 1):
        across, down = 0.1 + 0.8 * (stroke % 20) / 20, 0.6 + 0.35 * stroke / strokes
        page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])
        page.wait_for_timeout(REST)
    page.mouse.up()
    latencies: list[float] = page.evaluate("planeBench.durations('latent-plane:posterior')")
    page.close()
    return latencies
