// What the page lays over the points: a canvas of its own, drawn when the view or the layers change, and a key.

import { bandColour, contoursOfField, drawBands, drawRegions } from "./contours.js";
import { element } from "./dom.js";
import { drawEllipse, drawLine, drawMarkers, drawSmallEllipses, toneOf } from "./pens.js";

const PENS = { ellipse: drawEllipse, ellipses: drawSmallEllipses, marks: drawMarkers, line: drawLine };
const KEYED = 6;

export class Layers {
  constructor(plane) {
    this.plane = plane;
    this.canvas = element("canvas", { class: "layer layers" });
    this.sheet = document.createElement("canvas");
    this.key = element("ul", { class: "layer-key", "aria-label": plane.say("layers") });
    this.list = [];
    this.text = "[]";
    this.contours = new Map();
  }

  /** Takes the page's list. What has not changed in it is not made again. */
  take(list) {
    const text = JSON.stringify(list ?? []);
    if (text === this.text) return;
    this.text = text;
    this.#show(list ?? []);
  }

  #show(list) {
    const before = this.contours;
    const held = (layer) => {
      const key = `${layer.values} ${layer.box} ${layer.scale}`;
      const made = before.get(key) ?? contoursOfField(layer);
      this.contours.set(key, made);
      return made;
    };
    this.contours = new Map();
    this.list = list.filter(({ kind }) => kind === "field" || PENS[kind]).map((layer) => (layer.kind === "field" ? { ...layer, contours: held(layer) } : layer));
    const { stage } = this.plane;
    if (this.list.length) stage.renderer.canvas.after(this.canvas);
    else this.canvas.remove();
    this.#writeKey();
    stage.resize();
  }

  /** Points step back beneath what is to be read against them. */
  get strength() {
    return this.list.some(({ kind }) => kind === "field") ? 0.35 : 1;
  }

  draw() {
    if (this.list.length === 0) return;
    const { stage, theme } = this.plane;
    const { view, ratio } = stage;
    const context = this.canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    for (const layer of this.list) {
      if (layer.contours?.magnitude) drawBands(context, view, ratio, layer.contours, theme, this.sheet);
      else if (layer.contours) drawRegions(context, view, ratio, layer.contours, theme.accent);
      else {
        context.setTransform(ratio, 0, 0, ratio, 0, 0);
        PENS[layer.kind](context, view, theme, layer);
      }
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
    if (contours?.magnitude) {
      const colours = Array.from({ length: 5 }, (_, k) => bandColour(theme, k, 4));
      const ramp = element("span", { class: "key-ramp" });
      ramp.style.background = `linear-gradient(90deg, ${colours.join(", ")})`;
      return ramp;
    }
    const swatch = element("span", { class: "key-swatch", "data-kind": kind, "data-dashed": String(Boolean(dashed)) });
    swatch.style.color = contours ? theme.primary(1) : toneOf(theme, tone);
    return swatch;
  }

  #range({ contours }) {
    if (!contours) return [];
    const { magnitude } = contours;
    const short = (value) => (value >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(2))));
    const text = magnitude ? `${short(magnitude.low)} \u2013 ${short(magnitude.high)}` : "50 \u00b7 90 \u00b7 99\u202f%";
    const title = magnitude ? this.plane.say("layer_magnitude") : this.plane.say("layer_regions");
    return [element("span", { class: "quiet number", text, title })];
  }
}
