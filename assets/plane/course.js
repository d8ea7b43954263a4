// The course of an atlas: where its points are at every frame, with the figures and decoders along it. It may grow.

import { Axis } from "./axis.js";
import { thin } from "./series.js";

const MOST_ADDED = 32;
const NUDGE = 1e-9;

export class Course {
  constructor(pack, about) {
    this.pack = pack;
    /** The name of the series that it is the beginning of, or "". */
    this.series = about.series ?? "";
    /** Counts up whenever the atlas grows. */
    this.grown = 0;
    const [frames, count] = pack.shape("positions");
    this.count = count;
    this.positions = pack.floats("positions");
    this.places = Array.from({ length: frames }, (_, k) => this.positions.subarray(2 * count * k, 2 * count * (k + 1)));
    this.axis = new Axis(about.axis?.name ?? "single", pack.floats("axis"));
    this.curves = curvesOf(about.curves, frames);
    this.decoders = about.decoders.map((spec) => ({ pack, ...spec }));
  }

  /** How many there are; more as the atlas grows. */
  get frames() {
    return this.places.length;
  }

  /** The positions of frames floor(frame) and the next, and how far between them: [a, b, fraction]. */
  framePair(frame) {
    const k = Math.min(Math.floor(frame), this.frames - 1);
    const next = Math.min(k + 1, this.frames - 1);
    return [this.places[k], this.places[next], frame - k];
  }

  /** Positions at a frame, whole or between two; the last ones between two are kept. */
  positionsAt(frame) {
    const [a, b, t] = this.framePair(frame);
    if (t === 0) return a;
    if (this.blended?.frame !== frame) this.blended = { frame, points: a.map((value, i) => value + (b[i] - value) * t) };
    return this.blended.points;
  }

  /** Where one point is at a frame, whole or between two. */
  pointAt(index, frame) {
    const [a, b, t] = this.framePair(frame);
    return [0, 1].map((k) => a[2 * index + k] + t * (b[2 * index + k] - a[2 * index + k]));
  }

  // ---- growth

  /**
   * Takes the frames of a tail that it does not have. Where the tail says otherwise of frames that it has, those go,
   * if the tail is the `truth`; else the tail is left alone. Returns whether anything has changed.
   */
  append(tail, truth) {
    const { start, count, axis, frames, curves } = tail;
    if (count !== this.count || start > this.frames) return false;
    const same = axis.findIndex((value, k) => this.axis.values[start + k] !== value);
    if (same < 0) return false;
    if (start + same < this.frames && (!truth || start + same === 0)) return false;
    this.#cut(start + same);
    this.blended = null;
    this.places.push(...frames.slice(same));
    this.axis.extend(axis.slice(same));
    for (const [name, curve] of Object.entries(this.curves)) {
      if (isCurve(curves[name], axis.length)) curve.push(...curves[name].slice(same));
      else delete this.curves[name];
    }
    this.grown++;
    return true;
  }

  #cut(frames) {
    if (frames === this.frames) return;
    this.places.length = frames;
    this.axis.cut(frames);
    for (const curve of Object.values(this.curves)) curve.length = frames;
  }

  /** Whether another base of the series has the same places on the axis, as far as both go. */
  agrees(other) {
    return other.count === this.count && this.axis.values.every((value, k) => k >= other.frames || other.axis.values[k] === value);
  }

  /** Takes what another base of the series, which agrees with this one, has beyond it. */
  continueAs(other) {
    for (const spec of other.decoders) if (spec.frame > this.decoders.at(-1).frame) this.addDecoder(spec);
    const { frames: start, count } = this;
    const beyond = { start, count, axis: [...other.axis.values].slice(start), frames: other.places.slice(start) };
    this.append({ ...beyond, curves: Object.fromEntries(Object.entries(other.curves).map(([name, curve]) => [name, curve.slice(start)])) }, false);
  }

  /**
   * A decoder that holds from its frame on; one that has just come takes the place of an older one of that frame.
   * Returns whether it is news.
   */
  addDecoder(spec, fresh = false) {
    const held = this.decoders.find(({ frame }) => frame === spec.frame);
    if (held && (!fresh || held.id === spec.id)) return false;
    this.decoders = this.decoders.filter((other) => other !== held);
    // The place stays the frame's, and yet is another: what was decoded there is decoded anew.
    this.decoders.push({ ...spec, place: held ? (held.place ?? held.frame) + NUDGE : spec.frame });
    this.decoders.sort((a, b) => a.frame - b.frame);
    const added = new Map(this.decoders.filter(({ pack }) => pack !== this.pack).map((each) => [each.frame, each]));
    thin(added, MOST_ADDED);
    this.decoders = this.decoders.filter(({ frame, pack }) => pack === this.pack || added.has(frame));
    this.grown++;
    return true;
  }
}

// Figures of whole frames; a curve that does not have a number for each of them is left out.
function curvesOf(curves, frames) {
  return Object.fromEntries(Object.entries(curves ?? {}).filter(([, curve]) => isCurve(curve, frames)));
}

function isCurve(curve, frames) {
  return Array.isArray(curve) && curve.length === frames && curve.every(Number.isFinite);
}
