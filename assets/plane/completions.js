// A few images that complete what is seen: each decoded from a draw of p(z | seen pixels), hidden pixels filled in.

import { meanPictures } from "./decoding.js";
import { element, iconButton, pixels } from "./dom.js";
import { Random } from "./maths.js";

const COUNT = 8;
const CALM_FOR = 110;

export class Completions {
  constructor(plane, brush) {
    this.plane = plane;
    this.brush = brush;
    this.seed = 1;
    const { say } = plane;
    this.points = [];
    this.canvases = Array.from({ length: COUNT }, () => pixels(28, 28, { class: "row-picture" }));
    const frames = this.canvases.map((canvas, k) => element("button", { type: "button", class: "sample", onclick: () => this.#point(k) }, canvas));
    this.frames = frames;
    const again = iconButton("again", say("completions_again"), () => this.again());
    const head = element("div", { class: "completions-head" }, element("span", { class: "part-name", text: say("completions"), title: say("completions_help") }), again);
    this.node = element("div", { class: "completions", "data-testid": "completions" }, head, element("div", { class: "completions-row" }, ...frames));
  }

  // The plane's cursor goes where this one was drawn.
  #point(k) {
    if (!this.points[k]) return;
    this.plane.inside = true;
    this.plane.settle(this.points[k]);
  }

  /** Other draws, from the next seed. */
  again() {
    this.seed++;
    this.follow();
    this.plane.stage.redraw();
  }

  /** The posterior, or the draws, are others. */
  follow() {
    this.due = true;
  }

  /** Decodes them again, though not at every movement of the brush. Returns whether that is still to be done. */
  work(drawing) {
    if (!this.due || !this.brush.inference.surface) return false;
    if (drawing && performance.now() - this.decoded < CALM_FOR) return true;
    this.due = false;
    this.decoded = performance.now();
    this.points = this.brush.inference.draw(COUNT, new Random(this.seed));
    const { atlas, follow, say } = this.plane;
    const pictures = meanPictures(atlas, follow.decoded, Float32Array.from(this.points.flat()), COUNT);
    this.canvases.forEach((canvas, k) => this.#paint(canvas, pictures.subarray(784 * k, 784 * (k + 1))));
    this.frames.forEach((frame, k) => {
      const [x, y] = this.points[k].map((value) => value.toFixed(2));
      frame.title = say("samples_go", { x, y });
      frame.setAttribute("aria-label", frame.title);
    });
    return false;
  }

  // What is seen stays as it is; what is filled in has a tinge of the accent.
  #paint(canvas, values) {
    const { image, seen } = this.brush.picture;
    const { accent } = this.plane.theme;
    const context = canvas.getContext("2d");
    canvas.held ??= context.createImageData(28, 28);
    const { data } = canvas.held;
    for (let i = 0; i < 784; i++) {
      const grey = 255 * Math.max(0, Math.min(1, seen[i] ? image[i] : values[i]));
      for (let c = 0; c < 3; c++) data[4 * i + c] = seen[i] ? grey : grey * (0.62 + (0.38 * accent[c]) / 255) + (1 - grey / 255) * 0.1 * accent[c];
      data[4 * i + 3] = 255;
    }
    context.putImageData(canvas.held, 0, 0);
  }
}
