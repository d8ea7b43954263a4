"""The geometry panel as a person uses it: a map that fills the plane, and after two clicks a geodesic over it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from pages.common.plane_home import home_box
from tests.e2e.explorer import bring, place, until_said, where
from tests.e2e.page import ready, visit
from vae_core.atlas import encode_images
from vae_core.data import load_images
from vae_core.registry import load_model

MODEL = "vae-classic"


def test_a_map_fills_the_plane_and_two_clicks_draw_a_geodesic_and_both_films(page: Page) -> None:
    visit(page, model=MODEL, panel="geometry", geometry="geodesic,magnification")
    plane, key = ready(page), page.locator(".layer-key")
    expect(key).to_contain_text("Magnification")
    x0, y0, x1, y1 = home_box(encode_images(load_model(MODEL), load_images()[0])[0].numpy(), with_prior=True)
    page.mouse.move(*place(plane, 0.02, 0.02))
    assert where(plane) == pytest.approx((x0 + 0.02 * (x1 - x0), y1 - 0.02 * (y1 - y0)), abs=0.01 * (x1 - x0))

    page.mouse.click(*place(plane, 0.35, 0.45))
    until_said(page, "pins", "^[^~]+$")
    page.mouse.click(*place(plane, 0.6, 0.6))
    until_said(page, "pins", "~")
    expect(key).to_contain_text("Geodesic")
    films = page.locator(".st-key-geometry-films img")
    expect(films).to_have_count(2)
    for film in films.all():
        bring(film)
        expect(film).to_have_js_property("complete", True)
        assert film.evaluate("film => film.naturalWidth > 10 * film.naturalHeight")

    # Nothing of it is left once the panel is closed.
    bring(page.get_by_role("radio", name="Geometry")).click()
    expect(page.locator("canvas.layers")).to_have_count(0)
    expect(films).to_have_count(0)
