// Other runs on the rate-distortion chart: each in a colour of its own, a fork from where it left its parent.

import { element } from "./dom.js";

const COLOURS = 6;
const MOST_RUNS = 24;

const areFigures = (values) => Array.isArray(values) && values.every(Number.isFinite);

export function isTrajectory(run) {
  const { name, steps, rates, distortions } = run ?? {};
  return typeof name === "string" && [steps, rates, distortions].every(areFigures) && steps.length === rates.length && steps.length === distortions.length;
}

/** Where a run stood at a step, [rate, distortion], between two of its places; null before its first and after its last. */
export function standing({ steps, rates, distortions }, step) {
  const next = steps.findIndex((value) => value >= step);
  if (next < 0 || (next === 0 && steps[0] > step)) return null;
  const before = Math.max(0, next - 1);
  const t = steps[next] > steps[before] ? (step - steps[before]) / (steps[next] - steps[before]) : 0;
  return [rates, distortions].map((values) => values[before] + t * (values[next] - values[before]));
}

/** A run as it is drawn: a fork begins where its parent stood, if that is known, and has no places before. */
export function branch(run, all) {
  const { parent } = run;
  const stem = parent && all.find((other) => other.name === parent.name && other !== run);
  const fork = stem ? standing(stem, parent.step) : null;
  if (!fork) return { ...run, fork: null };
  const first = run.steps.findIndex((step) => step > parent.step);
  const own = (values) => (first < 0 ? [] : values.slice(first));
  return {
    ...run,
    steps: [parent.step, ...own(run.steps)],
    rates: [fork[0], ...own(run.rates)],
    distortions: [fork[1], ...own(run.distortions)],
    fork,
  };
}

/** The runs beside the chart's own, and their names below it. */
export class Trajectories {
  constructor(plane) {
    this.plane = plane;
    this.given = [];
    this.node = element("ul", { class: "runs", "aria-label": plane.say("chart_runs") });
  }

  /** What the page says: a list of {name, steps, rates, distortions, parent}. Returns whether it is another. */
  take(runs) {
    const text = JSON.stringify(runs ?? []);
    if (text === this.taken) return false;
    this.taken = text;
    this.given = Array.isArray(runs) ? runs.filter(isTrajectory).slice(0, MOST_RUNS) : [];
    return true;
  }

  /** All but the atlas's own, as they are drawn. The one of that name says where it forked itself. */
  others(own) {
    const itself = this.given.find(({ name }) => name === own.name);
    const all = [...this.given.filter(({ name }) => name !== own.name), { ...own, parent: itself?.parent ?? null }];
    const drawn = all.map((run, k) => ({ ...branch(run, all), colour: k % COLOURS })).filter(({ steps }) => steps.length);
    const others = drawn.filter(({ name }) => name !== own.name);
    const stem = drawn.find(({ name }) => name === own.name);
    this.#list(others);
    return { others, fork: stem?.fork ?? null };
  }

  #list(runs) {
    const item = ({ name, colour }) => element("li", { class: "run", "data-colour": colour, text: name, title: name, onpointerenter: () => this.#show(name), onpointerleave: () => this.#show(null) });
    const names = JSON.stringify(runs.map((run) => [run.name, run.colour]));
    if (names === this.listed) return;
    this.listed = names;
    this.node.hidden = runs.length === 0;
    this.node.replaceChildren(...runs.map(item));
  }

  // The line of the run that is pointed at below the chart.
  #show(name) {
    for (const line of this.plane.node.querySelectorAll(".chart-run")) line.classList.toggle("chart-pointed", line.dataset.run === name);
  }
}
