// What a decoder's raw outputs say about the pixels: mean, standard deviation, a sample of p(x|z).

const sigmoid = (x) => 1 / (1 + Math.exp(-x));

// Loaiza-Ganem & Cunningham 2019, eq. 8; the closed form cancels near 0, so a series is used there.
function continuousMean(logit) {
  if (Math.abs(logit) < 0.05) return 0.5 + logit / 12 - logit ** 3 / 720;
  return 1 / (1 - Math.exp(-logit)) - 1 / logit;
}

function continuousVariance(logit) {
  if (Math.abs(logit) < 0.1) return 1 / 12 - logit ** 2 / 240 + logit ** 4 / 6048;
  return 1 / logit ** 2 - 1 / (4 * Math.sinh(logit / 2) ** 2);
}

// The inverse of the distribution function of the continuous Bernoulli at u.
function continuousQuantile(logit, u) {
  if (Math.abs(logit) < 1e-4) return u;
  if (logit > 0) return 1 + Math.log(u + (1 - u) * Math.exp(-logit)) / logit;
  return Math.log1p(u * Math.expm1(logit)) / logit;
}

// log(1 + e^l), for any l.
const softplus = (l) => Math.max(l, 0) + Math.log1p(Math.exp(-Math.abs(l)));

// log((e^l - 1) / l), the normaliser of e^(l x) on [0, 1].
function continuousPartition(logit) {
  const size = Math.abs(logit);
  if (size < 0.5) return logit / 2 + logit ** 2 / 24 - logit ** 4 / 2880 + logit ** 6 / 181440;
  return Math.max(logit, 0) + Math.log(-Math.expm1(-size)) - Math.log(size);
}

// `terms` writes a pixel as an exponential family, as vae_core.likelihoods does: its natural parameter, its part of the
// log-partition and, where x squared counts too, the natural parameter of that. Their number is `columns`.
const bernoulli = {
  heads: 1,
  columns: 2,
  terms: (raw, i, count, variance, out, at) => {
    out[at] = raw[i];
    out[at + 1] = softplus(raw[i]);
  },
  mean: (raw, i) => sigmoid(raw[i]),
  std: (raw, i) => Math.sqrt(sigmoid(raw[i]) * sigmoid(-raw[i])),
  sample: (raw, i, count, variance, random) => (random.uniform() < sigmoid(raw[i]) ? 1 : 0),
};

const continuousBernoulli = {
  heads: 1,
  columns: 2,
  terms: (raw, i, count, variance, out, at) => {
    out[at] = raw[i];
    out[at + 1] = continuousPartition(raw[i]);
  },
  mean: (raw, i) => continuousMean(raw[i]),
  std: (raw, i) => Math.sqrt(continuousVariance(raw[i])),
  sample: (raw, i, count, variance, random) => continuousQuantile(raw[i], random.uniform()),
};

const gaussian = {
  heads: 1,
  columns: 2,
  terms: (raw, i, count, variance, out, at) => {
    const mean = sigmoid(raw[i]);
    out[at] = mean / variance;
    out[at + 1] = mean ** 2 / (2 * variance);
  },
  mean: (raw, i) => sigmoid(raw[i]),
  std: (raw, i, count, variance) => Math.sqrt(variance),
  sample: (raw, i, count, variance, random) => sigmoid(raw[i]) + Math.sqrt(variance) * random.normal(),
};

const learnedLogStd = (raw, i, count) => -3 + 3 * sigmoid(raw[count + i]);
const learnedStd = (raw, i, count) => Math.exp(learnedLogStd(raw, i, count));

const gaussianLearned = {
  heads: 2,
  columns: 3,
  terms: (raw, i, count, variance, out, at) => {
    const mean = sigmoid(raw[i]);
    const logStd = learnedLogStd(raw, i, count);
    const precision = Math.exp(-2 * logStd);
    out[at] = mean * precision;
    out[at + 1] = (mean ** 2 * precision) / 2 + logStd;
    out[at + 2] = -precision / 2;
  },
  mean: (raw, i) => sigmoid(raw[i]),
  std: learnedStd,
  sample: (raw, i, count, variance, random) => sigmoid(raw[i]) + learnedStd(raw, i, count) * random.normal(),
};

const LIKELIHOODS = {
  bernoulli,
  "bernoulli-grey": bernoulli,
  "continuous-bernoulli": continuousBernoulli,
  gaussian,
  "gaussian-learned": gaussianLearned,
};

export function likelihoodOf(name) {
  if (!Object.hasOwn(LIKELIHOODS, name)) throw new Error(`likelihood ${name} is unknown`);
  return LIKELIHOODS[name];
}

/** Writes `mode` ("mean", "sample" or "std") of every pixel into out; `random` is needed for "sample" only. */
export function pixelsOf(likelihood, mode, raw, offset, out, variance, random) {
  const count = out.length;
  const values = offset === 0 ? raw : raw.subarray(offset, offset + likelihood.heads * count);
  const f = likelihood[mode];
  for (let i = 0; i < count; i++) out[i] = f(values, i, count, variance, random);
  return out;
}

/** What a decoded image is on a screen: round(255 * value), held to 0..255. */
export function toBytes(values, out) {
  for (let i = 0; i < out.length; i++) {
    const grey = Math.round(255 * values[i]);
    out[i] = grey < 0 ? 0 : grey > 255 ? 255 : grey;
  }
  return out;
}
