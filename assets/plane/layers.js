// What lies over the points: a canvas of its own, drawn when the view or the layers change, and a key.

import { bandColour, contoursOfField, drawBands, drawRegions } from "./contours.js";
import { element, iconButton } from "./dom.js";
import { drawCourse, drawEllipse, drawLine, drawMarkers, drawSmallEllipses, toneOf } from "./pens.js";

const PENS = { field: drawField, ellipse: drawEllipse, ellipses: drawSmallEllipses, marks: drawMarkers, line: drawLine, course: drawOnCourse };
const KEYED = 6;
const PLAYS = 2600;
const BENEATH = 0.2;

function drawField(context, view, theme, { contours }, ratio, sheet) {
  if (contours.magnitude) drawBands(context, view, ratio, contours, theme, sheet);
  else drawRegions(context, view, ratio, contours, theme.accent);
}

function drawOnCourse(context, view, theme, layer, ratio, sheet, share) {
  drawCourse(context, view, theme, layer, share * (layer.means.length - 1));
}

export class Layers {
  constructor(plane) {
    this.plane = plane;
    this.canvas = element("canvas", { class: "layer layers" });
    this.sheet = document.createElement("canvas");
    this.key = element("ul", { class: "layer-key", "aria-label": plane.say("layers") });
    this.key.hidden = true;
    // A button of the key is no place of the plane.
    this.key.onpointerdown = this.key.ondblclick = this.key.onkeydown = (event) => event.stopPropagation();
    this.text = "[]";
    this.held = new Map();
    this.given = [];
    this.taken = 0;
    this.standIn = null;
    this.live = [];
    this.began = null;
  }

  /** Takes the page's list. What has not changed in it is not made again. */
  take(list) {
    const text = JSON.stringify(list ?? []);
    if (text === this.text) return;
    this.text = text;
    const before = this.held;
    this.held = new Map();
    this.given = (list ?? []).filter(({ kind }) => Object.hasOwn(PENS, kind)).map((layer) => (layer.kind === "field" ? this.#withContours(layer, before) : layer));
    if (this.given.some(({ kind }) => kind === "course") && !matchMedia("(prefers-reduced-motion: reduce)").matches) this.play();
    this.#changed();
    // For measurements and tests: so many lists have come.
    this.plane.stage.node.dataset.layers = String(++this.taken);
  }

  /** Sends what has a course along it, from its beginning. */
  play() {
    this.began = performance.now();
    this.plane.stage.redraw();
  }

  /** Moves what is on its course. Returns whether it is still on the way. */
  work() {
    if (this.began === null) return false;
    if (performance.now() - this.began > PLAYS) this.began = null;
    this.draw();
    return this.began !== null;
  }

  #withContours(layer, before) {
    const key = `${layer.values} ${layer.box} ${layer.low} ${layer.high} ${layer.scale}`;
    const contours = before.get(key) ?? contoursOfField(layer);
    this.held.set(key, contours);
    return { ...layer, contours };
  }

  /** Layers in place of the page's, as the browser makes them; null for the page's own again. */
  setStandIn(list) {
    this.standIn = list;
    this.#changed();
  }

  /** Layers that the browser makes itself, fields with their contours; drawn at once. */
  setLive(live) {
    this.live = live;
    this.#changed();
  }

  // Points step back beneath fields; they and the key are touched only where that, or a name, is another.
  #changed() {
    const { stage } = this.plane;
    const list = this.list;
    const strength = list.some(({ kind }) => kind === "field") ? BENEATH : 1;
    const names = JSON.stringify(list.map(({ name, kind, tone, contours }) => [name, kind, tone, contours?.magnitude]));
    if (names !== this.names) this.#writeKey();
    this.names = names;
    this.plane.toolbar?.updateRegions(this.regions !== null);
    if (list.length === 0) this.canvas.remove();
    else if (!this.canvas.isConnected) stage.renderer.canvas.after(this.canvas);
    this.fit(stage.under.width);
    if (strength !== this.strength) stage.redraw({ points: true });
    this.strength = strength;
    this.draw();
  }

  /** The box of latent units around all regions, [x0, y0, x1, y1]; null without any. */
  get regions() {
    const boxes = this.list.filter(({ contours }) => contours && !contours.magnitude).map(({ contours }) => contours.box);
    if (boxes.length === 0) return null;
    return [0, 1, 2, 3].map((k) => (k < 2 ? Math.min : Math.max)(...boxes.map((box) => box[k])));
  }

  get list() {
    return [...(this.standIn ?? this.given), ...this.live];
  }

  /** As many pixels as the other canvases have; none where there is nothing to draw. */
  fit(pixels) {
    const wanted = this.canvas.isConnected ? pixels : 0;
    if (this.canvas.width !== wanted) this.canvas.width = this.canvas.height = wanted;
  }

  draw() {
    const { list } = this;
    const { stage, theme } = this.plane;
    if (list.length === 0 || !stage.ratio) return;
    const { view, ratio } = stage;
    const context = this.canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const share = this.began === null ? 1 : Math.min(1, (performance.now() - this.began) / PLAYS);
    for (const layer of list) {
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      PENS[layer.kind](context, view, theme, layer, ratio, this.sheet, share);
    }
    if (this.keyed !== theme) this.#writeKey();
  }

  // ---- the key: a swatch and a name for each

  #writeKey() {
    this.keyed = this.plane.theme;
    const named = this.list.filter(({ name }) => name).slice(0, KEYED);
    this.key.replaceChildren(...named.map((layer) => element("li", {}, this.#swatch(layer), element("span", { text: layer.name }), ...this.#range(layer))));
    this.key.hidden = named.length === 0;
  }

  #swatch({ kind, contours, tone, dashed }) {
    const { theme } = this.plane;
    const swatch = element("span", { class: contours?.magnitude ? "key-ramp" : "key-swatch", "data-kind": kind, "data-dashed": String(Boolean(dashed)) });
    if (contours?.magnitude) swatch.style.background = `linear-gradient(90deg, ${bandColour(theme, 0, 1)}, ${bandColour(theme, 1, 1)})`;
    else swatch.style.color = contours ? theme.primary(1) : toneOf(theme, tone);
    return swatch;
  }

  #range({ kind, contours }) {
    if (kind === "course") return [iconButton("play", this.plane.say("layer_play"), () => this.play())];
    if (!contours) return [];
    const { magnitude } = contours;
    const short = (value) => (value >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(2))));
    const text = magnitude ? `${short(magnitude.low)} \u2013 ${short(magnitude.high)}` : "50 \u00b7 90 \u00b7 99\u202f%";
    const title = magnitude ? this.plane.say("layer_magnitude") : this.plane.say("layer_regions");
    return [element("span", { class: "quiet number", text, title })];
  }
}
