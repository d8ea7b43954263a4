// The axis of an atlas: the value at a place between frames, the place of a value, and where ticks go.

import { ticks } from "./maths.js";

/** The variance of its mean from which on a latent dimension counts as active. */
export const ACTIVE = 0.01;

export class Axis {
  /** values: one for each frame, ascending. An axis of betas runs evenly in the logarithm. */
  constructor(name, values) {
    this.name = name;
    this.values = [...values];
    this.logarithmic = name === "beta";
    if (this.logarithmic && !values.every((value) => value > 0)) throw new Error("an axis of betas needs positive numbers");
  }

  /** The last frame. */
  get last() {
    return this.values.length - 1;
  }

  /** Goes on with further values, ascending. */
  extend(values) {
    this.values.push(...values);
  }

  /** Ends after so many frames. */
  cut(frames) {
    this.values.length = frames;
  }

  /** The value at a whole or fractional frame, held to the ends. */
  valueAt(frame) {
    const [k, t] = this.#split(frame);
    if (t === 0) return this.values[k];
    const [a, b] = [this.values[k], this.values[k + 1]];
    return this.logarithmic ? Math.exp(Math.log(a) + t * (Math.log(b) - Math.log(a))) : a + t * (b - a);
  }

  /** The beta that gates stand at: 1 on an axis of anything else. */
  betaAt(frame) {
    return this.logarithmic ? this.valueAt(frame) : 1;
  }

  /** The frame at which a value lies, held to the ends. */
  frameAt(value) {
    const { values, last } = this;
    if (!(value > values[0])) return 0;
    if (value >= values[last]) return last;
    let k = 0;
    while (values[k + 1] <= value) k++;
    const scale = this.logarithmic ? Math.log : (x) => x;
    return k + (scale(value) - scale(values[k])) / (scale(values[k + 1]) - scale(values[k]));
  }

  /** A curve with one number for each frame, read at a frame between two. */
  curveAt(curve, frame) {
    const [k, t] = this.#split(frame);
    return t === 0 ? curve[k] : curve[k] + t * (curve[k + 1] - curve[k]);
  }

  /** Round values along the axis: powers of ten, or even steps. */
  ticks() {
    const [low, high] = [this.values[0], this.values[this.last]];
    if (!this.logarithmic) return ticks(low, high, 6).values;
    const out = [];
    for (let power = Math.ceil(Math.log10(low) - 1e-6); power <= Math.log10(high) + 1e-6; power++) out.push(10 ** power);
    return out;
  }

  #split(frame) {
    const place = Math.min(Math.max(frame, 0), this.last);
    const k = Math.floor(place);
    return [k, place - k];
  }
}

/** A beta for the eye: three significant digits, no exponent. */
export function betaText(beta) {
  const decimals = Math.max(0, Math.min(4, 2 - Math.floor(Math.log10(beta) + 1e-9)));
  return beta.toFixed(decimals);
}

/** A training step for a tick: thousands as k, without needless zeros. */
export function stepText(step) {
  return Math.abs(step) < 1000 ? String(step) : `${Number((step / 1000).toPrecision(4))}k`;
}

/** The smallest value of the axis from which on fewer than two latent dimensions are active, or null. */
export function collapseOf(axis, activities, threshold) {
  if (activities.length < 2) return null;
  const active = (k) => activities.filter((curve) => curve[k] > threshold).length;
  let first = axis.last + 1;
  while (first > 0 && active(first - 1) < 2) first--;
  return first > axis.last ? null : axis.values[first];
}

/** How much the mean of each latent dimension varies over the images, by frame: the curves activity.0, activity.1, ... */
export function activities(atlas) {
  return Object.keys(atlas.curves).filter((name) => /^activity\.\d+$/.test(name)).sort().map((name) => atlas.curves[name]);
}
