// p(z | seen pixels) from a table: its surface on the lattice, where to look closer, its modes, and draws from it.

import { CELLS, STRIDES } from "./nodes.js";
import { highest, refine } from "./raster.js";

const DEEP = 80;
const MARGIN = 2;
const WIDE = 160;
// How far below the highest, in nats, a level looks closer, and from which bend of the surface on.
const REACHES = { 8: 40, 4: 14, 2: 9, 1: 9 };
const BENT = 0.15;
const SUMMED = 20;

/** A part of the lattice's nodes, every `stride`-th from (i, j) on, with log p(z, seen) at each. */
class Part {
  constructor(values, width, height, i, j, stride) {
    Object.assign(this, { values, width, height, i, j, stride });
  }

  /** Where place k is among the lattice's nodes, along and up, or somewhat beside it. */
  along(k, aside = 0) {
    return this.i + ((k % this.width) + aside) * this.stride;
  }

  up(k, aside = 0) {
    return this.j + (Math.floor(k / this.width) + aside) * this.stride;
  }

  /** The lattice's node at place k. */
  node(k) {
    return this.up(k) * (CELLS + 1) + this.along(k);
  }

  /** What of it is not far below the highest, and what surrounds that. */
  crop() {
    const { values, width, height } = this;
    const least = highest(values) - DEEP;
    let [left, right, low, high] = [width, 0, height, 0];
    for (let j = 0; j < height; j++) {
      for (let i = 0; i < width; i++) {
        if (values[j * width + i] < least) continue;
        left = Math.min(left, i);
        right = Math.max(right, i);
        low = Math.min(low, j);
        high = Math.max(high, j);
      }
    }
    const [x0, x1] = [Math.max(0, left - MARGIN), Math.min(width - 1, right + MARGIN)];
    const [y0, y1] = [Math.max(0, low - MARGIN), Math.min(height - 1, high + MARGIN)];
    const kept = new Float32Array((x1 - x0 + 1) * (y1 - y0 + 1));
    for (let j = y0; j <= y1; j++) kept.set(values.subarray(j * width + x0, j * width + x1 + 1), (j - y0) * (x1 - x0 + 1));
    return new Part(kept, x1 - x0 + 1, y1 - y0 + 1, this.i + x0 * this.stride, this.j + y0 * this.stride, this.stride);
  }

  /** Twice as fine: between nodes as the surface runs, except where the table knows. */
  halve(table) {
    const fine = refine(this.values, this.width, this.height, 2);
    const part = new Part(fine.values, fine.width, fine.height, this.i, this.j, this.stride / 2);
    part.learn(table);
    return part;
  }

  learn(table) {
    for (let k = 0; k < this.values.length; k++) {
      const node = this.node(k);
      if (table.has(node)) this.values[k] = table.at(node);
    }
  }
}

/**
 * log p(z, seen) over all of the lattice where it is not negligible, as fine as its width allows. All nodes of the level
 * with this stride must be in the table.
 */
export function surfaceOf(table, stride = STRIDES[0]) {
  const side = CELLS / stride + 1;
  let part = new Part(new Float32Array(side * side), side, side, 0, 0, stride);
  part.learn(table);
  while (part.stride > 1) {
    const cropped = part.crop();
    if (part.stride === 2 && Math.max(cropped.width, cropped.height) > WIDE) return cropped;
    part = cropped.halve(table);
  }
  return part;
}

/** The nodes to decode next for a better surface, the most probable of the coarsest level first. */
export function wantedNodes(surface, table) {
  const { values, width, height } = surface;
  const top = highest(values);
  for (const level of STRIDES.slice(1)) {
    const stride = level / surface.stride;
    if (stride < 1) continue;
    const found = [];
    const first = (from) => (stride - ((from / surface.stride) % stride)) % stride;
    for (let j = first(surface.j); j < height; j += stride) {
      for (let i = first(surface.i); i < width; i += stride) {
        const k = j * width + i;
        const bend = bendAt(values, width, height, i, j, stride);
        // A summit between nodes may be higher than they are by what the surface bends.
        if (bend > BENT && values[k] + bend > top - REACHES[level] && !table.has(surface.node(k))) found.push(k);
      }
    }
    if (found.length) return found.sort((a, b) => values[b] - values[a]).map((k) => surface.node(k));
  }
  return [];
}

// How much the surface bends from one node of a level to the next: what lies between is a guess where that is much.
function bendAt(values, width, height, i, j, stride) {
  const k = j * width + i;
  const bend = (inside, step) => (inside ? Math.abs(values[k - step] - 2 * values[k] + values[k + step]) : 0);
  return Math.max(bend(i >= stride && i + stride < width, stride), bend(j >= stride && j + stride < height, stride * width));
}

/** The mass of every node of a surface, summing to one. */
export function massesOf(surface, lattice) {
  const { values } = surface;
  const top = highest(values);
  const masses = new Float64Array(values.length);
  let total = 0;
  for (let k = 0; k < values.length; k++) {
    if (values[k] < top - SUMMED) continue;
    masses[k] = Math.exp(values[k] - top + lattice.logWidth[surface.along(k)] + lattice.logWidth[surface.up(k)]);
    total += masses[k];
  }
  for (let k = 0; k < masses.length; k++) masses[k] /= total;
  return masses;
}

/** Draws z: a node by its mass, then a point within its cell. */
export function drawFrom(surface, masses, lattice, count, random) {
  const sums = new Float64Array(masses.length);
  let sum = 0;
  for (let k = 0; k < masses.length; k++) sums[k] = sum += masses[k];
  return Array.from({ length: count }, () => {
    const wanted = random.uniform() * sum;
    const [dx, dy] = [random.uniform() - 0.5, random.uniform() - 0.5];
    const k = firstAbove(sums, wanted);
    return [lattice.coordinate(surface.along(k, dx)), lattice.coordinate(surface.up(k, dy))];
  });
}

function firstAbove(sums, wanted) {
  let [low, high] = [0, sums.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sums[middle] > wanted) high = middle;
    else low = middle + 1;
  }
  return low;
}
