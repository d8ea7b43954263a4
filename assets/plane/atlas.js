// The atlas: N points at K frames along an axis, with a decoder for each frame, read from one pack.

import { Axis } from "./axis.js";
import { likelihoodOf } from "./likelihood.js";
import { checkShapes, Network } from "./network.js";
import { valueRange } from "./points.js";
import { thin } from "./series.js";

export const NO_LABEL = 255;
const MOST_DECODERS = 12;
const MOST_ADDED = 32;
const SPREAD = 19;

export class Atlas {
  constructor(pack) {
    const about = pack.description("atlas");
    if (about === null) throw new Error("the file holds no atlas");
    if (about.version !== 1) throw new Error(`atlas version ${about.version} is not known here`);
    this.pack = pack;
    this.about = about;
    this.id = about.id;
    this.name = about.name;
    this.kind = about.kind;
    this.classes = about.classes ?? [];
    this.units = about.units ?? {};
    this.variance = about.variance ?? 0;
    this.likelihood = likelihoodOf(about.likelihood);
    /** The name of the series that it is the beginning of, or "". */
    this.series = about.series ?? "";
    /** Counts up whenever the atlas grows. */
    this.grown = 0;
    const [frames, count] = pack.shape("positions");
    this.count = count;
    this.positions = pack.floats("positions");
    this.places = Array.from({ length: frames }, (_, k) => this.positions.subarray(2 * count * k, 2 * count * (k + 1)));
    this.axis = new Axis(about.axis?.name ?? "single", pack.floats("axis"));
    this.labels = pack.integers("labels");
    if (this.labels.length !== count || this.axis.values.length !== frames) throw new Error("labels or axis do not fit the points");
    this.values = new Map(pack.names().filter((name) => name.startsWith("values.")).map((name) => [name.slice(7), name]));
    this.curves = curvesOf(about.curves, frames);
    this.decoders = about.decoders.map((spec) => ({ pack, ...spec }));
    this.networks = new Map();
    this.recent = [];
    this.#check();
  }

  /** How many there are; more as the atlas grows. */
  get frames() {
    return this.places.length;
  }

  // A broken atlas is found out when it comes, not when somebody points at it.
  #check() {
    if (this.about.latent_dim !== 2) return;
    for (const spec of this.about.decoders) checkShapes(this.pack, spec, 2, 784 * this.#likelihoodOf(spec).heads);
    if (this.about.encoder) checkShapes(this.pack, this.about.encoder, 784, this.kind === "vae" ? 4 : 2);
  }

  /** How many points are drawn when some classes are hidden. */
  countShown(hidden) {
    this.counts ??= countLabels(this.labels);
    return this.counts.reduce((sum, count, kind) => sum + (hidden.has(kind) ? 0 : count), 0);
  }

  hasPrior() {
    return this.kind === "vae";
  }

  /** Two-dimensional models can be decoded under the pointer. */
  canDecode() {
    return this.about.latent_dim === 2 && this.about.decoders.length > 0;
  }

  canEncode() {
    return Boolean(this.about.encoder) && this.about.latent_dim === 2;
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

  /** A colouring of the points at whole frame k: (N,). */
  valuesAt(name, k) {
    const tensor = this.values.get(name);
    if (!tensor) return null;
    const values = this.#cached(tensor, () => this.pack.floats(tensor));
    if (values.length === this.count) return values;
    const row = Math.min(k, values.length / this.count - 1);
    return this.#cached(`${tensor} ${row}`, () => values.subarray(row * this.count, (row + 1) * this.count));
  }

  /** The range of a colouring over all frames: the scale stays as the frames go by. */
  rangeOf(name) {
    const tensor = this.values.get(name);
    return this.#cached(`range ${tensor}`, () => valueRange(this.pack.floats(tensor)));
  }

  // Decoders of different models speak of pixels in their own ways.
  #likelihoodOf(spec) {
    return spec.likelihood ? likelihoodOf(spec.likelihood) : this.likelihood;
  }

  #specAt(frame) {
    return this.decoders[Math.max(0, this.decoders.findLastIndex((spec) => spec.frame <= frame + 1e-6))];
  }

  /** What distinguishes the decoder of a frame from that of another: the same place, the same images. */
  decoderPlace(frame) {
    const spec = this.#specAt(frame);
    return spec?.gated ? frame : spec?.frame;
  }

  /**
   * The decoder of the last frame at or before `frame`, with its likelihood and variance; one that is gated stands
   * at the beta of that place on the axis until it is asked for again.
   */
  decoderAt(frame) {
    const spec = this.#specAt(frame);
    const decoder = this.#recent(spec) ?? this.#makeDecoder(spec);
    decoder.setBeta(this.axis.betaAt(frame));
    return decoder;
  }

  #makeDecoder(spec) {
    const variance = spec.likelihood ? spec.variance ?? 0 : this.variance;
    const made = Object.assign(new Network(spec.pack, spec), { likelihood: this.#likelihoodOf(spec), variance });
    this.recent = [{ spec, made }, ...this.recent].slice(0, MOST_DECODERS);
    return made;
  }

  // Decoders are kept as they lie in their packs; those used last also as networks, the newest first.
  #recent(spec) {
    const k = this.recent.findIndex((one) => one.spec === spec);
    if (k > 0) this.recent.unshift(...this.recent.splice(k, 1));
    return k < 0 ? null : this.recent[0].made;
  }

  /** The encoder; gated, it stands at the beta of that frame until it is asked for again. */
  encoder(frame = 0) {
    const encoder = this.#cached("encoder", () => new Network(this.pack, this.about.encoder));
    encoder.setBeta(this.axis.betaAt(frame));
    return encoder;
  }

  #cached(key, make) {
    if (!this.networks.has(key)) this.networks.set(key, make());
    return this.networks.get(key);
  }

  /** mu and logvar (null for an autoencoder) of an image of 784 pixels in [0, 1]. */
  encode(image, frame = 0) {
    const out = this.encoder(frame).forward(image);
    if (this.kind !== "vae") return { mean: [out[0], out[1]], logvar: null };
    const clamp = (x) => Math.min(8, Math.max(-12, x));
    return { mean: [out[0], out[1]], logvar: [clamp(out[2]), clamp(out[3])] };
  }

  /** The codes (count x 2) of many images laid one after another. */
  encodeBatch(images, count, frame) {
    const encoder = this.encoder(frame);
    const out = encoder.forwardBatch(images, count);
    const codes = new Float32Array(2 * count);
    for (let i = 0; i < count; i++) codes.set(out.subarray(i * encoder.outputs, i * encoder.outputs + 2), 2 * i);
    return codes;
  }

  /** Points that say how far the codes reach: all of them, or of some of the frames it has grown by. */
  spread() {
    if (this.grown === 0) return this.positions;
    const step = Math.max(1, (this.frames - 1) / SPREAD);
    const out = new Float32Array(2 * this.count * (1 + Math.floor((this.frames - 1) / step + 1e-9)));
    for (let k = 0; 2 * this.count * k < out.length; k++) out.set(this.places[this.frames - 1 - Math.round(k * step)], 2 * this.count * k);
    return out;
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

  /** Takes what another base of the series has beyond this one. */
  continueAs(other) {
    for (const spec of other.decoders) if (spec.frame >= this.decoders.at(-1).frame) this.addDecoder(spec);
    const { frames: start, count } = this;
    if (other.count !== count || !this.axis.values.every((value, k) => k >= other.frames || other.axis.values[k] === value)) return;
    const beyond = { start, count, axis: [...other.axis.values].slice(start), frames: other.places.slice(start) };
    this.append({ ...beyond, curves: Object.fromEntries(Object.entries(other.curves).map(([name, curve]) => [name, curve.slice(start)])) }, false);
  }

  /** A decoder that holds from its frame on. Returns whether it is news. */
  addDecoder(spec) {
    const held = this.decoders.findIndex(({ frame }) => frame === spec.frame);
    if (held >= 0) return false;
    this.decoders.push(spec);
    this.decoders.sort((a, b) => a.frame - b.frame);
    const added = new Map(this.decoders.filter(({ pack }) => pack !== this.pack).map((each) => [each.frame, each]));
    thin(added, MOST_ADDED);
    this.decoders = this.decoders.filter(({ frame, pack }) => pack === this.pack || added.has(frame));
    this.grown++;
    return true;
  }

  /** Where one point is at a frame, whole or between two. */
  pointAt(index, frame) {
    const [a, b, t] = this.framePair(frame);
    return [0, 1].map((k) => a[2 * index + k] + t * (b[2 * index + k] - a[2 * index + k]));
  }
}

// Figures of whole frames; a curve that does not have a number for each of them is left out.
function curvesOf(curves, frames) {
  return Object.fromEntries(Object.entries(curves ?? {}).filter(([, curve]) => isCurve(curve, frames)));
}

function isCurve(curve, frames) {
  return Array.isArray(curve) && curve.length === frames && curve.every(Number.isFinite);
}

/** How many points of each class 0..9, then of none. */
export function countLabels(labels) {
  const counts = new Array(11).fill(0);
  for (const label of labels) counts[Math.min(label, 10)]++;
  return counts;
}
