// The pad: a digit drawn by hand, or a picture the page decoded, encoded live and shown on the plane.

import { meanPictures, paintGrey } from "./decoding.js";
import { element, iconButton, pixels, setText } from "./dom.js";
import { FIRST_GLANCE, GLANCE_AT_PEN } from "./foresight.js";
import { decimal } from "./inspector.js";
import { toBytes } from "./likelihood.js";
import { rasterise } from "./strokes.js";

const PAD_SIDE = 224;

export class Pad {
  /** A pad made again in other words goes on with what was drawn on the one before. */
  constructor(plane, before = null) {
    this.plane = plane;
    const { say } = plane;
    this.strokes = before?.strokes ?? [];
    this.image = before?.image;
    this.picture = before?.picture;
    this.code = null;
    this.surface = pixels(2 * PAD_SIDE, 2 * PAD_SIDE, { class: "pad-surface", "data-testid": "pad", "aria-label": say("pad_surface"), role: "img" });
    this.input = pixels(28, 28, { class: "pad-picture", "data-testid": "pad-input", role: "img", "aria-label": say("pad_input") });
    this.output = pixels(28, 28, { class: "pad-picture", "data-testid": "pad-output", role: "img", "aria-label": say("pad_output") });
    this.undo = iconButton("undo", say("pad_undo"), () => this.#edit(() => this.strokes.pop()));
    this.clear = iconButton("clear", say("pad_clear"), () => this.#edit(() => (this.strokes = [])));
    this.mean = element("dd", { class: "number" });
    this.spread = element("dd", { class: "number" });
    this.words = element("p", { class: "hint", text: say("pad_hint") });
    this.node = this.#layout(say);
    this.#listen();
  }

  #layout(say) {
    const figure = (canvas, words) => element("figure", {}, canvas, element("figcaption", { text: words }));
    this.spreadRow = element("div", { class: "fact" }, element("dt", { text: say("pad_spread") }), this.spread);
    const facts = element("dl", { class: "facts" }, element("div", { class: "fact" }, element("dt", { text: say("pad_mean") }), this.mean), this.spreadRow);
    const tools = element("div", { class: "pad-tools" }, this.undo, this.clear);
    this.body = element(
      "div",
      { class: "pad-body" },
      element("div", { class: "pad-draw" }, this.surface, tools),
      figure(this.input, say("pad_input")),
      figure(this.output, say("pad_output")),
      element("div", { class: "pad-facts" }, this.words, facts),
    );
    return element("details", { class: "pad" }, element("summary", { class: "part-name", text: say("pad") }), this.body);
  }

  #listen() {
    const place = (event) => {
      const box = this.surface.getBoundingClientRect();
      return [((event.clientX - box.left) / box.width) * PAD_SIDE, ((event.clientY - box.top) / box.height) * PAD_SIDE];
    };
    this.surface.onpointerdown = (event) => {
      if (event.button !== 0 || this.pen !== undefined) return;
      event.preventDefault();
      this.surface.setPointerCapture(event.pointerId);
      this.pen = event.pointerId;
      this.strokes.push([place(event)]);
      this.#redraw();
    };
    this.surface.onpointermove = (event) => {
      if (event.pointerId !== this.pen) return;
      const events = event.getCoalescedEvents?.() ?? [];
      this.strokes.at(-1).push(...(events.length ? events : [event]).map(place));
      this.#redraw();
    };
    this.surface.onpointerup = this.surface.onpointercancel = (event) => {
      if (event.pointerId !== this.pen) return;
      this.pen = undefined;
      this.#edit(() => undefined);
    };
  }

  // A finished change: shown, and told to the page.
  #edit(change) {
    change();
    this.#redraw();
    this.#tell();
  }

  #tell() {
    this.plane.setDrawn(this.image ? toBytes(this.image, new Uint8Array(784)) : null);
  }

  #redraw() {
    this.#paintSurface();
    this.image = rasterise(this.strokes, PAD_SIDE);
    this.#encode();
    this.plane.foresight.follow(this.image, this.pen === undefined ? FIRST_GLANCE : GLANCE_AT_PEN);
  }

  #paintSurface() {
    const context = this.surface.getContext("2d");
    context.setTransform(2, 0, 0, 2, 0, 0);
    context.clearRect(0, 0, PAD_SIDE, PAD_SIDE);
    context.lineWidth = 15;
    context.lineCap = context.lineJoin = "round";
    context.strokeStyle = this.plane.theme.ink(1);
    for (const stroke of this.strokes) {
      context.beginPath();
      context.moveTo(...stroke[0]);
      for (const point of stroke) context.lineTo(...point);
      context.stroke();
    }
  }

  // Encodes what is on the pad and decodes the mean again.
  #encode() {
    const { atlas, foresight, state } = this.plane;
    const seen = this.image && foresight.asSeen(this.image);
    this.code = seen && atlas?.canEncode() ? atlas.encode(seen, state.frame) : null;
    this.#paint(this.input, seen);
    const shown = this.code && atlas.canDecode();
    this.#paint(this.output, shown ? meanPictures(atlas, this.plane.follow.decoded, Float32Array.from(this.code.mean), 1) : null);
    this.#describe();
    this.plane.stage.redraw();
  }

  #paint(canvas, values) {
    canvas.dataset.empty = String(!values);
    if (values) paintGrey(canvas, toBytes(values, new Uint8Array(784)));
    else canvas.getContext("2d").clearRect(0, 0, 28, 28);
  }

  #describe() {
    const { code } = this;
    setText(this.mean, code ? code.mean.map((v) => decimal(v, 3)).join("\u2003") : "\u2013");
    setText(this.spread, code?.logvar ? code.logvar.map((v) => decimal(Math.exp(v / 2), 3)).join("\u2003") : "\u2013");
    this.spreadRow.hidden = this.plane.atlas ? this.plane.atlas.kind !== "vae" : false;
    this.undo.disabled = this.strokes.length === 0;
    this.clear.disabled = !this.image;
  }

  /** A picture (784 numbers 0..255) that the page made of an upload; null or none leaves the pad as it is. */
  take({ picture }) {
    const text = JSON.stringify(picture ?? null);
    if (text === this.picture) return;
    this.picture = text;
    const valid = Array.isArray(picture) && picture.length === 784 && picture.every((v) => Number.isFinite(v) && v >= 0 && v <= 255);
    if (!valid) return;
    this.strokes = [];
    this.#paintSurface();
    this.image = Float32Array.from(picture, (v) => v / 255);
    this.node.open = true;
    this.#encode();
    this.#tell();
  }

  setAtlas() {
    this.#encode();
  }

  update() {
    this.#paintSurface();
    this.#describe();
  }
}
