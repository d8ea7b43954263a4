"""Benchmark of the latent plane in a real browser: the running app under the pointer, and planes of many points."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from vae_core import atlas
from vae_core.bench import Report, machine
from vae_core.bench_browser import app, browser, files, memory_of, wait_until_served
from vae_core.data import load_images
from vae_core.models import Autoencoder
from vae_core.registry import load_model

ASSETS = Path(__file__).resolve().parent.parent / "assets"
MEASURE = ASSETS / "bench" / "measure.js"
VIEWPORT = {"width": 1440, "height": 900}
PLANE = "[data-testid=latent-plane]"
READY = f"{PLANE}[data-ready=true]"
SETTLED = "[data-testid=stApp][data-test-script-state=notRunning]"
PATIENCE = 120_000
SESSIONS = 3
STILL = 30
"""Milliseconds, somewhat more than a frame takes."""
REST = 400
"""Milliseconds, more than until a page tells its server of a key or of a pointer that rests, and has the answer."""
DIGITS = 70_000


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the value below which ``share`` of the values lie (the nearest rank), None where there is none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def measure(
    report: Report,
    url: str | None = None,
    moves: int = 300,
    clicks: int = 40,
    points: Sequence[int] = (DIGITS, 1_000_000),
    seconds: float = 5.0,
) -> dict[str, Any]:
    """Measure the app at ``url``, by default one of its own, under a pointer that moves and clicks; then large planes.

    A plane of up to 70,000 ``points`` shows encoded digits, a larger one synthetic codes; each is dragged about for
    so many ``seconds``. Times after an event of the pointer are in milliseconds, from the browser's time stamp of it to
    the end of painting the frame with the decoded image, or with what the server answers.
    Raises LatentExplorerError where there is no browser.
    """
    figures: dict[str, Any] = {}
    with browser() as chromium, ExitStack() as stack:
        figures["browser"] = chromium.version
        report("the app", 0.0)
        began, process = time.perf_counter(), None
        if url is None:
            url, process = stack.enter_context(app())
            wait_until_served(url, process)
        figures |= _app_figures(chromium, url, began if process else None, moves, clicks)
        report("linked planes", 0.2)
        figures |= _linked_figures(chromium, url, moves)
        report("the dial over beta", 0.3)
        figures |= _dial_figures(chromium, url, seconds)
        if process is not None:
            figures |= _memory_figures(chromium, url, process)
        figures["planes"] = []
        for done, count in enumerate(points, 1):
            report(f"{count:,} points", done / (len(points) + 1))
            figures["planes"].append(_plane_figures(chromium, count, seconds))
    return {**figures, **machine()}


def _app_figures(chromium: Any, url: str, began: float | None, moves: int, clicks: int) -> dict[str, Any]:
    """Return how long the app takes to be ready, and what happens under a moving pointer."""
    page = chromium.new_page(viewport=VIEWPORT)
    page.add_init_script(path=MEASURE)
    sent = _MessageCounter()
    page.on("websocket", lambda socket: socket.on("framesent", sent.add))
    page.goto(url)
    page.wait_for_selector(READY, timeout=PATIENCE)
    ready_seconds = None if began is None else time.perf_counter() - began
    began = time.perf_counter()
    page.reload()
    page.wait_for_selector(READY, timeout=PATIENCE)
    reload_seconds = time.perf_counter() - began
    page.wait_for_selector(SETTLED, timeout=PATIENCE)
    node = page.locator(PLANE)
    before = sent.messages
    latencies = _hover(page, node, moves)
    messages = sent.messages - before
    waits, hurried = _click(page, node, clicks, REST), _click(page, node, clicks, 0)
    decodes = page.evaluate("planeBench.durations('latent-plane:decode')")
    figures = {
        "renderer": node.get_attribute("data-renderer"),
        "ready_seconds": ready_seconds,
        "reload_seconds": reload_seconds,
        "hover_p50_ms": percentile(latencies, 0.5),
        "hover_p95_ms": percentile(latencies, 0.95),
        "hover_samples": len(latencies),
        "decode_p50_ms": percentile(decodes, 0.5),
        "decode_p95_ms": percentile(decodes, 0.95),
        "messages_while_hovering": messages,
        "click_to_details_p50_ms": percentile(waits, 0.5),
        "click_to_details_p95_ms": percentile(waits, 0.95),
        "hurried_click_to_details_p50_ms": percentile(hurried, 0.5),
        "hurried_click_to_details_p95_ms": percentile(hurried, 0.95),
    }
    page.close()
    return figures


class _MessageCounter:
    """Counts what a page sends to its server."""

    def __init__(self) -> None:
        self.messages = 0

    def add(self, frame: object) -> None:
        self.messages += 1


def _hover(page: Any, node: Any, moves: int, follower: Any = None) -> list[float]:
    """Move the pointer over the plane, at moments that keep no step with its frames; return the latencies in ms.

    They end where the plane shows the place, or the ``follower`` that shares its pointer.
    """
    # Notices above the plane may have pushed it down.
    node.scroll_into_view_if_needed()
    box = node.bounding_box()
    shown = (follower or node).element_handle()
    watch = node.evaluate_handle("(node, shown) => planeBench.watchHover(node, shown)", shown)
    moments = random.Random(0)
    for move in range(1, moves + 1):
        angle = 2 * math.pi * move / 97
        across, down = 0.5 + 0.4 * math.sin(angle), 0.5 + 0.4 * math.sin(1.618 * angle)
        page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])
        # Asking the page at once would have it answer in the very frame that is measured.
        page.wait_for_timeout(STILL)
        watch.evaluate("(watch, count) => watch.until(count)", move)
        page.wait_for_timeout(STILL + moments.uniform(1, 30))
    latencies: list[float] = watch.evaluate("watch => watch.samples")
    return latencies


def _click(page: Any, node: Any, clicks: int, rest: float) -> list[float]:
    """Click on the plane here and there; return the milliseconds until the server's details of the place are shown.

    Between the key that takes a pin away and the next click the page has so many milliseconds of ``rest``: with fewer
    than `REST` the click meets what the server says to the key.
    """
    box = node.bounding_box()
    watch = node.evaluate_handle("node => planeBench.watchClicks(node)")
    for click in range(1, clicks + 1):
        across, down = 0.5 + 0.3 * math.sin(2.4 * click), 0.5 + 0.3 * math.cos(2.4 * click) * click / clicks
        page.mouse.click(box["x"] + across * box["width"], box["y"] + down * box["height"])
        watch.evaluate("(watch, count) => watch.until(count)", click)
        # Without its pin the next one is the only one, as here.
        page.keyboard.press("Escape")
        page.wait_for_timeout(rest)
        page.wait_for_selector(SETTLED, timeout=PATIENCE)
    latencies: list[float] = watch.evaluate("watch => watch.samples")
    return latencies


def _memory_figures(chromium: Any, url: str, process: Any) -> dict[str, Any]:
    """Return the app's memory in megabytes with one session on the explorer, and what each further one adds."""
    pages = []
    readings: list[float | None] = []
    for _ in range(1 + SESSIONS):
        pages.append(chromium.new_page(viewport=VIEWPORT))
        pages[-1].goto(url)
        pages[-1].wait_for_selector(READY, timeout=PATIENCE)
        readings.append(memory_of(process))
    for page in pages:
        page.close()
    first, last = readings[0], readings[-1]
    further = None if first is None or last is None else (last - first) / SESSIONS
    return {"memory_mb": first, "memory_per_further_session_mb": further}


def _linked_figures(chromium: Any, url: str, moves: int) -> dict[str, Any]:
    """Return how soon the second plane of a comparison follows a pointer on the first."""
    page = chromium.new_page(viewport=VIEWPORT)
    page.add_init_script(path=MEASURE)
    page.goto(f"{url}/compare")
    planes = page.locator(READY)
    planes.nth(1).wait_for(timeout=PATIENCE)
    page.wait_for_selector(SETTLED, timeout=PATIENCE)
    latencies = _hover(page, planes.nth(0), moves, planes.nth(1))
    page.close()
    return {"linked_p50_ms": percentile(latencies, 0.5), "linked_p95_ms": percentile(latencies, 0.95)}


def _dial_figures(chromium: Any, url: str, seconds: float) -> dict[str, Any]:
    """Return how smoothly everything follows the dial over beta, and what is sent to the server meanwhile."""
    page = chromium.new_page(viewport=VIEWPORT)
    page.add_init_script(path=MEASURE)
    sent = _MessageCounter()
    page.on("websocket", lambda socket: socket.on("framesent", sent.add))
    page.goto(f"{url}/beta")
    page.wait_for_selector(READY, timeout=PATIENCE)
    page.wait_for_selector(SETTLED, timeout=PATIENCE)
    before = sent.messages
    rate = turn_dial(page, seconds)
    messages = sent.messages - before
    page.close()
    return {"dial_frames_per_second": rate, "messages_while_dialling": messages}


def turn_dial(page: Any, seconds: float) -> float:
    """Turn the dial of the page's plane to and fro for so many seconds; return the frames drawn in a second.

    Its values come as often as a mouse has them, whether or not the plane keeps up. Playwright's own mouse moves on
    only once the page has answered, and would measure its way there and back as well.
    """
    node, dial = page.locator(PLANE), page.get_by_test_id("dial").element_handle()
    return float(node.evaluate("(node, [dial, s]) => planeBench.turnDial(node, dial, s)", [dial, seconds]))


def _plane_figures(chromium: Any, count: int, seconds: float) -> dict[str, Any]:
    """Return how long a plane of so many points takes to appear, and how smoothly it is dragged."""
    with files(ASSETS, {"/atlas": large_atlas(count)}) as url:
        page = chromium.new_page(viewport=VIEWPORT)
        page.goto(f"{url}/bench/index.html")
        page.wait_for_function("window.firstDraw !== undefined", timeout=PATIENCE)
        first = page.evaluate("firstDraw()")
        node = page.locator(PLANE)
        drawn = int(node.get_attribute("data-points"))
        renderer = node.get_attribute("data-renderer")
        counted = _drag(page, node, seconds)
        page.close()
    return {
        "points": count,
        "drawn": drawn,
        "renderer": renderer,
        "first_draw_seconds": first,
        "frames_per_second": counted["frames"] / counted["seconds"] if counted["seconds"] else 0.0,
    }


def _drag(page: Any, node: Any, seconds: float) -> dict[str, float]:
    """Drag the plane in circles for so many seconds; return the frames drawn, and the seconds until the last."""
    box = node.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    counting = node.evaluate_handle("node => planeBench.countDraws(node)")
    began, step = time.perf_counter(), 0
    while step < 10 or time.perf_counter() - began < seconds:
        step += 1
        page.mouse.move(middle[0] + 100 * math.sin(step / 10), middle[1] + 100 * math.cos(step / 10))
    counted: dict[str, float] = counting.evaluate(
        "counted => { counted.stop(); return { frames: counted.frames, seconds: counted.seconds }; }"
    )
    page.mouse.up()
    return counted


def large_atlas(count: int) -> bytes:
    """Return the packed atlas of ``count`` points: encoded digits as far as there are, else synthetic codes."""
    model = load_model("vae")
    if count <= DIGITS:
        parts = [load_images("mnist", split) for split in ("test", "train")]
        images, labels = (torch.cat(both)[:count] for both in zip(*parts, strict=True))
        return atlas.pack(atlas.of_model("digits", model, images, labels))
    return atlas.pack(_synthetic(model, count))


def _synthetic(model: Autoencoder, count: int) -> atlas.Atlas:
    """Return ten clouds of codes, one a class, spread like the prior."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % 10
    centres = torch.randn(10, 2, generator=generator)
    positions = centres[labels] + 0.4 * torch.randn(count, 2, generator=generator)
    values = {"reconstruction": torch.rand(count, generator=generator)}
    return atlas.Atlas("synthetic", positions[None], labels, {0: model}, encoder=model, values=values)
