// Rasters of numbers over a box: how they arrive, how they are made finer, where their regions end.

const SIXTEEN_BITS = 65535;
const DEPTH = 24;
const BINS_A_NAT = 100;
const MOST_NODES = 300;
const WIDE_RANGE = 40;

/** A raster's numbers, from 16 bits each in base64. */
export function decodeRaster({ values, low, high }) {
  const bytes = Uint8Array.from(atob(values), (letter) => letter.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const scale = (high - low) / SIXTEEN_BITS;
  return Float32Array.from({ length: bytes.length / 2 }, (_, k) => low + scale * view.getUint16(2 * k, true));
}

/** How many times finer a raster is drawn than it is. */
export function finenessOf(width, height) {
  return Math.max(1, Math.min(8, Math.round(MOST_NODES / Math.max(width, height))));
}

// Keys 1981, eq. 4 with a = -1/2: goes through the nodes, and is exact for parabolas.
function keysWeights(t) {
  return [((2 - t) * t - 1) * t * 0.5, ((3 * t - 5) * t * t + 2) * 0.5, ((4 - 3 * t) * t + 1) * t * 0.5, (t - 1) * t * t * 0.5];
}

// One line of n nodes, `step` apart from `at` on in `from`, made finer; beyond its ends it goes on as a parabola.
function refineLine(from, at, step, n, to, out, outStep, weights) {
  const fineness = weights.length;
  const node = (i) => from[at + i * step];
  const before = n > 2 ? 3 * node(0) - 3 * node(1) + node(2) : 2 * node(0) - node(1);
  const beyond = n > 2 ? 3 * node(n - 1) - 3 * node(n - 2) + node(n - 3) : 2 * node(n - 1) - node(n - 2);
  for (let i = 0; i < n - 1; i++) {
    const a = i > 0 ? node(i - 1) : before;
    const b = node(i);
    const c = node(i + 1);
    const d = i < n - 2 ? node(i + 2) : beyond;
    for (let k = 0; k < fineness; k++) {
      const w = weights[k];
      to[out + (i * fineness + k) * outStep] = w[0] * a + w[1] * b + w[2] * c + w[3] * d;
    }
  }
  to[out + (n - 1) * fineness * outStep] = node(n - 1);
}

/** A raster (width x height) made `fineness` times finer by cubic convolution; its nodes stay what they are. */
export function refine(values, width, height, fineness) {
  if (fineness === 1) return { values, width, height };
  const weights = Array.from({ length: fineness }, (_, k) => keysWeights(k / fineness));
  const wide = (width - 1) * fineness + 1;
  const high = (height - 1) * fineness + 1;
  const rows = new Float32Array(wide * height);
  for (let j = 0; j < height; j++) refineLine(values, j * width, 1, width, rows, j * wide, 1, weights);
  const fine = new Float32Array(wide * high);
  for (let i = 0; i < wide; i++) refineLine(rows, i, wide, height, fine, i, wide, weights);
  return { values: fine, width: wide, height: high };
}

export const highest = (values) => {
  let most = -Infinity;
  for (let k = 0; k < values.length; k++) if (values[k] > most) most = values[k];
  return most;
};

/**
 * The log-densities above which the smallest regions with these shares (ascending) of the mass lie. Nodes of a raster
 * stand for even parts of it, or for `cells` as wide and high as said; what lies 24 nats below the highest has no mass
 * that counts.
 */
export function regionLevels(values, shares, cells = null) {
  const top = highest(values);
  const bins = new Float64Array(DEPTH * BINS_A_NAT);
  let total = 0;
  for (let k = 0; k < values.length; k++) {
    const below = top - values[k];
    if (!(below < DEPTH)) continue;
    const mass = Math.exp(-below) * (cells ? cells.across[k % cells.across.length] * cells.up[Math.floor(k / cells.across.length)] : 1);
    bins[Math.floor(below * BINS_A_NAT)] += mass;
    total += mass;
  }
  let bin = 0;
  let reached = 0;
  return shares.map((share) => {
    while (bin < bins.length - 1 && reached + bins[bin] < share * total) reached += bins[bin++];
    return top - (bin + Math.min(1, (share * total - reached) / (bins[bin] || 1))) / BINS_A_NAT;
  });
}

/** So many levels that part magnitudes into bands of their own, between all but their outermost hundredths. */
export function magnitudeLevels(values, count) {
  const ranked = Float32Array.from(values).sort();
  const at = (share) => ranked[Math.round(share * (ranked.length - 1))];
  const [low, high] = [at(0.01), at(0.99)];
  // Where magnitudes differ by powers of ten, even steps would show the largest alone.
  const byRatio = low > 0 && high / low > WIDE_RANGE;
  const level = (t) => (byRatio ? low * (high / low) ** t : low + (high - low) * t);
  const levels = high > low ? Array.from({ length: count }, (_, k) => level((k + 1) / (count + 1))) : [];
  return { low, high, levels };
}
