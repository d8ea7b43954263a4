"""A digit chosen on the plane: its posterior in the browser against vae_core, until the page answers."""

from __future__ import annotations

import re
import zlib
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Locator, Page, expect
from torch import Tensor

from pages.common.plane_layers import Ellipse, Marks
from pages.common.plane_options import Drawing
from pages.common.plane_words import words
from tests.e2e.plane.harness import Bench, make_atlas, make_codes, make_model, numbers, pack_id, text
from vae_core.data import binarisation_levels, binarize_once
from vae_core.evidence import posterior
from vae_core.image_pack import pack_images
from vae_core.models import Autoencoder

MODEL = make_model()
COUNT = 500


def images_at(model: Autoencoder, codes: Tensor) -> Tensor:
    """What the model decodes at codes (N, 2), as pixels of its likelihood, (N, 1, 28, 28)."""
    x = model.decode(codes).reshape(-1, 1, 28, 28)
    return x.round() if model.likelihood.pixels == "binary" else (255 * x).round() / 255


CODES = make_codes(COUNT, torch.Generator().manual_seed(1))[0]
X = images_at(MODEL, CODES)
ATLAS, IMAGES = make_atlas(MODEL, COUNT), pack_images(X)
OPEN = """
async ([pack, packed, which]) => {
  const atlas = new plane.Atlas(window.pack(pack));
  const images = new plane.Images(window.pack(packed));
  await images.unpacked;
  const view = new plane.View();
  view.setHome(plane.View.extentOf(atlas.positions, true));
  const inference = new plane.Inference({ atlas, follow: { decoded: 0 }, stage: { view } });
  inference.adopt();
  const unfinished = inference.prepare(0);
  inference.prepare(Infinity);
  const picture = new plane.HiddenPicture();
  picture.setAll(1);
"""
LOOK = (
    OPEN
    + """
  return [unfinished, which.map((k) => {
    picture.image = images.at(k);
    inference.lookAt(picture);
    const more = inference.look(Infinity);
    let modes = null;
    inference.present((contours, found) => { modes = found.map(({ z, share }) => [...z, share]); });
    const { surface, masses, lattice } = inference;
    const moments = [0, 0, 0, 0, 0];
    masses.forEach((mass, k) => {
      const [x, y] = [lattice.axis[surface.along(k)], lattice.axis[surface.up(k)]];
      [x, y, x * x, x * y, y * y].forEach((value, i) => { moments[i] += mass * value; });
    });
    return { more, moments, modes };
  })];
}
"""
)


@pytest.mark.parametrize("likelihood", ["bernoulli", "continuous-bernoulli", "gaussian-learned"])
def test_a_chosen_digit_has_the_posterior_of_the_server(js: Page, likelihood: str) -> None:
    model = make_model(likelihood=likelihood)
    x = images_at(model, CODES[:20])
    atlas = make_atlas(model, COUNT)
    unfinished, found = js.evaluate(LOOK, [text(atlas), text(pack_images(x)), [3, 11, 3]])
    assert unfinished
    assert found[2] == found[0], "what was looked at before leaves nothing behind"
    for k, seen in zip([3, 11], found, strict=False):
        server = posterior(model, x[k : k + 1])
        assert not seen["more"]
        mean = server.mean[0]
        second = server.covariance[0] + mean[:, None] * mean
        expected = [*mean.tolist(), second[0, 0].item(), second[0, 1].item(), second[1, 1].item()]
        np.testing.assert_allclose(numbers(seen["moments"]), expected, atol=0.01)
        highest = server.z[server.density[0].argmax()]
        np.testing.assert_allclose(numbers(seen["modes"])[0, :2], highest, atol=0.06)


ENOUGH = (
    OPEN
    + """
  picture.image = images.at(which);
  return [2000, 0].map((finer) => {
    inference.lookAt(picture);
    inference.finer = finer;
    const before = inference.table.count;
    return [inference.look(Infinity), inference.table.count - before];
  });
}
"""
)


def test_what_was_looked_at_as_closely_as_is_of_use_is_looked_at_no_closer(js: Page) -> None:
    """A posterior that is narrow everywhere would never be done."""
    enough, closer = js.evaluate(ENOUGH, [text(ATLAS), text(IMAGES), 3])
    assert enough == [False, 0]
    assert not closer[0]
    assert closer[1] > 0


# ---- by hand


def layers(x: float) -> list[dict[str, Any]]:
    """What a page shows of a digit."""
    return [Ellipse("the page's", (x, 0.0), np.eye(2) * 0.01).data(), Marks("", [(x, 0.0)]).data()]


def show(bench: Bench, **options: Any) -> None:
    """Show a plane of digits whose images are there."""
    data = {"role": "plane", "name": "view", "atlas": pack_id(ATLAS), "parts": [], "strings": words(), "rest": False}
    given = {"images": pack_id(IMAGES), "layers": layers(0.0), "pins": [], **options}
    bench.page.evaluate("(data) => mount('view', data)", {**data, **given})


def open_plane(bench: Bench, pack: bytes = IMAGES, **options: Any) -> Locator:
    """Show it, with all it needs."""
    bench.carry(ATLAS)
    bench.carry(pack, "images")
    show(bench, **options)
    return bench.ready()


def choose(bench: Bench) -> Locator:
    """Show it and click on a place; return the plane once it shows that digit's posterior."""
    stage = open_plane(bench)
    expect(stage).to_have_attribute("data-foresees", "true")
    bench.click(0.3, 0.6)
    expect(stage).to_have_attribute("data-foreseen", re.compile(r"^\d"))
    return stage


def key(bench: Bench) -> list[str]:
    """What the plane says it shows."""
    bench.frame()
    return bench.page.locator(".layer-key li").all_inner_texts()


def test_a_click_shows_the_posterior_at_once_and_the_pages_when_it_comes(bench: Bench) -> None:
    choose(bench)
    assert [name.strip().splitlines()[0] for name in key(bench)] == ["posterior p(z|x)", "encoder's q(z|x)", "modes"]
    pin = bench.wait_for_told("state.pins.length === 1")["pins"]
    # Whatever the page says before it has heard of the pin is of the digit before.
    show(bench, color="kl")
    assert len(key(bench)) == 3
    show(bench, pins=pin, layers=layers(0.5))
    assert key(bench) == ["the page's"]


def test_the_same_digit_chosen_again_has_the_pages_layers_again(bench: Bench) -> None:
    choose(bench)
    show(bench, pins=bench.wait_for_told("state.pins.length === 1")["pins"])
    assert key(bench) == ["the page's"]


def test_where_the_page_takes_long_the_posterior_is_looked_at_closer(bench: Bench) -> None:
    expect(choose(bench)).to_have_attribute("data-foreseen", re.compile("settled$"))


# ---- on the pad


STROKE = ((0.3, 0.25), (0.7, 0.25), (0.45, 0.85))


def open_pad(bench: Bench, **options: Any) -> Locator:
    """Show the plane with a pad whose drawing it infers; return the plane once it can."""
    stage = open_plane(bench, parts=["pad"], **{"drawing": Drawing(None).data(), **options})
    bench.page.get_by_text("Draw a digit").click()
    expect(stage).to_have_attribute("data-foresees", "true")
    return stage


def test_the_posterior_follows_the_pen_until_the_page_knows_the_drawing(bench: Bench) -> None:
    stage = open_pad(bench)
    bench.draw(*STROKE[:2], lift=False)
    expect(stage).to_have_attribute("data-foreseen", re.compile(r"^\d"))
    assert len(key(bench)) == 3
    bench.page.mouse.up()
    first = bench.wait_for_told("state.drawn")["drawn"]
    bench.draw(*STROKE[1:])
    second = bench.wait_for_told("told.length === 2")["drawn"]
    # What the page knows first is of the first stroke.
    show(bench, parts=["pad"], drawing=Drawing(first).data(), layers=layers(0.5))
    assert len(key(bench)) == 3
    show(bench, parts=["pad"], drawing=Drawing(second).data(), layers=layers(0.5))
    assert key(bench) == ["the page's"]


def test_while_nobody_points_the_cursor_stands_where_the_server_has_the_highest_mode(bench: Bench) -> None:
    stage = open_pad(bench, drawing=Drawing(None, binarisation_levels().flatten().tolist()).data())
    bench.draw(*STROKE)
    expect(stage).to_have_attribute("data-foreseen", re.compile("settled$"))
    drawn = bench.wait_for_told("state.drawn")
    assert drawn["z"] is None
    image = torch.tensor(drawn["drawn"], dtype=torch.uint8).reshape(1, 28, 28)
    seen = binarize_once(image)
    assert np.array_equal(bench.grey("pad-input"), (255 * seen)[0, 0])
    server = posterior(MODEL, seen)
    assert bench.z() == pytest.approx(server.z[server.density[0].argmax()].tolist(), abs=0.06)


def test_a_cleared_pad_has_no_posterior_and_a_digit_of_the_page_has_its_own(bench: Bench) -> None:
    open_pad(bench)
    bench.draw(*STROKE)
    drawn = bench.wait_for_told("state.drawn")["drawn"]
    bench.page.get_by_role("button", name="Clear the pad").click()
    assert key(bench) == []
    show(bench, parts=["pad"], drawing=Drawing(drawn).data())
    assert key(bench) == []
    show(bench, parts=["pad"], drawing=None, layers=layers(0.5))
    assert key(bench) == ["the page's"]


def test_a_pad_whose_drawing_is_not_inferred_leaves_the_layers_alone(bench: Bench) -> None:
    stage = open_pad(bench, drawing=None)
    bench.draw(*STROKE)
    bench.wait_for_told("state.drawn")
    assert key(bench) == ["the page's"]
    assert stage.get_attribute("data-foreseen") is None


def test_what_is_drawn_is_seen_and_named_as_on_the_server(js: Page, generator: torch.Generator) -> None:
    image = torch.randint(0, 256, (28, 28), generator=generator).to(torch.uint8)
    grey, binary, names = js.evaluate(
        """([bytes, levels]) => [
          Array.from(plane.pixelsSeen(bytes, null)),
          Array.from(plane.pixelsSeen(bytes, levels)),
          [plane.checksum(bytes), plane.checksum(bytes.map(() => 255))],
        ]""",
        [image.flatten().tolist(), binarisation_levels().flatten().tolist()],
    )
    np.testing.assert_allclose(numbers(grey), image.flatten() / 255, atol=1e-7)
    assert binary == binarize_once(image[None]).flatten().tolist()
    assert names == [zlib.adler32(bytes(image.flatten().tolist())), zlib.adler32(b"\xff" * 784)]


@pytest.mark.parametrize("case", ["no images", "broken images", "an autoencoder"])
def test_without_what_it_needs_the_plane_waits_for_the_page(bench: Bench, case: str) -> None:
    if case == "an autoencoder":
        atlas = make_atlas(make_model(kind="ae"), COUNT)
        bench.carry(IMAGES, "images")
        stage = bench.open(atlas, images=pack_id(IMAGES), layers=layers(0.0))
    else:
        broken = IMAGES[:-9] + bytes(9)
        named = pack_id(IMAGES) if case == "broken images" else None
        stage = open_plane(bench, broken if named else IMAGES, images=named)
    bench.click(0.3, 0.6)
    bench.wait_for_told("state.pins.length === 1")
    assert stage.get_attribute("data-foreseen") is None
