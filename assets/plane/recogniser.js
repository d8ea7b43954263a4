// The digit recogniser: a small convolutional network that names what a decoded image looks like.

import { activate, multiply } from "./network.js";

/** Lays the patch under every output position in a row: (positions, channels * kernel * kernel). */
function patches(input, shape, kernel, stride, padding, size, out) {
  const [channels, height, width] = shape;
  let at = 0;
  for (let y = 0; y < size[0]; y++) {
    for (let x = 0; x < size[1]; x++) {
      for (let c = 0; c < channels; c++) {
        for (let dy = 0; dy < kernel[0]; dy++) {
          const row = y * stride - padding + dy;
          for (let dx = 0; dx < kernel[1]; dx++) {
            const column = x * stride - padding + dx;
            const inside = row >= 0 && row < height && column >= 0 && column < width;
            out[at++] = inside ? input[(c * height + row) * width + column] : 0;
          }
        }
      }
    }
  }
}

function convolution(pack, spec, shape) {
  const [filters, channels, ...kernel] = pack.shape(spec.weight);
  if (channels !== shape[0]) throw new Error("the recogniser's layers do not fit one another");
  const stride = spec.stride ?? 1;
  const padding = spec.padding ?? 0;
  const size = [0, 1].map((i) => Math.floor((shape[i + 1] + 2 * padding - kernel[i]) / stride) + 1);
  const places = size[0] * size[1];
  const length = channels * kernel[0] * kernel[1];
  const weight = pack.floats(spec.weight);
  const bias = pack.floats(spec.bias);
  const gathered = new Float32Array(places * length);
  const column = new Float32Array(filters);
  const out = new Float32Array(filters * places);
  const run = (input) => {
    patches(input, shape, kernel, stride, padding, size, gathered);
    for (let place = 0; place < places; place++) {
      multiply(weight, bias, gathered, place * length, column, 0, filters, length);
      for (let f = 0; f < filters; f++) out[f * places + place] = column[f];
    }
    activate(spec.activation, out);
    return out;
  };
  return { run, shape: [filters, ...size] };
}

function dense(pack, spec, shape) {
  const [rows, columns] = pack.shape(spec.weight);
  if (columns !== shape[0] * shape[1] * shape[2]) throw new Error("the recogniser's layers do not fit one another");
  const weight = pack.floats(spec.weight);
  const bias = pack.floats(spec.bias);
  const out = new Float32Array(rows);
  const run = (input) => {
    multiply(weight, bias, input, 0, out, 0, rows, columns);
    activate(spec.activation, out);
    return out;
  };
  return { run, shape: [rows, 1, 1] };
}

const KINDS = { conv: convolution, dense };

export class Recogniser {
  constructor(pack) {
    const description = pack.description("recogniser");
    this.id = description.id;
    let shape = [1, 28, 28];
    this.layers = description.layers.map((spec) => {
      if (!Object.hasOwn(KINDS, spec.type)) throw new Error(`layer ${spec.type} is unknown`);
      const layer = KINDS[spec.type](pack, spec, shape);
      shape = layer.shape;
      return layer;
    });
    this.classes = shape[0];
    this.output = new Float32Array(this.classes);
  }

  logits(image) {
    return this.layers.reduce((values, layer) => layer.run(values), image);
  }

  /** Softmax of the logits. The array is the recogniser's own and is overwritten by the next call. */
  probabilities(image) {
    const logits = this.logits(image);
    const highest = Math.max(...logits);
    let total = 0;
    for (let i = 0; i < this.classes; i++) total += this.output[i] = Math.exp(logits[i] - highest);
    for (let i = 0; i < this.classes; i++) this.output[i] /= total;
    return this.output;
  }
}

/** The index of the largest entry. */
export function argmax(values) {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}
