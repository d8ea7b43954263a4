// The modes of a surface: its summits, and how much of the mass climbs to each.

import { highest } from "./raster.js";

const DEEP_ENOUGH = 14;
const BINS_DEEP = 700;
// As vae_core.modes has them.
const STANDS_OUT = 0.7;
const LEAST_SHARE = 0.01;
const MOST_MODES = 5;

/** The places that count, from the highest down, those within a fiftieth of a nat in any order. */
function descending(values) {
  const top = highest(values);
  const binOf = (k) => Math.floor(((top - values[k]) / DEEP_ENOUGH) * BINS_DEEP);
  const starts = new Int32Array(BINS_DEEP + 1);
  for (let k = 0; k < values.length; k++) if (top - values[k] < DEEP_ENOUGH) starts[binOf(k) + 1]++;
  for (let bin = 0; bin < BINS_DEEP; bin++) starts[bin + 1] += starts[bin];
  const order = new Int32Array(starts[BINS_DEEP]);
  for (let k = 0; k < values.length; k++) if (top - values[k] < DEEP_ENOUGH) order[starts[binOf(k)]++] = k;
  return order;
}

class Summits {
  constructor({ values, width, height }) {
    Object.assign(this, { values, width, height });
    this.owner = new Int32Array(values.length).fill(-1);
  }

  /** The summit that a place climbs to, or -1 for one that has not been come to. */
  of(k) {
    const { owner } = this;
    let root = k;
    while (owner[root] >= 0 && owner[root] !== root) root = owner[root] = owner[owner[root]];
    return owner[root] < 0 ? -1 : root;
  }

  /** A place joins the highest of the summits around it; those that hardly stand out above it join that one too. */
  join(k) {
    const { values, owner } = this;
    let best = k;
    this.#around(k, (root) => {
      if (best === k || values[root] > values[best]) best = root;
    });
    owner[k] = best;
    this.#around(k, (root) => {
      if (root !== best && values[root] - values[k] < STANDS_OUT) owner[root] = best;
    });
  }

  #around(k, visit) {
    const { width, height } = this;
    const i = k % width;
    const j = (k - i) / width;
    for (let y = j > 0 ? j - 1 : 0; y <= j + 1 && y < height; y++) {
      for (let x = i > 0 ? i - 1 : 0; x <= i + 1 && x < width; x++) {
        const root = this.of(y * width + x);
        if (root >= 0 && root !== k) visit(root);
      }
    }
  }
}

/** [{k, share}]: the summits of a surface by their share of the masses, those with next to none left out. */
export function modesOf(surface, masses) {
  const summits = new Summits(surface);
  const order = descending(surface.values);
  for (const k of order) summits.join(k);
  const found = new Map();
  for (const k of order) {
    const summit = summits.of(k);
    const mode = found.get(summit) ?? { k, share: 0 };
    if (surface.values[k] > surface.values[mode.k]) mode.k = k;
    mode.share += masses[k];
    found.set(summit, mode);
  }
  const modes = [...found.values()].filter(({ share }) => share >= LEAST_SHARE);
  return modes.sort((a, b) => b.share - a.share).slice(0, MOST_MODES);
}
