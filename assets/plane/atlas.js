// The atlas: N points at K frames along an axis, with a decoder for each frame, read from one pack.

import { Axis } from "./axis.js";
import { likelihoodOf } from "./likelihood.js";
import { checkShapes, Network } from "./network.js";
import { valueRange } from "./points.js";

export const NO_LABEL = 255;

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
    [this.frames, this.count] = pack.shape("positions");
    this.positions = pack.floats("positions");
    this.axis = new Axis(about.axis?.name ?? "single", pack.floats("axis"));
    this.labels = pack.integers("labels");
    if (this.labels.length !== this.count || this.axis.values.length !== this.frames) throw new Error("labels or axis do not fit the points");
    this.values = new Map(pack.names().filter((name) => name.startsWith("values.")).map((name) => [name.slice(7), name]));
    this.curves = curvesOf(about.curves, this.frames);
    this.networks = new Map();
    this.#check();
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

  #frameOf(k) {
    return this.positions.subarray(2 * this.count * k, 2 * this.count * (k + 1));
  }

  /** The positions of frames floor(frame) and the next, and how far between them: [a, b, fraction]. */
  framePair(frame) {
    const k = Math.min(Math.floor(frame), this.frames - 1);
    const next = Math.min(k + 1, this.frames - 1);
    return [this.#frameOf(k), this.#frameOf(next), frame - k];
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
    return this.#cached(`${tensor} ${k}`, () => values.subarray(k * this.count, (k + 1) * this.count));
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

  /**
   * The decoder of the last frame at or before `frame`, with its likelihood and variance; one that is gated stands
   * at the beta of that place on the axis until it is asked for again.
   */
  decoderAt(frame) {
    const specs = this.about.decoders;
    const which = specs.findLastIndex((spec) => spec.frame <= frame + 1e-6);
    const spec = specs[Math.max(0, which)];
    const decoder = this.#cached(`decoder ${spec.frame}`, () => {
      const likelihood = this.#likelihoodOf(spec);
      const variance = spec.likelihood ? spec.variance ?? 0 : this.variance;
      return Object.assign(new Network(this.pack, spec), { likelihood, variance });
    });
    decoder.setBeta(this.axis.betaAt(frame));
    return decoder;
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

  /** Where one point is at a frame, whole or between two. */
  pointAt(index, frame) {
    const [a, b, t] = this.framePair(frame);
    return [0, 1].map((k) => a[2 * index + k] + t * (b[2 * index + k] - a[2 * index + k]));
  }
}

// Figures of whole frames; a curve that does not have a number for each of them is left out.
function curvesOf(curves, frames) {
  const fine = (curve) => Array.isArray(curve) && curve.length === frames && curve.every(Number.isFinite);
  return Object.fromEntries(Object.entries(curves ?? {}).filter(([, curve]) => fine(curve)));
}

/** How many points of each class 0..9, then of none. */
export function countLabels(labels) {
  const counts = new Array(11).fill(0);
  for (const label of labels) counts[Math.min(label, 10)]++;
  return counts;
}
