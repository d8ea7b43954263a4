// The panels of the curves: which figures each shows, on which scale, and their lines. Pure functions.

import { settled } from "./chart.js";

/** From top to bottom. */
export const PANELS = ["elbo", "distortion", "rate", "beta"];

const LEAST = 1;

const sum = (a, b) => a && b && a.map((value, k) => -(value + b[k]));

/** The lines of a panel: on the test set, on the training set, each of a frame's figures or missing. */
export function panelOf(name, curves) {
  if (name === "elbo") return { name, lines: { test: sum(curves.distortion, curves.rate), train: sum(curves.train_distortion, curves.train_rate) } };
  return { name, lines: { test: curves[name], train: name === "beta" ? undefined : curves[`train_${name}`] } };
}

/** The scale of some lines together: what they show once their beginning is over, with a margin, and a nat at least. */
export function spanOf(lines) {
  const values = lines.flatMap(settled);
  if (values.length === 0) return [0, 1];
  const [low, high] = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
  const margin = Math.max(0.08 * (high - low), (LEAST - (high - low)) / 2);
  return [low >= 0 ? Math.max(0, low - margin) : low - margin, high + margin];
}

/** A line through (steps, values); more places than there are pixels are thinned, the newest stays. */
export function plotPath(steps, values, x, y, wide) {
  const every = Math.max(1, Math.floor(steps.length / wide));
  const kept = [...steps.keys()].filter((k) => k % every === 0 || k === steps.length - 1);
  return `M${kept.map((k) => `${x(steps[k]).toFixed(1)} ${y(values[k]).toFixed(1)}`).join("L")}`;
}
