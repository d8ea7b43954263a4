"""The geometry panel of the explorer: what it lays over the plane, what it says, and that it is idle when closed."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import torch
from streamlit.testing.v1 import AppTest

from pages.common import geometry_panel
from pages.common.geometry_panel import LATTICE, RANGE
from pages.common.plane_home import home_box
from tests.app_pages import fine, open_page, said, words
from tests.screen import texts
from vae_core.atlas import encode_images
from vae_core.curves import measure, straight
from vae_core.data import load_images
from vae_core.export import grid_png
from vae_core.geometry import jacobian, magnification
from vae_core.registry import load_model

PINS = "-2,1~1.5,-1"
MODEL = "vae-classic"


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A coarse map: what it shows does not depend on how fine it is."""
    monkeypatch.setattr(geometry_panel, "RASTER", 24)
    geometry_panel._magnification_map.clear()


def explorer(**address: str) -> AppTest:
    return open_page("explorer", {"model": MODEL, **address})


def layers(at: AppTest) -> list[dict[str, Any]]:
    """What the page lays over its plane."""
    messages = [json.loads(text) for text in texts(at) if text.startswith("{")]
    (plane,) = [message for message in messages if message.get("role") == "plane"]
    found: list[dict[str, Any]] = plane["layers"]
    return found


def numbers(at: AppTest, name: str) -> float:
    (number,) = re.findall(rf"^\*\*{name}\*\*: (\S+) pixel values", words(at), re.MULTILINE)
    return float(number)


def test_between_two_pins_the_geodesic_is_shown_with_both_lengths() -> None:
    at = explorer(panel="geometry", pins=f"9,9~{PINS}", path="spherical")
    (line, curve) = layers(at)
    assert (line["name"], line["dashed"], line["tone"]) == ("Straight line", True, "plain")
    assert line["points"] == [[-2, 1], [1.5, -1]]
    assert (curve["name"], curve["dashed"], curve["tone"]) == ("Geodesic", False, "accent")
    model = load_model(MODEL)
    ends = torch.tensor([[-2.0, 1.0], [1.5, -1.0]])
    assert curve["points"][0] == pytest.approx(ends[0].tolist())
    assert curve["points"][-1] == pytest.approx(ends[1].tolist())
    assert numbers(at, "Straight line") == pytest.approx(
        measure(model, straight(ends[0], ends[1], 65)).length, abs=0.006
    )
    assert numbers(at, "Geodesic") == pytest.approx(measure(model, torch.tensor(curve["points"])).length, abs=0.006)
    assert numbers(at, "Geodesic") < numbers(at, "Straight line")
    apart = (model.decode(ends[:1]) - model.decode(ends[1:])).norm().item()
    assert f"{apart:.2f} apart" in words(at)
    assert len(at.image) == 2


def test_where_the_path_is_the_straight_line_it_is_not_drawn_twice() -> None:
    assert [layer["name"] for layer in layers(explorer(panel="geometry", pins=PINS))] == ["Geodesic"]


@pytest.mark.parametrize("pins", ["", "1,1"])
def test_with_fewer_than_two_pins_it_says_what_to_do(pins: str) -> None:
    at = explorer(panel="geometry", pins=pins)
    assert "Click two places on the plane" in words(at)
    assert not layers(at)
    assert not at.image


def test_pins_in_one_place_are_no_distance_apart() -> None:
    at = explorer(panel="geometry", pins="1,1~1,1")
    assert "no way shorter than the straight line" in words(at)
    assert numbers(at, "Straight line") == 0


def test_the_map_is_that_of_the_magnification_over_the_plane_as_it_opens() -> None:
    at = explorer(panel="geometry", geometry="magnification")
    (field,) = layers(at)
    model = load_model(MODEL)
    codes = encode_images(model, load_images()[0])[0].numpy()
    assert (field["kind"], field["scale"], field["size"]) == ("field", "magnitude", [24, 24])
    assert field["box"] == pytest.approx(home_box(codes, with_prior=True))
    x0, y0, x1, y1 = field["box"]
    x, y = torch.linspace(x0, x1, 24), torch.linspace(y0, y1, 24)
    values = magnification(model, torch.cartesian_prod(x, y))
    assert field["high"] == pytest.approx(values.quantile(0.99).item(), rel=1e-4)
    assert field["low"] == pytest.approx(values.quantile(0.01).item(), rel=1e-4)
    assert field["high"] <= RANGE * field["low"]
    assert "√det" in words(at)


def test_half_of_the_ellipses_have_their_true_shape_and_no_two_overlap_along_an_axis() -> None:
    at = explorer(panel="geometry", geometry="ellipses")
    (ellipses,) = layers(at)
    means = torch.tensor(ellipses["means"])
    covariances = torch.tensor(ellipses["covariances"], dtype=torch.float64)
    assert len(means) == LATTICE**2
    apart = means[1, 1] - means[0, 1]
    longest = torch.linalg.eigvalsh(covariances)[:, 1].sqrt()
    assert longest.max() <= apart / 2 * (1 + 1e-5)
    true = longest < apart / 2 * (1 - 1e-6)
    assert true.sum() >= len(means) // 2
    # The rim of each of those decodes, to first order, to images as far away as the panel says.
    rims = torch.linalg.cholesky(covariances[true])[:, :, 0]
    moved = (jacobian(load_model(MODEL), means[true]).double() @ rims[..., None])[..., 0].norm(dim=1)
    assert moved.tolist() == pytest.approx([moved.median().item()] * len(moved), rel=1e-3)
    assert f"{moved.median().item():.2g} pixel values" in words(at)


def test_the_switches_are_in_the_address_and_all_can_be_laid_over_one_another() -> None:
    at = explorer(panel="geometry", pins=PINS)
    fine(at.pills(key="view.geometry").set_value(["geodesic", "magnification", "ellipses"]).run())
    assert [layer["kind"] for layer in layers(at)] == ["field", "ellipses", "line"]
    assert said(at, "geometry") == "geodesic,magnification,ellipses"
    fine(at.pills(key="view.geometry").set_value([]).run())
    assert layers(at) == []
    assert said(at, "geometry") == ""


def test_a_closed_panel_measures_nothing_and_what_was_chosen_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    at = explorer(panel="geometry", pins=PINS, geometry="ellipses")

    def refuse(*_given: object) -> None:
        raise AssertionError("the panel is closed")

    for work in ("_magnification_map", "_ellipses_of", "_graph", "_geodesic"):
        monkeypatch.setattr(geometry_panel, work, refuse)
    fine(at.segmented_control(key="view.panel").set_value(None).run())
    assert layers(at) == []
    monkeypatch.undo()
    fine(at.segmented_control(key="view.panel").set_value("geometry").run())
    assert [layer["kind"] for layer in layers(at)] == ["ellipses"]


def test_a_switch_that_is_none_gives_a_notice() -> None:
    at = explorer(panel="geometry", geometry="curvature")
    assert "`curvature`" in at.info[0].value
    assert "Click two places" in words(at)


def test_on_the_inference_page_it_lies_under_the_posterior() -> None:
    view = {"model": MODEL, "part": "geometry", "pins": PINS, "geometry": "geodesic,magnification"}
    at = open_page("inference", view)
    kinds = [layer["kind"] for layer in layers(at)]
    assert kinds[:3] == ["field", "line", "field"]
    assert [layer["scale"] for layer in layers(at) if layer["kind"] == "field"] == ["magnitude", "posterior"]
    assert numbers(at, "Geodesic") < numbers(at, "Straight line")
    assert (said(at, "part"), said(at, "pins")) == ("geometry", PINS)
    fine(at.segmented_control(key="view.part").set_value("gaps").run())
    assert "magnitude" not in [layer.get("scale") for layer in layers(at)]


def test_both_films_show_images_at_equal_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[torch.Tensor] = []

    def keep(images: torch.Tensor, **how: int) -> bytes:
        shown.append(images)
        return grid_png(images, **how)

    monkeypatch.setattr(geometry_panel, "grid_png", keep)
    explorer(panel="geometry", pins=PINS)
    model, ends = load_model(MODEL), torch.tensor([[-2.0, 1.0], [1.5, -1.0]])
    for film in shown:
        assert len(film) == geometry_panel.FILM
        for image, end in zip(film[[0, -1]], ends, strict=True):
            assert torch.equal(image, (model.decode(end[None])[0, 0] * 255).round().to(torch.uint8))
    line = measure(model, straight(ends[0], ends[1], 65))
    expected = (model.decode(line.evenly(geometry_panel.FILM))[:, 0] * 255).round()
    assert (shown[1].float() - expected).abs().max() <= 1
