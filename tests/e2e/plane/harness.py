"""The plane without an app around it: small atlases, and a bare page that the component's module is mounted in."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from playwright.sync_api import Browser, BrowserContext, Locator, Page
from torch import Tensor

from pages.common.plane_module import ASSETS, link, read_modules
from pages.common.plane_words import words
from tests.e2e.page import PATIENCE
from vae_core import atlas
from vae_core.config import ModelConfig
from vae_core.models import Autoencoder
from vae_core.recogniser import Recogniser, recogniser_bytes

FRAME = 40  # milliseconds of a page's own clock in which it draws twice
THEMES = {
    "light": {"--st-background-color": "#ffffff", "--st-text-color": "#1c2127", "--st-primary-color": "#1769aa"},
    "dark": {"--st-background-color": "#101317", "--st-text-color": "#e4e7eb", "--st-primary-color": "#6db3ec"},
}
MOUNT = """
async ([module, css]) => {
  const bytesOf = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  window.plane = await import(URL.createObjectURL(new Blob([module], { type: "text/javascript" })));
  window.pack = (text) => new plane.Pack(bytesOf(text));
  window.told = [];
  const rootOf = (id) => {
    const old = document.getElementById(id);
    if (old) return old.shadowRoot;
    const host = document.createElement("div");
    host.id = id;
    document.body.append(host);
    const root = host.attachShadow({ mode: "open" });
    const style = document.createElement("style");
    style.textContent = css;
    root.append(style);
    return root;
  };
  window.mount = (id, data) => {
    const setStateValue = (name, value) => told.push({ name, value });
    window.unmount = plane.default({ parentElement: rootOf(id), data, setStateValue, setTriggerValue: setStateValue });
  };
  window.carry = (id, text) => mount(id, bytesOf(text));
}
"""


def numbers(value: Any) -> NDArray[np.float64]:
    """What JavaScript gave back, as an array."""
    return np.array(value, dtype=np.float64)


def make_model(seed: int = 0, **config: Any) -> Autoencoder:
    """A random model whose images differ clearly from point to point; its weights are exact in float16."""
    sizes = {"encoder_widths": (24, 16), "decoder_widths": (24, 32), **config}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Autoencoder(ModelConfig(**sizes)).requires_grad_(False).eval()
    for parameter in model.parameters():
        parameter.copy_((parameter * 2.5).half().float())
    return model


def make_recogniser(seed: int = 0) -> tuple[Recogniser, bytes]:
    """A random recogniser and its pack, with the same weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = Recogniser().requires_grad_(False).eval()
    for parameter in network.parameters():
        parameter.copy_((parameter * 2).half().float())
    return network, recogniser_bytes(network)


def make_codes(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Codes (N, 2) in ten round clusters on a ring, and their labels (N,)."""
    labels = torch.arange(count) % 10
    angle = labels * (2 * torch.pi / 10)
    centres = 2 * torch.stack([angle.cos(), angle.sin()], -1)
    return centres + 0.2 * torch.randn(count, 2, generator=generator), labels


def pack_id(pack: bytes) -> str:
    """The id in a pack's header."""
    header = json.loads(pack[8 : 8 + int.from_bytes(pack[:8], "little")])["__metadata__"]
    return str(json.loads(next(iter(header.values())))["id"])


def text(pack: bytes) -> str:
    """A pack as the harness's JavaScript takes it."""
    return base64.b64encode(pack).decode()


def make_atlas(model: Autoencoder, count: int = 500, **options: Any) -> bytes:
    """The pack of an atlas with one frame, ring-shaped codes and a model."""
    codes, labels = make_codes(count, torch.Generator().manual_seed(1))
    parts: dict[str, Any] = {
        "positions": codes[None],
        "labels": labels,
        "decoders": {0: model},
        "encoder": model,
        "values": {"kl": codes.norm(dim=-1)},
    }
    return atlas.pack(atlas.Atlas("ring", **{**parts, **options}))


BETAS = tuple(atlas.log_spaced(0.01, 200.0, 9))
"""The axis of the any-beta atlases here."""


def make_images(count: int, generator: torch.Generator) -> Tensor:
    """Grey images (N, 28, 28), uint8, that differ from one another."""
    return torch.randint(0, 256, (count, 28, 28), generator=generator).to(torch.uint8)


def make_any_beta(seed: int = 0) -> Autoencoder:
    """A random any-beta model, whose gates make a clear difference."""
    return make_model(seed, encoder_widths=(64,), decoder_widths=(24, 32), beta_range=(0.01, 200.0))


def make_beta_atlas(model: Autoencoder, count: int = 200, **options: Any) -> bytes:
    """The pack of an any-beta atlas over BETAS: random images encoded at each, and curves that fall and rise."""
    images = make_images(count, torch.Generator().manual_seed(7))
    last = len(BETAS) - 1
    curves = {
        "distortion": [130 + 9.5 * k for k in range(last + 1)],
        "rate": [10.5 * (1 - k / last) for k in range(last + 1)],
        "activity.0": [1.0 - 0.1 * k for k in range(last + 1)],
        "activity.1": [0.8 if k < last - 1 else 0.001 for k in range(last + 1)],
    }
    made = atlas.of_any_beta("any", model, images, torch.arange(count) % 10, BETAS, curves)
    return atlas.pack(replace(made, **options))


def make_pair(first: Autoencoder, second: Autoencoder, count: int = 200) -> bytes:
    """The pack that leads from one model's codes of random images to another's."""
    images = make_images(count, torch.Generator().manual_seed(7))
    return atlas.pack(atlas.of_pair(("first", "second"), (first, second), images, torch.arange(count) % 10))


SERIES = "a run"


def make_course(frames: int, count: int = 200) -> tuple[Tensor, list[int], dict[str, list[float]]]:
    """Positions (K, N, 2), steps and curves of a training run: clusters that leave the middle, losses that fall."""
    codes, _labels = make_codes(count, torch.Generator().manual_seed(1))
    share = torch.linspace(0, 1, 101)[:frames] if frames <= 101 else torch.linspace(0, 1, frames)
    positions = codes[None] * (0.1 + 0.9 * share)[:, None, None]
    curves = {
        "distortion": [200 - 60 * s for s in share.tolist()],
        "rate": [1 + 6 * s for s in share.tolist()],
        "train_distortion": [195 - 60 * s for s in share.tolist()],
        "train_rate": [1 + 6.2 * s for s in share.tolist()],
        "beta": [1.0 if k < 5 else 4.0 for k in range(frames)],
        "learning_rate": [0.001] * frames,
    }
    return positions, [50 * k for k in range(frames)], curves


def make_series(
    decoders: dict[int, Autoencoder], frames: int, count: int = 200, series: str = SERIES, **options: Any
) -> bytes:
    """The base of a growing atlas with so many frames of the course."""
    positions, steps, curves = make_course(frames, count)
    parts = {"positions": positions, "axis": steps, "curves": curves, **options}
    return atlas.pack(
        atlas.Atlas("run", labels=torch.arange(count) % 10, decoders=decoders, axis_name="step", series=series, **parts)
    )


def make_tail(start: int, end: int, count: int = 200, series: str = SERIES, **options: Any) -> bytes:
    """Frames start to end - 1 of the course."""
    positions, steps, curves = make_course(end, count)
    cut = {name: curve[start:] for name, curve in curves.items()}
    parts = {"positions": positions[start:], "axis": steps[start:], "curves": cut, **options}
    return atlas.pack_tail(series, start, **parts)


@dataclass
class Bench:
    """A bare page with the plane's module in it."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    held: bool = False

    @property
    def stage(self) -> Locator:
        """The plane itself."""
        return self.page.get_by_test_id("latent-plane")

    def carry(self, pack: bytes, name: str = "carrier") -> None:
        """Bring a pack, as the page's carrier does."""
        self.page.evaluate("([id, text]) => carry(id, text)", [name, text(pack)])

    def show(self, atlas_id: str, *, name: str = "view", **options: Any) -> None:
        """Mount the plane, or call its module again with other options."""
        data = {"role": "plane", "atlas": atlas_id, "strings": words(), **options}
        self.page.evaluate("([id, data]) => mount(id, data)", [name, data])

    def open(self, pack: bytes, recogniser: bytes | None = None, **options: Any) -> Locator:
        """Bring an atlas and show it; return the plane once it is drawn."""
        self.carry(pack)
        if recogniser is not None:
            self.carry(recogniser, "recogniser")
            options["recogniser"] = pack_id(recogniser)
        self.show(pack_id(pack), **options)
        return self.ready()

    def ready(self) -> Locator:
        """Return the plane once it is drawn."""
        self.page.locator("[data-testid=latent-plane][data-ready=true]").wait_for()
        return self.stage

    def hold_time(self) -> None:
        """From here on time passes for the page only with each `frame` and `pass_time`, however slow the machine is."""
        self.page.clock.install(time=0)
        self.page.clock.pause_at(3_600_000)
        self.held = True

    def pass_time(self, milliseconds: int) -> None:
        """Let so much of the time that is held pass for the page."""
        self.page.clock.run_for(milliseconds)

    def frame(self) -> None:
        """Let the browser draw what is due."""
        if self.held:
            self.pass_time(FRAME)
        else:
            self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def place(self, u: float, v: float) -> tuple[float, float]:
        """The page coordinates of a place on the plane, in shares of its side from its upper left corner."""
        box = self.stage.bounding_box()
        assert box is not None
        return box["x"] + u * box["width"], box["y"] + v * box["height"]

    def hover(self, u: float, v: float) -> None:
        """Move the pointer there and let the plane draw."""
        self.page.mouse.move(*self.place(u, v))
        self.frame()

    def click(self, u: float, v: float) -> None:
        """Click there and let the plane draw."""
        self.page.mouse.click(*self.place(u, v))
        self.frame()

    def drag(self, *places: tuple[float, float]) -> None:
        """Press at the first place, move along the others, release at the last."""
        self.page.mouse.move(*self.place(*places[0]))
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*self.place(*place), steps=3)
        self.page.mouse.up()
        self.frame()

    def draw(self, *places: tuple[float, float], lift: bool = True) -> None:
        """Draw a stroke over the pad, in shares of its side, and lift the pen at its end."""
        pad = self.page.get_by_test_id("pad")
        pad.scroll_into_view_if_needed()
        box = pad.bounding_box()
        assert box is not None
        at = [(box["x"] + u * box["width"], box["y"] + v * box["height"]) for u, v in places]
        self.page.mouse.move(*at[0])
        self.page.mouse.down()
        for place in at[1:]:
            self.page.mouse.move(*place, steps=4)
        if lift:
            self.page.mouse.up()
        self.frame()

    def z(self) -> tuple[float, float]:
        """Where the cursor is."""
        x, y = (self.stage.get_attribute("data-z") or "").split(",")
        return float(x), float(y)

    def told(self) -> list[dict[str, Any]]:
        """What the page was told so far, oldest first."""
        messages: list[dict[str, Any]] = self.page.evaluate("told.map((message) => message.value)")
        return messages

    def wait_for_told(self, condition: str) -> dict[str, Any]:
        """Wait until the page is told something of which a JavaScript condition on `state` holds; return it."""
        self.page.wait_for_function(f"() => told.some(({{ value: state }}) => {condition})")
        return self.told()[-1]

    def grey(self, test_id: str = "decoded") -> NDArray[np.uint8]:
        """The grey levels (28, 28) of a canvas of decoded pixels."""
        return self.grey_of(self.page.get_by_test_id(test_id))

    @staticmethod
    def grey_of(canvas: Locator) -> NDArray[np.uint8]:
        """The grey levels (28, 28) of any such canvas."""
        values = canvas.evaluate(
            """(canvas) => {
              const { data } = canvas.getContext("2d").getImageData(0, 0, 28, 28);
              return Array.from({ length: 784 }, (_, i) => data[4 * i]);
            }"""
        )
        return np.array(values, dtype=np.uint8).reshape(28, 28)


def open_bench(context: BrowserContext, theme: str = "light") -> Bench:
    """Return a bare page with the module in it, all that its files export open to be called."""
    page = context.new_page()
    bench = Bench(page)
    page.on("pageerror", lambda error: bench.complaints.append(f"uncaught: {error}"))
    page.on("console", lambda said: bench.complaints.append(said.text) if said.type == "error" else None)
    variables = "; ".join(f"{name}: {value}" for name, value in THEMES[theme].items())
    page.set_content(f"<body style='margin: 24px; background: var(--st-background-color); {variables}'></body>")
    page.evaluate(MOUNT, [link(read_modules(), exports=True), (ASSETS / "plane.css").read_text("utf-8")])
    return bench


def new_context(browser: Browser, **options: Any) -> BrowserContext:
    """Return a profile of its own, as large as a laptop's window unless told otherwise."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    context.set_default_timeout(PATIENCE)
    return context
