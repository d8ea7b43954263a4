"""The brush: p(z | seen pixels) in the browser against vae_core, and what a person does with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page, expect
from torch import Tensor

from pages.common.plane_words import words
from tests.e2e.plane.harness import Bench, make_atlas, make_model, numbers, pack_id, text
from vae_core.config import LIKELIHOODS
from vae_core.data import load_images
from vae_core.evidence import posterior
from vae_core.inpainting import seeing
from vae_core.inputs import model_input
from vae_core.models import Autoencoder
from vae_core.modes import find_modes
from vae_core.registry import load_model

MODEL = make_model()
ATLAS = make_atlas(MODEL)
ATLAS_ID = pack_id(ATLAS)
TABLE = """
([pack, image, seen]) => {
  const atlas = new plane.Atlas(window.pack(pack));
  const lattice = new plane.Lattice(4.5);
  window.table = new plane.PixelTable(() => atlas.decoderAt(0), lattice);
  const decode = (nodes) => { for (let k = 0; k < nodes.length; k += 4) table.add(nodes.slice(k, k + 4)); };
  decode(lattice.level(16));
  table.see(Float32Array.from(image), Uint8Array.from(seen));
  let surface = plane.surfaceOf(table);
  for (let round = 0; round < 40 && table.count < 4000; round++) {
    const wanted = plane.wantedNodes(surface, table).slice(0, 400);
    if (!wanted.length) break;
    decode(wanted);
    surface = plane.surfaceOf(table);
  }
  const masses = plane.massesOf(surface, lattice);
  const { stride } = surface;
  const place = (first, count) => Array.from({ length: count }, (_, k) => lattice.axis[first + k * stride]);
  return {
    x: place(surface.i, surface.width), y: place(surface.j, surface.height), masses: Array.from(masses),
    modes: plane.modesOf(surface, masses).map(({ k, share }) => [k, share]),
    draws: plane.drawFrom(surface, masses, lattice, 400, new plane.Random(1)),
  };
}
"""


def half(image: Tensor) -> Tensor:
    """A mask (784,) that shows the upper half."""
    return (torch.arange(image.numel()) < image.numel() // 2).to(image.dtype)


def infer(js: Page, pack: bytes, image: Tensor, seen: Tensor) -> dict[str, NDArray[np.float64]]:
    """The browser's posterior: the coordinates of its nodes, and the mass of each, (H, W)."""
    found = js.evaluate(TABLE, [text(pack), image.tolist(), seen.int().tolist()])
    x, y = numbers(found["x"]), numbers(found["y"])
    masses = numbers(found["masses"]).reshape(len(y), len(x))
    return {"x": x, "y": y, "masses": masses, "modes": numbers(found["modes"]), "draws": numbers(found["draws"])}


def exact(model: Autoencoder, image: Tensor, seen: Tensor, x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float64]:
    """The posterior at nodes as torch has it, by the masses of their cells."""
    nodes = torch.tensor(np.stack(np.meshgrid(x, y), -1).reshape(-1, 2), dtype=torch.float32)
    cells = np.outer(np.gradient(y), np.gradient(x)).ravel()
    pixels = [model.likelihood.pixel_log_prob(image, model.decode_params(some)).double() for some in nodes.split(4096)]
    joint = torch.cat(pixels) @ seen.double() - 0.5 * nodes.double().square().sum(-1) + torch.tensor(cells).log()
    return np.asarray(joint.softmax(0).reshape(len(y), len(x)))


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_the_posterior_is_that_of_torch_for_every_likelihood(
    js: Page, likelihood: str, generator: torch.Generator
) -> None:
    model = make_model(likelihood=likelihood, variance=0.2)
    image = model.decode(torch.tensor([[0.6, -0.4]])).flatten()
    if model.likelihood.pixels == "binary":
        image = image.round()
    found = infer(js, make_atlas(model, count=50), image, half(image))
    expected = exact(model, image, half(image), found["x"], found["y"])
    assert 0.5 * np.abs(found["masses"] - expected).sum() < 0.01


def test_the_posterior_has_the_moments_and_modes_of_the_servers(js: Page) -> None:
    image = MODEL.decode(torch.tensor([[0.6, -0.4]])).flatten()
    found = infer(js, ATLAS, image, half(image))
    server = posterior(seeing(MODEL, half(image)), image.reshape(1, 1, 28, 28))
    x, y = np.meshgrid(found["x"], found["y"])
    mean = np.array([(found["masses"] * axis).sum() for axis in (x, y)])
    np.testing.assert_allclose(mean, server.mean[0], atol=0.005)
    spread = (found["masses"] * (x - mean[0]) ** 2).sum()
    assert spread == pytest.approx(float(server.covariance[0, 0, 0]), rel=0.03)
    np.testing.assert_allclose(found["draws"].mean(0), mean, atol=4 * np.sqrt(spread / 400) + 0.01)
    top = np.unravel_index(int(found["modes"][0, 0]), found["masses"].shape)
    highest = server.z[server.density[0].argmax()].tolist()
    assert np.hypot(found["x"][top[1]] - highest[0], found["y"][top[0]] - highest[1]) < 0.06


def test_real_digits_have_as_many_modes_as_on_the_server(js: Page) -> None:
    model = load_model("vae")
    digits = model_input(model, load_images("mnist", "test")[0][:8])
    pack = make_atlas(model)
    for x in digits.split(1):
        image = x.flatten()
        server = seeing(model, half(image))
        modes = find_modes(server, x, posterior(server, x))
        found = infer(js, pack, image, half(image))["modes"]
        np.testing.assert_allclose(found[:, 1], modes.share, atol=0.03)


def test_where_all_is_hidden_it_is_the_prior(js: Page) -> None:
    found = infer(js, ATLAS, torch.ones(784), torch.zeros(784))
    x, y = np.meshgrid(found["x"], found["y"])
    masses = found["masses"]
    moments = [(masses * values).sum() for values in (x, y, x**2, y**2, x * y)]
    np.testing.assert_allclose(moments, [0, 0, 1, 1, 0], atol=1e-3)
    assert found["modes"][:, 1].tolist() == [pytest.approx(1, abs=1e-3)]


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian-learned"])
def test_an_image_that_nothing_explains_has_a_posterior_of_finite_masses(js: Page, likelihood: str) -> None:
    model = make_model(likelihood=likelihood)
    for parameter in model.parameters():
        parameter.mul_(4)
    image = (torch.arange(784) % 2).float()
    masses = infer(js, make_atlas(model, count=50), image, torch.ones(784))["masses"]
    assert np.isfinite(masses).all()
    assert masses.sum() == pytest.approx(1)


def test_edits_one_after_another_leave_what_a_new_table_has(js: Page) -> None:
    apart = js.evaluate(
        """(packed) => {
          const atlas = new plane.Atlas(window.pack(packed));
          const random = new plane.Random(3);
          const lattice = new plane.Lattice(4.5);
          const make = () => {
            const table = new plane.PixelTable(() => atlas.decoderAt(0), lattice);
            table.add([100, 20000, 133000, 250000]);
            return table;
          };
          const [edited, image, seen] = [make(), new Float32Array(784), new Uint8Array(784)];
          for (let step = 0; step < 300; step++) {
            const first = Math.floor(780 * random.uniform());
            for (let k = first; k < first + 4; k++) {
              [image[k], seen[k]] = [random.uniform(), random.uniform() < 0.6 ? 1 : 0];
            }
            edited.see(image, seen);
          }
          const fresh = make();
          fresh.see(image, seen);
          return edited.nodes.map((node) => Math.abs(edited.at(node) - fresh.at(node)));
        }""",
        text(ATLAS),
    )
    assert max(apart) < 1e-6


def test_modes_have_the_shares_of_what_climbs_to_them(js: Page) -> None:
    x, y = np.meshgrid(np.linspace(-3, 3, 61), np.linspace(-2, 2, 41))
    parts = [(0.7, -1.5, 0.3), (0.28, 1.2, 0.4), (0.02 / 4, 0.0, 0.2)]
    density = np.sum(
        [w * np.exp(-((x - at) ** 2 + y**2) / (2 * s**2)) / (2 * np.pi * s**2) for w, at, s in parts], axis=0
    )
    values = np.log(density + 1e-30)
    found = js.evaluate(
        """([values, masses]) => plane.modesOf({ values: Float32Array.from(values), width: 61, height: 41 }, masses)
          .map(({ k, share }) => [k % 61, Math.floor(k / 61), share])""",
        [values.ravel().tolist(), (density / density.sum()).ravel().tolist()],
    )
    np.testing.assert_allclose(found, [[15, 20, 0.71], [42, 20, 0.28]], atol=0.01)


def test_a_stroke_touches_the_pixels_within_half_a_brush_of_it(js: Page, generator: torch.Generator) -> None:
    for ax, ay, bx, by, size in (torch.rand(20, 5, generator=generator) * torch.tensor([28.0, 28, 28, 28, 8])).tolist():
        found = js.evaluate("([a, b, size]) => plane.strokePixels(a, b, size)", [[ax, ay], [bx, by], size])
        t = np.linspace(0, 1, 2001)[:, None, None]
        row, column = np.mgrid[:28, :28] + 0.5
        away = np.hypot(ax + t * (bx - ax) - column, ay + t * (by - ay) - row).min(0)
        sure = set(np.flatnonzero(away < size / 2 - 0.01)) | {int(by) * 28 + int(bx)}
        assert sure <= set(found) <= sure | set(np.flatnonzero(away < size / 2 + 0.01))


# ---- by hand

DIGIT = [255 if 9 <= k % 28 < 19 and 4 <= k // 28 < 24 else 0 for k in range(784)]


def show_named(bench: Bench, atlas_id: str, **options: Any) -> None:
    """Show a plane that a brush can find."""
    data = {"role": "plane", "atlas": atlas_id, "name": "view", "parts": [], "strings": words(), **options}
    bench.page.evaluate("(data) => mount('view', data)", data)
    bench.ready()


def open_brush(bench: Bench, **options: Any) -> Locator:
    """Show a plane and its brush; return the brush once there is a posterior."""
    bench.carry(ATLAS)
    show_named(bench, ATLAS_ID, rest=False, **options)
    bench.page.evaluate("(data) => mount('brush', data)", {"role": "brush", "plane": "view", "picture": DIGIT})
    expect(bench.page.locator(".brush-side [role=status]")).to_have_text("Nothing is seen: the posterior is the prior.")
    return bench.page.get_by_test_id("brush")


def draw(bench: Bench, surface: Locator, *places: tuple[float, float]) -> None:
    """Draw on the brush's picture, through places in pixels of it."""
    box = surface.bounding_box()
    assert box is not None
    at = [(box["x"] + x / 28 * box["width"], box["y"] + y / 28 * box["height"]) for x, y in places]
    bench.page.mouse.move(*at[0])
    bench.page.mouse.down()
    for place in at[1:]:
        bench.page.mouse.move(*place, steps=4)


def completions(bench: Bench) -> list[NDArray[np.uint8]]:
    """What completes the picture, once it has been decoded."""
    frames = bench.page.locator(".completions canvas")
    bench.page.locator(".sample[title]").first.wait_for()
    return [bench.grey_of(frames.nth(k)) for k in range(frames.count())]


def test_the_plane_follows_the_brush_and_the_page_is_told_once_it_is_let_go(bench: Bench) -> None:
    surface = open_brush(bench)
    measures = "performance.getEntriesByName('latent-plane:posterior').length"
    told, taken = len(bench.told()), bench.page.evaluate(measures)
    draw(bench, surface, (4.5, 10.5), (23.5, 10.5))
    bench.page.wait_for_function(f"() => {measures} > {taken}")
    assert len(bench.told()) == told
    bench.page.mouse.up()
    state = bench.wait_for_told("state.brushed && state.brushed.seen.some(Boolean)")
    seen = np.array(state["brushed"]["seen"]).reshape(28, 28)
    assert state["brushed"]["picture"] == DIGIT
    assert seen[9:12, 4:24].all()
    assert not seen[14:].any()
    bench.page.get_by_role("button", name="Undo").click()
    expect(bench.page.locator(".brush-side [role=status]")).to_contain_text("Nothing is seen")


def test_completions_keep_what_is_seen_and_can_be_drawn_again_from_another_seed(bench: Bench) -> None:
    surface = open_brush(bench)
    bench.page.get_by_role("button", name="Reveal all").click()
    expect(bench.page.locator(".brush-side [role=status]")).to_contain_text("784 of 784")
    bench.page.wait_for_function("() => document.getElementById('brush').shadowRoot.querySelector('.sample[title]')")
    bench.page.get_by_role("button", name="Hide", exact=True).click()
    draw(bench, surface, (4.5, 20.5), (23.5, 20.5))
    bench.page.mouse.up()
    seen = np.array(bench.wait_for_told("state.brushed.seen.includes(0)")["brushed"]["seen"]).reshape(28, 28) == 1
    bench.frame()
    bench.frame()
    first = completions(bench)
    assert len(first) == 8
    for picture in first:
        assert (picture[seen] == np.array(DIGIT).reshape(28, 28)[seen]).all()
    bench.page.get_by_role("button", name="Draw other completions").click()
    bench.frame()
    again = completions(bench)
    assert any((a != b).any() for a, b in zip(first, again, strict=True))
    assert all((a[seen] == b[seen]).all() for a, b in zip(first, again, strict=True))


def test_the_brush_is_moved_and_painted_with_by_keys(bench: Bench) -> None:
    surface = open_brush(bench)
    surface.focus()
    for key in ["p", "-", "-", "Space", "Shift+ArrowRight", "ArrowDown", "h", "Space"]:
        surface.press(key)
    state = bench.wait_for_told("state.brushed && state.brushed.seen.reduce((a, b) => a + b) === 2")
    # From the middle one to the right, painted; below that, hidden, where nothing was seen before.
    assert np.flatnonzero(state["brushed"]["seen"]).tolist() == [14 * 28 + 14, 14 * 28 + 15]
    picture = state["brushed"]["picture"]
    # The middle of the digit was hidden, so paint began with white.
    assert [picture[14 * 28 + 14], picture[14 * 28 + 15]] == [255, 255]
    surface.press("Control+z")
    surface.press("Control+z")
    bench.wait_for_told("state.brushed.seen.reduce((a, b) => a + b) === 1")


def test_a_page_may_give_what_is_seen_and_say_back_what_it_was_told(bench: Bench) -> None:
    open_brush(bench)
    seen = [int(k < 392) for k in range(784)]
    brush = {"role": "brush", "plane": "view", "picture": DIGIT, "seen": seen}
    bench.page.evaluate("(data) => mount('brush', data)", brush)
    expect(bench.page.locator(".brush-side [role=status]")).to_contain_text("392 of 784")
    # The page knows, and is not told.
    assert bench.told() == []
    bench.page.get_by_role("button", name="Hide all").click()
    bench.wait_for_told("state.brushed.seen.every((flag) => !flag)")
    bench.page.evaluate("(data) => mount('brush', data)", {**brush, "seen": [0] * 784})
    bench.page.evaluate("(data) => mount('brush', data)", {**brush, "seen": [0] * 784})
    bench.frame()
    assert not any(bench.told()[-1]["brushed"]["seen"])
    expect(bench.page.get_by_role("button", name="Undo")).to_be_enabled()


def test_the_brush_takes_the_place_of_the_readings_and_leaves_nothing_when_it_is_put_away(bench: Bench) -> None:
    surface = open_brush(bench, parts=["inspector"])
    expect(bench.page.locator("#view").get_by_test_id("brush")).to_be_visible()
    expect(bench.page.get_by_test_id("decoded")).to_be_hidden()
    expect(bench.page.locator(".layer-key")).to_contain_text("p(z | seen pixels)")
    bench.page.evaluate("unmount()")
    expect(surface).to_have_count(0)
    expect(bench.page.get_by_test_id("decoded")).to_be_visible()
    expect(bench.page.locator(".layer-key")).to_be_hidden()
    assert bench.page.evaluate("document.getElementById('view').shadowRoot.querySelector('canvas.layers')") is None


def test_a_model_without_a_prior_says_why_there_is_no_posterior(bench: Bench) -> None:
    plain = make_model(kind="ae")
    pack = make_atlas(plain)
    bench.carry(pack)
    show_named(bench, pack_id(pack))
    bench.page.evaluate("(data) => mount('brush', data)", {"role": "brush", "plane": "view", "picture": DIGIT})
    expect(bench.page.locator(".brush-side .hint").first).to_contain_text("a model with a prior")
