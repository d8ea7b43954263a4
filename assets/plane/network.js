// Dense networks: decoder and encoder run here, one point or a batch at a time.

const ACTIVATIONS = {
  silu: (x) => x / (1 + Math.exp(-x)),
  relu: (x) => (x > 0 ? x : 0),
  tanh: Math.tanh,
  gelu: (x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2)),
  elu: (x) => (x > 0 ? x : Math.expm1(x)),
};

// Abramowitz and Stegun 7.1.26 is 1.5e-7, enough beside float32.
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const tail = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  const value = 1 - tail * Math.exp(-x * x);
  return x < 0 ? -value : value;
}

export function activate(name, values, count = values.length) {
  if (name === null || name === undefined) return;
  const f = ACTIVATIONS[name];
  if (!f) throw new Error(`activation ${name} is unknown`);
  for (let i = 0; i < count; i++) values[i] = f(values[i]);
}

/** output = weight @ input + bias; four rows share each load of the input. */
export function multiply(weight, bias, input, inOffset, output, outOffset, rows, columns) {
  let row = 0;
  for (; row + 3 < rows; row += 4) {
    const a = row * columns;
    const b = a + columns;
    const c = b + columns;
    const d = c + columns;
    let p = bias[row];
    let q = bias[row + 1];
    let r = bias[row + 2];
    let s = bias[row + 3];
    for (let i = 0; i < columns; i++) {
      const x = input[inOffset + i];
      p += weight[a + i] * x;
      q += weight[b + i] * x;
      r += weight[c + i] * x;
      s += weight[d + i] * x;
    }
    output[outOffset + row] = p;
    output[outOffset + row + 1] = q;
    output[outOffset + row + 2] = r;
    output[outOffset + row + 3] = s;
  }
  for (; row < rows; row++) {
    let sum = bias[row];
    for (let i = 0, a = row * columns; i < columns; i++) sum += weight[a + i] * input[inOffset + i];
    output[outOffset + row] = sum;
  }
}

/** Four inputs against two rows at a time, so that each number that is read is used twice or four times. */
function multiplyFour(weight, bias, input, output, rows, columns) {
  const b = columns;
  const c = 2 * columns;
  const d = 3 * columns;
  for (let row = 0; row < rows; row += 2) {
    const start = row * columns;
    // The last row of an odd number is taken with itself.
    const pair = row + 1 < rows ? start + columns : start;
    let p = 0;
    let q = 0;
    let r = 0;
    let s = 0;
    let t = 0;
    let u = 0;
    let v = 0;
    let w = 0;
    for (let i = 0; i < columns; i++) {
      const upper = weight[start + i];
      const lower = weight[pair + i];
      const one = input[i];
      const two = input[b + i];
      const three = input[c + i];
      const four = input[d + i];
      p += upper * one;
      q += upper * two;
      r += upper * three;
      s += upper * four;
      t += lower * one;
      u += lower * two;
      v += lower * three;
      w += lower * four;
    }
    const first = bias[row];
    output[row] = first + p;
    output[rows + row] = first + q;
    output[2 * rows + row] = first + r;
    output[3 * rows + row] = first + s;
    if (pair === start) continue;
    const second = bias[row + 1];
    output[row + 1] = second + t;
    output[rows + row + 1] = second + u;
    output[2 * rows + row + 1] = second + v;
    output[3 * rows + row + 1] = second + w;
  }
}

// Units of a gated layer are scaled by how far open their gates stand: `count` rows laid one after another.
function scale(values, factors, count) {
  const width = factors.length;
  for (let i = 0; i < count; i++) for (let k = 0; k < width; k++) values[i * width + k] *= factors[k];
}

/** Throws unless the layers a network names are there and fit one another, its inputs and its outputs. */
export function checkShapes(pack, { layers, activation, gated = false }, inputs, outputs) {
  if (!Object.hasOwn(ACTIVATIONS, activation)) throw new Error(`activation ${activation} is unknown`);
  let width = inputs;
  for (const layer of layers) {
    const [rows, columns] = pack.shape(`${layer}.weight`);
    const [biases] = pack.shape(`${layer}.bias`);
    if (columns !== width || biases !== rows) throw new Error(`layer ${layer} does not fit the one before it`);
    width = rows;
    if (!gated || layer === layers.at(-1)) continue;
    for (const part of ["gate_u", "gate_v"]) if (pack.shape(`${layer}.${part}`)[0] !== rows) throw new Error(`the gates of ${layer} do not fit it`);
  }
  if (width !== outputs) throw new Error(`a network gives ${width} numbers where ${outputs} are needed`);
}

function makeLayer(pack, layer, gated) {
  const [rows, columns] = pack.shape(`${layer}.weight`);
  const weight = pack.floats(`${layer}.weight`);
  const bias = pack.floats(`${layer}.bias`);
  const made = { weight, bias, rows, columns, one: new Float32Array(rows), four: new Float32Array(4 * rows), gate: null };
  if (gated) made.gate = { u: pack.floats(`${layer}.gate_u`), v: pack.floats(`${layer}.gate_v`), factors: new Float32Array(rows) };
  return made;
}

/** A multi-layer perceptron; the last layer has no activation. Hidden layers may be gated by beta. */
export class Network {
  constructor(pack, { layers, activation, heads = 1, gated = false }) {
    this.layers = layers.map((layer) => makeLayer(pack, layer, gated && layer !== layers.at(-1)));
    this.activation = activation;
    this.heads = heads;
    this.gated = gated;
    this.inputs = this.layers[0].columns;
    this.outputs = this.layers.at(-1).rows;
    this.fours = new Float32Array(4 * this.inputs);
    this.setBeta(1);
  }

  /** Turns the gates to this beta: factors sigmoid(u log beta + v) (Bae et al. 2023, eq. 8). Without gates nothing. */
  setBeta(beta) {
    if (!this.gated || beta === this.beta) return;
    this.beta = beta;
    const logBeta = Math.log(beta);
    for (const { gate } of this.layers) {
      if (!gate) continue;
      for (let i = 0; i < gate.factors.length; i++) gate.factors[i] = 1 / (1 + Math.exp(-(gate.u[i] * logBeta + gate.v[i])));
    }
  }

  // What follows a layer's affine map, for `count` rows.
  #finish(layer, values, count) {
    if (layer === this.layers.at(-1)) return;
    if (layer.gate) scale(values, layer.gate.factors, count);
    activate(this.activation, values, count * layer.rows);
  }

  /** Raw outputs for one input. The array is the network's own and is overwritten by the next call. */
  forward(input) {
    let values = input;
    for (const layer of this.layers) {
      multiply(layer.weight, layer.bias, values, 0, layer.one, 0, layer.rows, layer.columns);
      values = layer.one;
      this.#finish(layer, values, 1);
    }
    return values;
  }

  /** Raw outputs (count x outputs) of `count` inputs laid one after another. */
  forwardBatch(inputs, count) {
    const out = new Float32Array(count * this.outputs);
    for (let first = 0; first < count; first += 4) {
      const taken = Math.min(4, count - first);
      this.fours.fill(0);
      this.fours.set(inputs.subarray(first * this.inputs, (first + taken) * this.inputs));
      out.set(this.#forwardFour(this.fours).subarray(0, taken * this.outputs), first * this.outputs);
    }
    return out;
  }

  #forwardFour(inputs) {
    let values = inputs;
    for (const layer of this.layers) {
      multiplyFour(layer.weight, layer.bias, values, layer.four, layer.rows, layer.columns);
      values = layer.four;
      this.#finish(layer, values, 4);
    }
    return values;
  }
}
