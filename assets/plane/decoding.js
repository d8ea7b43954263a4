// From z to a picture: decoder, likelihood and recogniser together, with nothing allocated per call.

import { pixelsOf, toBytes } from "./likelihood.js";
import { Random } from "./maths.js";
import { argmax } from "./recogniser.js";

export class Decoding {
  constructor() {
    this.z = new Float32Array(2);
    this.mean = new Float32Array(784);
    this.shown = new Float32Array(784);
    this.bytes = new Uint8Array(784);
    this.seed = 1;
    this.measured = 0;
  }

  /**
   * The picture of z under `mode` ("mean", "sample", "std") as bytes, and what its mean looks like. A sample's
   * noise stays the same from point to point until `seed` changes, so that moving shows the model, not the dice.
   */
  picture(atlas, recogniser, frame, z, mode) {
    const start = performance.now();
    this.z.set(z);
    const decoder = atlas.decoderAt(frame);
    const { likelihood, variance } = decoder;
    const raw = decoder.forward(this.z);
    pixelsOf(likelihood, "mean", raw, 0, this.mean, variance, null);
    let values = this.mean;
    if (mode !== "mean") values = pixelsOf(likelihood, mode, raw, 0, this.shown, variance, new Random(this.seed));
    toBytes(values, this.bytes);
    const probabilities = recogniser ? recogniser.probabilities(this.mean) : null;
    this.#measure(start);
    return { bytes: this.bytes, probabilities, digit: probabilities ? argmax(probabilities) : null };
  }

  #measure(start) {
    performance.measure("latent-plane:decode", { start, end: performance.now() });
    trimMeasures("latent-plane:decode", ++this.measured);
  }
}

/** Keeps the last 1000 measures of a name: the browser would keep every one of them for ever. */
export function trimMeasures(name, taken) {
  if (taken % 1000 !== 0) return;
  const kept = performance.getEntriesByName(name, "measure").slice(-1000);
  performance.clearMeasures(name);
  for (const { startTime, duration } of kept) performance.measure(name, { start: startTime, duration });
}

/** The mean pictures (count x 784 floats) of many points laid one after another. */
export function meanPictures(atlas, frame, points, count) {
  const decoder = atlas.decoderAt(frame);
  const raw = decoder.forwardBatch(points, count);
  const out = new Float32Array(count * 784);
  for (let i = 0; i < count; i++) {
    pixelsOf(decoder.likelihood, "mean", raw, i * decoder.outputs, out.subarray(784 * i, 784 * (i + 1)), decoder.variance, null);
  }
  return out;
}

/** Paints 784 bytes as grey pixels of a 28 x 28 canvas. */
export function paintGrey(canvas, bytes) {
  const context = canvas.getContext("2d");
  canvas.image ??= context.createImageData(28, 28);
  const data = canvas.image.data;
  for (let i = 0; i < 784; i++) {
    const k = 4 * i;
    data[k] = data[k + 1] = data[k + 2] = bytes[i];
    data[k + 3] = 255;
  }
  context.putImageData(canvas.image, 0, 0);
}
