// The atlas: N points at K frames along an axis, with a decoder for each frame, read from one pack.

import { Course } from "./course.js";
import { likelihoodOf } from "./likelihood.js";
import { checkShapes, Network } from "./network.js";
import { valueRange } from "./points.js";

export const NO_LABEL = 255;
const MOST_DECODERS = 12;

export class Atlas extends Course {
  constructor(pack) {
    const about = pack.description("atlas");
    if (about === null) throw new Error("the file holds no atlas");
    if (about.version !== 1) throw new Error(`atlas version ${about.version} is not known here`);
    super(pack, about);
    this.about = about;
    this.id = about.id;
    this.name = about.name;
    this.kind = about.kind;
    this.classes = about.classes ?? [];
    this.units = about.units ?? {};
    this.variance = about.variance ?? 0;
    this.likelihood = likelihoodOf(about.likelihood);
    this.labels = pack.integers("labels");
    if (this.labels.length !== this.count || this.axis.values.length !== this.frames) throw new Error("labels or axis do not fit the points");
    this.values = new Map(pack.names().filter((name) => name.startsWith("values.")).map((name) => [name.slice(7), name]));
    this.networks = new Map();
    this.recent = [];
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
    return spec?.gated ? frame : spec?.place ?? spec?.frame;
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
}

/** How many points of each class 0..9, then of none. */
export function countLabels(labels) {
  const counts = new Array(11).fill(0);
  for (const label of labels) counts[Math.min(label, 10)]++;
  return counts;
}
