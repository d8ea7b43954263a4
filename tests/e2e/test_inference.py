"""Inference as a person looks at it: a digit chosen on the plane, its posterior and numbers, and the brush."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import NARROW, OpenPage
from tests.e2e.explorer import bring, drag, draw_a_seven, place, said, until_said, where
from tests.e2e.page import ready, settled, visit
from tests.e2e.server import ROOT, App

NOT_FOUND = "console: Failed to load resource: the server responded with a status of 404 (Not Found)"


@pytest.fixture
def page(page: Page, complaints: list[str]) -> Iterator[Page]:
    """Streamlit's page looks for its server under the page's own path first, and takes the 404 for an answer."""
    yield page
    complaints[:] = [each for each in complaints if each != NOT_FOUND]


def _number(page: Page, label: str) -> float:
    value = page.get_by_test_id("stMetric").filter(has_text=label).get_by_test_id("stMetricValue")
    return float(value.inner_text().replace("−", "-"))


def test_a_click_on_the_plane_chooses_a_digit_whose_posterior_and_terms_are_shown(page: Page) -> None:
    visit(page, "/inference", model="vae-classic", part="digits")
    plane = ready(page)
    expect(plane).to_have_attribute("data-layers", "1")
    expect(plane).to_have_attribute("data-foresees", "true")
    page.mouse.click(*place(plane, 0.35, 0.4))
    digit = until_said(page, "digit", r"^[1-9]\d*$")
    expect(page.get_by_role("spinbutton")).to_have_value(digit)
    expect(plane).to_have_attribute("data-foreseen", re.compile(r"^\d"))
    expect(plane).not_to_have_attribute("data-layers", "1")
    settled(page)
    terms = _number(page, "= ELBO") + _number(page, "+ KL")
    exact = page.get_by_test_id("stMetric").first.get_by_test_id("stMetricValue").inner_text()
    assert terms == pytest.approx(float(exact.replace("−", "-")), abs=0.02)
    assert said(page, "z")


def test_the_posterior_follows_the_pen_and_the_terms_of_what_is_drawn_add_up(page: Page) -> None:
    visit(page, "/inference", model="vae-classic", source="own")
    plane = ready(page)
    expect(plane).to_have_attribute("data-foresees", "true")
    draw_a_seven(page)
    expect(plane).to_have_attribute("data-foreseen", re.compile(r"^\d"))
    metrics = page.get_by_test_id("stMetric")
    expect(metrics.first).to_be_visible()
    settled(page)
    terms = _number(page, "= ELBO") + _number(page, "+ KL")
    exact = metrics.first.get_by_test_id("stMetricValue")
    evidence = exact.inner_text()
    assert terms == pytest.approx(float(evidence.replace("−", "-")), abs=0.02)
    # Another stroke, and the cursor goes to where the highest mode is then.
    before = where(plane)
    pad = page.get_by_test_id("pad")
    drag(page, place(pad, 0.3, 0.85), place(pad, 0.7, 0.85))
    expect(exact).not_to_have_text(evidence)
    settled(page)
    assert where(plane) != before
    assert said(page, "z") == ""


def test_the_brush_leaves_pixels_whose_exact_figures_are_said(page: Page) -> None:
    visit(page, "/inference", model="vae-classic", digit="3", part="inpainting")
    ready(page)
    expect(page.get_by_text("from 392 pixels")).to_be_visible()
    # What the page says of the digit stays while the brush takes the picture over.
    expect(page.get_by_role("spinbutton")).to_have_value("3")
    brush = bring(page.get_by_test_id("brush"))
    drag(page, place(brush, 0.3, 0.7), place(brush, 0.7, 0.7))
    expect(page.get_by_text("from 392 pixels")).to_have_count(0)
    settled(page)
    assert said(page, "digit") == "3"


def test_on_a_phone_nothing_is_cut(open_page: OpenPage, complaints: list[str]) -> None:
    page = open_page(viewport=NARROW)
    visit(page, "/inference", model="vae-classic", digit="3")
    ready(page)
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    assert page.get_by_test_id("stMain").evaluate("main => main.scrollWidth - main.clientWidth") <= 0
    complaints[:] = [each for each in complaints if each != NOT_FOUND]


@pytest.mark.usefixtures("browser")
def test_inference_is_measured_in_a_browser_and_checked(app: App) -> None:
    options = ["--models", "vae-classic", "--images", "2", "--posteriors", "1", "--clicks", "2", "--strokes", "3"]
    command = [sys.executable, "-m", "vae_core", "bench", "inference", "--url", app.url, "--json", *options]
    # In a process of its own: playwright runs once in each, and here it already does.
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["clicks"] == 2
    assert figures["strokes"] > 0
    assert 0 < figures["click_to_posterior_p50_ms"] <= figures["click_to_posterior_p95_ms"]
    assert 0 < figures["click_to_server_posterior_p50_ms"] <= figures["click_to_server_posterior_p95_ms"]
    assert 0 <= figures["first_glance_p95_total_variation"] <= 1
    assert 0 < figures["brush_to_posterior_p50_ms"] <= figures["brush_to_posterior_p95_ms"]
    assert figures["pen_moves"] > 0
    assert 0 < figures["pen_to_posterior_p50_ms"] <= figures["pen_to_posterior_p95_ms"]
    (model,) = figures["models"]
    assert model["worst_residual"] < 0.1
    assert model["worst_evidence_difference"] < 0.05
