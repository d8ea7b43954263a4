// The brush: an image of which one reveals, hides or paints pixels, while the plane shows p(z | seen pixels).

import { paintBrush, SURFACE } from "./brushpaint.js";
import { HiddenPicture, pixelAt, strokePixels } from "./canvas28.js";
import { Completions } from "./completions.js";
import { element, iconButton, pixels, setText } from "./dom.js";
import { layersOf } from "./inference.js";
import { toBytes } from "./likelihood.js";

const ACROSS = 28;
const BRUSH_TOOLS = ["reveal", "hide", "paint"];
const KEYS = { r: "reveal", h: "hide", p: "paint" };
const ARROW_STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const INK = 0.5;

export class Brush {
  constructor(plane) {
    this.plane = plane;
    const { say } = plane;
    // Words may change, and with them all that holds them; the picture stays.
    this.picture = plane.hiddenPicture ??= new HiddenPicture();
    this.inference = plane.inference;
    this.completions = new Completions(plane, this);
    this.tool = "reveal";
    this.size = 3;
    this.surface = pixels(SURFACE, SURFACE, { class: "brush-surface", "data-testid": "brush", tabindex: "0", role: "application", "aria-label": say("brush_surface"), "aria-description": say("brush_keys") });
    this.words = element("p", { class: "hint", text: say("brush_hint") });
    this.status = element("p", { class: "hint number", role: "status" });
    this.body = element("div", { class: "brush-body" }, element("div", { class: "brush-draw" }, this.surface, this.#tools(say)), element("div", { class: "brush-side" }, this.words, this.completions.node, this.status));
    this.#listen();
  }

  // ---- tools

  #tools(say) {
    this.buttons = BRUSH_TOOLS.map((tool) => element("button", { type: "button", class: "segment", title: say(`brush_${tool}_help`), text: say(`brush_${tool}`), onclick: () => this.setTool(tool) }));
    this.slider = element("input", { type: "range", min: "1", max: "9", step: "1", value: String(this.size), class: "brush-size", "aria-label": say("brush_size"), title: say("brush_size"), oninput: () => this.setSize(Number(this.slider.value)) });
    this.undoButton = iconButton("undo", say("brush_undo"), () => this.undo());
    const all = (seen, text) => element("button", { type: "button", class: "link", text, onclick: () => this.#edit(() => this.picture.setAll(seen)) });
    const row = element("div", { class: "brush-row" }, this.slider, this.undoButton, all(0, say("brush_hide_all")), all(1, say("brush_reveal_all")));
    return element("div", { class: "brush-tools" }, element("div", { class: "segments", role: "group", "aria-label": say("brush_tools") }, ...this.buttons), row);
  }

  setTool(tool) {
    this.tool = tool;
    this.update();
  }

  setSize(size) {
    this.size = Math.max(1, Math.min(9, size));
    this.slider.value = String(this.size);
    this.#paint();
  }

  undo() {
    if (this.picture.undo()) this.#done();
  }

  // ---- pointer and keys

  #listen() {
    const { surface } = this;
    const place = (event) => {
      const box = surface.getBoundingClientRect();
      return [((event.clientX - box.left) / box.width) * ACROSS, ((event.clientY - box.top) / box.height) * ACROSS];
    };
    surface.onpointerdown = (event) => {
      if (event.button !== 0 || this.pen !== undefined || !this.plane.atlas) return;
      event.preventDefault();
      surface.focus({ preventScroll: true });
      surface.setPointerCapture(event.pointerId);
      this.pen = event.pointerId;
      this.#begin(place(event));
      this.#stroke([place(event)], event.timeStamp);
    };
    surface.onpointermove = (event) => {
      this.at = place(event);
      if (event.pointerId !== this.pen) return this.#paint();
      const events = event.getCoalescedEvents?.() ?? [];
      return this.#stroke((events.length ? events : [event]).map(place), event.timeStamp);
    };
    surface.onpointerup = surface.onpointercancel = (event) => {
      if (event.pointerId !== this.pen) return;
      this.pen = undefined;
      this.#done();
    };
    surface.onpointerleave = surface.onblur = () => {
      this.at = null;
      this.#paint();
    };
    surface.onkeydown = (event) => {
      if (!this.#press(event)) return;
      event.preventDefault();
      event.stopPropagation();
    };
  }

  #press(event) {
    const { key, shiftKey } = event;
    if ((event.ctrlKey || event.metaKey) && key.toLowerCase() === "z") return this.undo(), true;
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    if (ARROW_STEPS[key]) return this.#step(ARROW_STEPS[key], shiftKey), true;
    if (key === " " || key === "Enter") return this.#dab(event.timeStamp), true;
    if (KEYS[key.toLowerCase()]) return this.setTool(KEYS[key.toLowerCase()]), true;
    if (key === "+" || key === "-") return this.setSize(this.size + (key === "+" ? 1 : -1)), true;
    return false;
  }

  // The keys' brush stands in the middle of a pixel; with Shift it draws as it goes.
  #step([dx, dy], draws) {
    const [x, y] = this.at ?? [ACROSS / 2, ACROSS / 2];
    const held = (v) => Math.max(0, Math.min(ACROSS - 1, Math.floor(v))) + 0.5;
    this.at = [held(x + dx), held(y + dy)];
    if (draws) this.#dab(performance.now());
    else this.#paint();
  }

  #dab(since) {
    this.at ??= [ACROSS / 2, ACROSS / 2];
    this.#begin(this.at);
    this.#stroke([this.at], since);
    this.#done();
  }

  // ---- changes

  // Paint that begins on ink takes ink away.
  #begin(at) {
    this.picture.remember();
    this.last = at;
    const k = pixelAt(at);
    const { image, seen } = this.picture;
    this.ink = k >= 0 && seen[k] && image[k] > INK ? 0 : 1;
  }

  #stroke(places, since) {
    for (const at of places) {
      const touched = strokePixels(this.last, at, this.size);
      if (this.tool === "paint") this.picture.paint(touched, this.ink);
      else this.picture[this.tool](touched);
      this.last = this.at = at;
    }
    this.#changed(since);
  }

  #edit(change) {
    this.picture.remember();
    change();
    this.#done();
  }

  #changed(since) {
    this.inference.changed(since);
    this.#paint();
    this.plane.stage.redraw();
  }

  // A finished change: shown, and told to the page.
  #done() {
    this.#changed(performance.now());
    this.update();
    this.plane.setBrushed(this.#left());
  }

  #left() {
    return { picture: this.#bytes(), seen: Array.from(this.picture.seen) };
  }

  #bytes(image = this.picture.image) {
    return Array.from(toBytes(image, new Uint8Array(image.length)));
  }

  /** A picture (784 numbers 0..255) and which of its pixels are seen (0 or 1 each), from the page; each taken once. */
  take({ picture, seen }) {
    const text = JSON.stringify([picture ?? null, seen ?? null]);
    if (text === this.picture.taken) return;
    this.picture.taken = text;
    const fits = (values, most) => Array.isArray(values) && values.length === ACROSS * ACROSS && values.every((v) => v >= 0 && v <= most);
    const held = this.picture;
    const image = fits(picture, 255) ? Float32Array.from(picture, (v) => v / 255) : held.image;
    const mask = fits(seen, 1) ? Uint8Array.from(seen) : held.seen;
    // The page may say what it was told.
    if (this.#bytes(image).join() === this.#bytes().join() && mask.join() === held.seen.join()) return;
    Object.assign(held, { image: image.slice(), seen: mask.slice(), history: [] });
    this.#changed(performance.now());
    this.update();
    // The page knows, so it is not told; but what it is told next is to be of this picture.
    this.plane.state.brushed = this.#left();
  }

  // ---- what is shown

  /** Whether a view of it is on the page: without one the plane shows nothing of it. */
  setOpen(open) {
    this.open = open;
    if (open) this.inference.lookAt(this.picture);
    if (open) this.setAtlas();
    else this.plane.stage.layers.setLive([]);
  }

  setAtlas() {
    this.inference.adopt();
    if (!this.inference.ready) this.plane.stage.layers.setLive([]);
    this.inference.changed(null);
    this.update();
    this.plane.stage.redraw();
  }

  /** A few milliseconds of what is due. Returns whether there is more. */
  work(busy) {
    if (!this.open || !this.inference.possible) return false;
    if (!this.plane.turn.moving) this.inference.adopt();
    const more = this.inference.work(busy || this.pen !== undefined, (contours, modes) => this.#show(contours, modes));
    const completing = !this.shown && this.completions.work(this.pen !== undefined);
    this.#describe();
    // Drawings come after the posterior, in a frame of their own.
    const again = this.shown || completing;
    this.shown = false;
    return more || again;
  }

  #show(contours, modes) {
    this.modes = modes;
    this.shown = true;
    this.plane.stage.layers.setLive(layersOf(this.plane.say("brush_posterior"), contours, modes));
    this.completions.follow();
  }

  update() {
    this.buttons.forEach((button, k) => button.setAttribute("aria-pressed", String(BRUSH_TOOLS[k] === this.tool)));
    this.undoButton.disabled = this.picture.history.length === 0;
    this.body.inert = Boolean(this.plane.atlas) && !this.inference.possible;
    this.#paint();
    this.#describe();
  }

  #describe() {
    const { say, atlas } = this.plane;
    const { possible, ready, progress } = this.inference;
    setText(this.words, say(atlas && !possible ? "brush_impossible" : "brush_hint"));
    const seen = this.picture.shown;
    const now = seen === 0 ? say("brush_none") : say("brush_seen", { count: seen, modes: this.modes?.length ?? 0 });
    setText(this.status, !possible ? "" : ready ? now : say("brush_preparing", { percent: Math.floor(100 * progress) }));
  }

  #paint() {
    if (this.plane.theme) paintBrush(this.surface, this.plane.theme, this.picture, this.at, this.size);
  }
}
