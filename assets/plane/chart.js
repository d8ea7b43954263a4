// The rate-distortion chart: the curve, lines of equal ELBO, dedicated models, and the dial's place. In SVG.

import { betaText } from "./axis.js";
import { setText, svg } from "./dom.js";
import { tickLabel, ticks } from "./maths.js";

const EDGE = { left: 52, right: 14, top: 12, bottom: 40 };
const SHAPE = 0.62;
const NAME = 64;
const BEGINNING = 2;

const rangeOf = (values) => values.reduce((high, v) => Math.max(high, v), -Infinity) - values.reduce((low, v) => Math.min(low, v), Infinity);

/** A run's figures without its beginning, a tenth, where that would make all the rest small. */
export function settled(values) {
  const rest = values.slice(Math.floor(values.length / 10));
  return values.length < 10 || rangeOf(values) < BEGINNING * rangeOf(rest) ? values : rest;
}

/** The window onto the figures: all rates and distortions, with a margin. */
export function windowOf(rates, distortions) {
  const [low, high] = [Math.min(...distortions), Math.max(...distortions)];
  const span = Math.max(high - low, 1);
  return { x: [0, 1.06 * Math.max(...rates, 0.1)], y: [low - 0.14 * span, high + 0.06 * span] };
}

/** Where lines of equal ELBO, D = -ELBO - R, run through the window: [{elbo, from: [R, D], to: [R, D]}]. */
export function diagonals({ x, y }, most) {
  return ticks(y[0] + x[0], y[1] + x[1], most).values.flatMap((loss) => {
    const from = Math.max(x[0], loss - y[1]);
    const to = Math.min(x[1], loss - y[0]);
    return to > from ? [{ elbo: -loss, from: [from, loss - from], to: [to, loss - to] }] : [];
  });
}

const placeText = (corner) => corner.map((v) => v.toFixed(2)).join(" ");
const pathOf = (corners) => (corners.length ? `M${corners.join("L")}` : "");

// Whether a polyline runs through the place of a name whose lower left corner is at x, y.
function crosses(corners, x, y) {
  const inside = ([a, b]) => a > x - 4 && a < x + NAME + 4 && b > y - 16 && b < y + 8;
  return corners.some((corner, k) => {
    const [a, b] = corners[k + 1] ?? corner;
    return [0, 0.25, 0.5, 0.75].some((t) => inside([corner[0] + t * (a - corner[0]), corner[1] + t * (b - corner[1])]));
  });
}

export class Chart {
  constructor(plane) {
    this.plane = plane;
    this.dot = svg("circle", { class: "chart-dot", r: 6, "data-testid": "chart-dot" });
    this.node = svg("svg", { class: "chart", role: "img", "aria-label": plane.say("chart"), "data-testid": "chart" });
  }

  /**
   * Draws everything but the dial's place. Where they are of a training run, the curve's corners so far are drawn
   * stronger than those to come, and `runs` are others beside it.
   */
  draw(rates, distortions, marks, width, { training = false, runs = [], fork = null } = {}) {
    this.width = width;
    this.height = Math.round(SHAPE * width);
    const cut = training ? settled : (values) => values;
    const all = (name, own) => [...cut(own), ...marks.map((mark) => mark[name]), ...runs.flatMap((run) => cut(run[`${name}s`]))];
    this.window = windowOf(all("rate", rates), all("distortion", distortions));
    this.node.dataset.training = String(training);
    this.node.setAttribute("viewBox", `0 0 ${width} ${this.height}`);
    this.node.setAttribute("width", String(width));
    this.node.setAttribute("height", String(this.height));
    const corners = this.#cornersOf({ rates, distortions });
    if (fork) corners.unshift(this.#at(...fork));
    this.forked = fork ? 1 : 0;
    this.line = corners.map(placeText);
    const curve = svg("path", { class: "chart-curve", d: pathOf(this.line) });
    this.past = svg("path", { class: "chart-past" });
    const lines = this.#inside(...runs.map((run) => this.#run(run)), curve, this.past);
    this.node.replaceChildren(this.#frame(), this.#elbos([corners, ...runs.map((run) => this.#cornersOf(run))]), lines, ...marks.map((mark) => this.#mark(mark)), this.dot);
  }

  // Lines end at the edges of the chart.
  #inside(...nodes) {
    const { left, top, right, bottom } = EDGE;
    const [width, height] = [this.width - left - right, this.height - top - bottom];
    const inner = svg("g", { transform: `translate(${-left} ${-top})` }, ...nodes);
    return svg("svg", { x: left, y: top, width, height, class: "chart-inside" }, inner);
  }

  #cornersOf({ rates, distortions }) {
    return rates.map((rate, k) => this.#at(rate, distortions[k]));
  }

  // A run has a wider line that cannot be seen, to be pointed at.
  #run(run) {
    const { name, fork, colour } = run;
    const d = pathOf(this.#cornersOf(run).map(placeText));
    const title = svg("title", { text: name });
    const group = svg("g", { class: "chart-run", "data-run": name, "data-colour": colour }, title, svg("path", { class: "chart-reach", d }), svg("path", { d }));
    if (fork) {
      const [cx, cy] = this.#at(...fork);
      group.append(svg("circle", { cx, cy, r: 3.5 }));
    }
    return group;
  }

  /** The dial's place, at this frame. */
  place(rate, distortion, frame = 0) {
    const [x, y] = this.#at(rate, distortion);
    this.past.setAttribute("d", this.node.dataset.training === "true" ? pathOf([...this.line.slice(0, Math.floor(frame) + 1 + this.forked), `${x.toFixed(2)} ${y.toFixed(2)}`]) : "");
    // A place beyond the edge, at the beginning of a run, stands at the edge.
    this.dot.setAttribute("cx", Math.min(x, this.width - EDGE.right).toFixed(2));
    this.dot.setAttribute("cy", Math.max(y, EDGE.top).toFixed(2));
  }

  #at(rate, distortion) {
    const { x, y } = this.window;
    const across = this.width - EDGE.left - EDGE.right;
    const down = this.height - EDGE.top - EDGE.bottom;
    return [EDGE.left + (across * (rate - x[0])) / (x[1] - x[0]), EDGE.top + (down * (y[1] - distortion)) / (y[1] - y[0])];
  }

  #frame() {
    const { say } = this.plane;
    const { x, y } = this.window;
    const group = svg("g", { class: "chart-frame" });
    const [left, bottom] = this.#at(x[0], y[0]);
    const [right, top] = this.#at(x[1], y[1]);
    group.append(svg("path", { class: "chart-axis", d: `M${left} ${top}V${bottom}H${right}` }));
    const across = ticks(...x, 6);
    for (const value of across.values) group.append(svg("text", { x: this.#at(value, y[0])[0], y: bottom + 16, "text-anchor": "middle", text: tickLabel(value, across.step) }));
    const up = ticks(...y, 6);
    for (const value of up.values) group.append(svg("text", { x: left - 7, y: this.#at(0, value)[1] + 4, "text-anchor": "end", text: tickLabel(value, up.step) }));
    group.append(svg("text", { x: (left + right) / 2, y: this.height - 4, "text-anchor": "middle", text: say("chart_x") }));
    const middle = (top + bottom) / 2;
    group.append(svg("text", { x: 12, y: middle, "text-anchor": "middle", transform: `rotate(-90 12 ${middle})`, text: say("chart_y") }));
    return group;
  }

  // Named at an end where no curve runs.
  #elbos(curves) {
    const group = svg("g", { class: "chart-elbos" });
    for (const { elbo, from, to } of diagonals(this.window, 8)) {
      const [x1, y1] = this.#at(...from);
      const [x2, y2] = this.#at(...to);
      group.append(svg("line", { x1, y1, x2, y2 }));
      const text = this.plane.say("chart_elbo", { value: tickLabel(elbo, 1) });
      const spots = [{ x: x2 - 4, y: y2 - 6, "text-anchor": "end" }, { x: x1 + 6, y: y1 + 15, "text-anchor": "start" }];
      const spot = spots.find(({ x, y, ...rest }) => x2 - x1 > NAME && !curves.some((curve) => crosses(curve, rest["text-anchor"] === "end" ? x - NAME : x, y)));
      if (spot) group.append(svg("text", { ...spot, text }));
    }
    return group;
  }

  #mark({ name, beta, rate, distortion }) {
    const [x, y] = this.#at(rate, distortion);
    const words = { name, beta: betaText(beta), rate: rate.toFixed(2), distortion: distortion.toFixed(2) };
    const title = svg("title");
    setText(title, this.plane.say("chart_mark", words));
    const shape = svg("path", { d: `M${x} ${y - 6}l6 6l-6 6l-6 -6Z` });
    return svg("g", { class: "chart-mark" }, title, shape, svg("text", { x, y: y + 20, "text-anchor": "middle", text: `\u03b2 ${Number(beta.toPrecision(3))}` }));
  }
}
