// Distortion, rate and what follows from them at the dial's place, in nats, and the chart they lie on.

import { ACTIVE, activities } from "./axis.js";
import { Chart } from "./chart.js";
import { element, setText } from "./dom.js";
import { Trajectories } from "./trajectories.js";

const WIDEST = 520;
const FACTS = 300;
const NARROW_CHART = 300;
const FIGURES = ["rates_distortion", "rates_rate", "rates_elbo", "rates_objective"];

const isMark = (mark) => typeof mark?.name === "string" && [mark.beta, mark.rate, mark.distortion].every(Number.isFinite) && mark.beta > 0;

/** What rate and distortion come to at this beta. */
export function figuresOf(distortion, rate, beta) {
  return { rates_distortion: distortion, rates_rate: rate, rates_elbo: -(distortion + rate), rates_objective: distortion + beta * rate };
}

export class Rates {
  constructor(plane) {
    this.plane = plane;
    const { say } = plane;
    const words = {
      rates_distortion: [say("rates_distortion"), say("rates_distortion_help")],
      rates_rate: [say("rates_rate"), say("rates_rate_help")],
      rates_elbo: [say("rates_elbo"), say("rates_elbo_help")],
      rates_objective: [say("rates_objective"), say("rates_objective_help")],
    };
    this.chart = new Chart(plane);
    this.runs = new Trajectories(plane);
    this.numbers = Object.fromEntries(FIGURES.map((name) => [name, element("span", { class: "number rates-number", "data-testid": name })]));
    const row = ([name, help], ...values) => element("div", { class: "fact", title: help }, element("dt", { text: name }), element("dd", {}, ...values));
    const rows = FIGURES.map((name) => row(words[name], this.numbers[name], element("span", { class: "quiet", text: say("nats") })));
    this.active = element("span", { class: "number", "data-testid": "rates_active" });
    this.activeRow = row([say("rates_active"), say("rates_active_help")], this.active);
    this.node = element("section", { class: "rates", "aria-label": say("rates") }, element("dl", { class: "facts" }, ...rows, this.activeRow), element("div", {}, this.chart.node, this.runs.node));
    this.node.hidden = true;
    this.marks = [];
    this.width = WIDEST;
  }

  setAtlas(atlas) {
    const { distortion, rate } = atlas.curves;
    const coded = atlas.hasPrior() && distortion && rate;
    this.node.hidden = !coded || (atlas.frames < 2 && !atlas.series);
    this.activeRow.hidden = activities(atlas).length === 0;
    this.#draw();
  }

  /** Dedicated models, {name, beta, rate, distortion}, and other runs; what is none of these is passed over. */
  take(marks, trajectories) {
    const text = JSON.stringify(marks ?? []);
    if (!this.runs.take(trajectories) && text === this.taken) return;
    this.taken = text;
    this.marks = Array.isArray(marks) ? marks.filter(isMark) : [];
    this.#draw();
  }

  /** Keeps the chart within a plane this wide. */
  resize(width) {
    const room = width < FACTS + NARROW_CHART ? width : width - FACTS;
    const fitting = Math.max(240, Math.min(WIDEST, room));
    if (fitting === this.width) return;
    this.width = fitting;
    this.#draw();
  }

  #draw() {
    const { atlas } = this.plane;
    if (this.node.hidden || !atlas) return;
    const { axis, name } = atlas;
    const { rate, distortion } = atlas.curves;
    const training = axis.name === "step";
    const { others, fork } = this.runs.others({ name, steps: axis.values, rates: rate, distortions: distortion });
    this.chart.draw(rate, distortion, this.marks, this.width, { training, runs: others, fork });
    this.follow();
  }

  follow() {
    const { atlas, state, say } = this.plane;
    if (this.node.hidden || !atlas) return;
    const { axis, curves } = atlas;
    const [distortion, rate] = [axis.curveAt(curves.distortion, state.frame), axis.curveAt(curves.rate, state.frame)];
    const beta = curves.beta ? axis.curveAt(curves.beta, state.frame) : axis.betaAt(state.frame);
    const figures = figuresOf(distortion, rate, beta);
    for (const name of FIGURES) setText(this.numbers[name], figures[name].toFixed(2).replace("-", "\u2212"));
    this.chart.place(rate, distortion, state.frame);
    const active = activities(atlas).flatMap((curve, k) => (axis.curveAt(curve, state.frame) > ACTIVE ? [`z${String.fromCharCode(0x2081 + k)}`] : []));
    setText(this.active, active.length ? active.join(", ") : say("rates_none_active"));
  }
}
