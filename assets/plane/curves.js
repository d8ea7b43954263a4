// Curves over a training run: ELBO, distortion, rate and beta, each on a scale of its own, with the dial's place on all.

import { stepText } from "./axis.js";
import { element, setText, svg } from "./dom.js";
import { decimal } from "./inspector.js";
import { tickLabel, ticks } from "./maths.js";
import { panelOf, PANELS, plotPath, spanOf } from "./panels.js";

const AROUND_CURVES = { left: 46, right: 10, top: 20, bottom: 22 };
const BETWEEN = 22;
const HIGH = 300;
const LETTER = 6.4;
const WIDEST_CURVES = 1600;
const SETS = ["test", "train"];

export class Curves {
  constructor(plane) {
    this.plane = plane;
    this.off = new Set(["beta"]);
    this.events = [];
    this.width = 0;
    this.drawing = svg("svg", { class: "curves-drawing", role: "img", "aria-label": plane.say("curves_drawing"), "data-testid": "curves" });
    this.names = element("div", { class: "curves-names", role: "group", "aria-label": plane.say("curves_names") }, ...this.#names());
    this.node = element("section", { class: "curves", "aria-label": plane.say("curves") }, this.names, this.drawing);
    this.node.hidden = true;
    this.#listen();
  }

  #names() {
    const { say } = this.plane;
    const words = {
      elbo: [say("rates_elbo"), say("rates_elbo_help")],
      distortion: [say("rates_distortion"), say("rates_distortion_help")],
      rate: [say("rates_rate"), say("rates_rate_help")],
      beta: [say("dial_beta"), say("dial_beta_help")],
      test: [say("curves_test"), say("curves_test_help")],
      train: [say("curves_train"), say("curves_train_help")],
    };
    this.words = words;
    this.buttons = Object.fromEntries(
      [...PANELS, ...SETS].map((name) => {
        const [text, title] = words[name];
        return [name, element("button", { type: "button", class: "curves-name", "data-name": name, text, title, onclick: () => this.toggle(name) })];
      }),
    );
    return Object.values(this.buttons);
  }

  // The dial's line can be drawn along wherever one presses.
  #listen() {
    const { drawing, plane } = this;
    const turn = (event) => {
      const box = drawing.getBoundingClientRect();
      plane.turn.to(this.#frameAt(((event.clientX - box.left) * this.width) / box.width));
      plane.dial?.update();
    };
    drawing.onpointerdown = (event) => {
      if (event.button !== 0) return;
      drawing.setPointerCapture(event.pointerId);
      plane.hold();
      turn(event);
    };
    drawing.onpointermove = (event) => drawing.hasPointerCapture(event.pointerId) && turn(event);
    drawing.onpointerup = drawing.onpointercancel = () => plane.turn.release();
  }

  toggle(name) {
    if (!this.off.delete(name)) this.off.add(name);
    this.#draw();
  }

  setAtlas(atlas) {
    // Without a prior there is neither a rate nor a bound.
    const names = atlas.hasPrior() ? PANELS : ["distortion"];
    this.panels = names.map((name) => panelOf(name, atlas.curves)).filter(({ lines }) => lines.test || lines.train);
    this.node.hidden = atlas.axis.name !== "step" || this.panels.length === 0;
    this.#draw();
  }

  /** What was changed in the run: a list of {step, text}; what is none of these is passed over. */
  take(events) {
    const text = JSON.stringify(events ?? []);
    if (text === this.taken) return;
    this.taken = text;
    this.events = Array.isArray(events) ? events.filter((event) => Number.isFinite(event?.step) && typeof event.text === "string") : [];
    this.#draw();
  }

  resize(width) {
    const fitting = Math.max(240, Math.min(WIDEST_CURVES, width));
    if (fitting === this.width) return;
    this.width = fitting;
    this.#draw();
  }

  // ---- where things are

  #xOf(step) {
    const { values, last } = this.plane.atlas.axis;
    return AROUND_CURVES.left + ((this.width - AROUND_CURVES.left - AROUND_CURVES.right) * (step - values[0])) / (values[last] - values[0] || 1);
  }

  #frameAt(x) {
    const { axis } = this.plane.atlas;
    const share = (x - AROUND_CURVES.left) / (this.width - AROUND_CURVES.left - AROUND_CURVES.right);
    return axis.frameAt(axis.values[0] + share * (axis.values[axis.last] - axis.values[0]));
  }

  // ---- drawing

  #draw() {
    const { atlas } = this.plane;
    for (const [name, button] of Object.entries(this.buttons)) {
      button.setAttribute("aria-pressed", String(!this.off.has(name)));
      button.hidden = PANELS.includes(name) && !this.panels?.some((panel) => panel.name === name);
    }
    if (!atlas || this.node.hidden || !this.width) return;
    for (const [name, value] of Object.entries({ viewBox: `0 0 ${this.width} ${HIGH}`, width: this.width, height: HIGH })) this.drawing.setAttribute(name, String(value));
    this.shown = this.panels.filter(({ name }) => !this.off.has(name));
    const high = (HIGH - AROUND_CURVES.top - AROUND_CURVES.bottom - BETWEEN * this.shown.length) / Math.max(1, this.shown.length);
    this.shown.forEach((panel, k) => Object.assign(panel, { top: AROUND_CURVES.top + BETWEEN + k * (high + BETWEEN), high }));
    this.now = svg("g", { class: "curves-now", "data-testid": "curves-now" }, svg("line", { y1: AROUND_CURVES.top + 2, y2: HIGH - AROUND_CURVES.bottom }), svg("path", { d: `M-5 ${AROUND_CURVES.top - 5}h10l-5 7Z` }));
    this.drawing.replaceChildren(this.#steps(), this.#marks(), ...this.shown.map((panel) => this.#panel(panel)), this.now);
    this.follow();
  }

  #steps() {
    const { values, last } = this.plane.atlas.axis;
    const bottom = HIGH - AROUND_CURVES.bottom;
    const group = svg("g", {}, svg("path", { class: "curves-axis", d: `M${AROUND_CURVES.left} ${bottom}H${this.width - AROUND_CURVES.right}` }));
    if (last === 0) return group;
    for (const value of ticks(values[0], values[last], this.width < 500 ? 4 : 9).values) {
      const anchor = this.#xOf(value) > this.width - 30 ? "end" : "middle";
      group.append(svg("text", { x: this.#xOf(value), y: HIGH - 6, "text-anchor": anchor, text: stepText(value) }));
    }
    return group;
  }

  #panel(panel) {
    const { name, lines, top, high } = panel;
    const { axis } = this.plane.atlas;
    const wide = this.width - AROUND_CURVES.left - AROUND_CURVES.right;
    const shown = SETS.filter((set) => lines[set] && !this.off.has(set));
    panel.span = spanOf(shown.map((set) => lines[set]));
    const [low, top_] = panel.span;
    const y = (value) => (high * (top_ - value)) / (top_ - low);
    panel.y = (value) => top + Math.min(high, Math.max(0, y(value)));
    const group = svg("g", { class: "curves-panel", "data-name": name });
    const { values, step } = ticks(low, top_, high > 60 ? 3 : 2);
    for (const value of values) {
      group.append(svg("path", { class: "curves-grid", d: `M${AROUND_CURVES.left} ${top + y(value)}h${wide}` }));
      group.append(svg("text", { x: AROUND_CURVES.left - 6, y: top + y(value) + 4, "text-anchor": "end", text: tickLabel(value, step) }));
    }
    const clip = svg("svg", { x: AROUND_CURVES.left, y: top - 1, width: wide, height: high + 2 });
    for (const set of shown.toReversed()) {
      const d = plotPath(axis.values, lines[set], (value) => this.#xOf(value) - AROUND_CURVES.left, (value) => 1 + y(value), wide);
      clip.append(svg("path", { class: "curves-line", "data-set": set, d }));
    }
    panel.reading = svg("tspan", { class: "curves-reading", dx: 8 });
    panel.dot = svg("circle", { class: "curves-dot", r: 3.5 });
    panel.shown = shown;
    group.append(clip, svg("text", { x: AROUND_CURVES.left, y: top - 6 }, svg("tspan", { class: "curves-title", text: this.words[name][0] }), panel.reading), panel.dot);
    return group;
  }

  // What was changed, as far as there is room for the words; all of them are there to be pointed at.
  #marks() {
    const { values, last } = this.plane.atlas.axis;
    const group = svg("g", { class: "curves-events" });
    let taken = -Infinity;
    for (const { step, text } of this.events.toSorted((a, b) => a.step - b.step)) {
      if (step < values[0] || step > values[last]) continue;
      const x = this.#xOf(step);
      const long = LETTER * text.length;
      const left = x + long > this.width - 4 ? Math.max(0, this.width - 4 - long) : x;
      const crowded = left < taken + 8;
      if (!crowded) taken = left + long;
      const words = svg("text", { x: left, y: 12, text });
      const line = `M${x} ${AROUND_CURVES.top - 3}V${HIGH - AROUND_CURVES.bottom}`;
      group.append(svg("g", { class: "curves-event", "data-crowded": crowded }, svg("title", { text }), svg("path", { class: "curves-reach", d: line }), svg("path", { d: line }), words));
    }
    return group;
  }

  /** The dial has turned: its line, and the figures at it. */
  follow() {
    const { atlas, state, say } = this.plane;
    if (this.node.hidden || !atlas || !this.now) return;
    const { axis } = atlas;
    const x = this.#xOf(axis.valueAt(state.frame));
    this.now.setAttribute("transform", `translate(${x.toFixed(2)} 0)`);
    for (const { name, lines, shown, reading, dot, y } of this.shown) {
      const at = Object.fromEntries(shown.map((set) => [set, axis.curveAt(lines[set], state.frame)]));
      const figures = Object.fromEntries(Object.entries(at).map(([set, value]) => [set, decimal(value, 2)]));
      const both = shown.length > 1 ? say("curves_both", figures) : Object.values(figures)[0] ?? "";
      setText(reading, name === "beta" ? `${Number((at.test ?? 0).toPrecision(4))}` : both);
      dot.setAttribute("visibility", shown.length ? "visible" : "hidden");
      if (!shown.length) continue;
      dot.setAttribute("cx", x.toFixed(2));
      dot.setAttribute("cy", y(at[shown[0]]).toFixed(2));
    }
  }
}
