// p(z | seen pixels) from a table: its surface on the lattice, where to look closer, its modes, and draws from it.

import { CELLS, STRIDES } from "./nodes.js";
import { highest, refine } from "./raster.js";

const DEEP = 30;
const MARGIN = 2;
// How far below the highest, in nats, a level looks closer, and from which bend of the surface on.
const REACHES = { 4: 40, 2: 14, 1: 9 };
const BENT = 0.15;
const SUMMED = 20;

/** A part of the lattice's nodes, every `stride`-th from (i, j) on, with log p(z, seen) at each. */
class Part {
  constructor(values, width, height, i, j, stride) {
    Object.assign(this, { values, width, height, i, j, stride });
  }

  /** The lattice's node at place k. */
  node(k) {
    return (this.j + Math.floor(k / this.width) * this.stride) * (CELLS + 1) + this.i + (k % this.width) * this.stride;
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

/** log p(z, seen) over all of the lattice where it is not negligible; the coarsest level must be in the table. */
export function surfaceOf(table) {
  const [coarsest] = STRIDES;
  const side = CELLS / coarsest + 1;
  let part = new Part(new Float32Array(side * side), side, side, 0, 0, coarsest);
  part.learn(table);
  while (part.stride > 1) part = part.crop().halve(table);
  return part;
}

/** The nodes to decode next for a better surface, the most probable of the coarsest level first. */
export function wantedNodes(surface, table) {
  const { values, width, height } = surface;
  const top = highest(values);
  for (const stride of STRIDES.slice(1)) {
    const found = [];
    const first = (from) => (stride - (from % stride)) % stride;
    for (let j = first(surface.j); j < height; j += stride) {
      for (let i = first(surface.i); i < width; i += stride) {
        const k = j * width + i;
        if (values[k] < top - REACHES[stride] || table.has(surface.node(k))) continue;
        if (isBent(values, width, height, i, j, stride)) found.push(k);
      }
    }
    if (found.length) return found.sort((a, b) => values[b] - values[a]).map((k) => surface.node(k));
  }
  return [];
}

// Whether the surface bends so much from one node of a level to the next that what lies between is a guess.
function isBent(values, width, height, i, j, stride) {
  const k = j * width + i;
  const bend = (inside, step) => inside && Math.abs(values[k - step] - 2 * values[k] + values[k + step]) > BENT;
  return bend(i >= stride && i + stride < width, stride) || bend(j >= stride && j + stride < height, stride * width);
}

/** The mass of every node of a surface, summing to one. */
export function massesOf(surface, lattice) {
  const { values, width } = surface;
  const top = highest(values);
  const masses = new Float64Array(values.length);
  let total = 0;
  for (let k = 0; k < values.length; k++) {
    if (values[k] < top - SUMMED) continue;
    masses[k] = Math.exp(values[k] - top + lattice.logWidth[surface.i + (k % width)] + lattice.logWidth[surface.j + Math.floor(k / width)]);
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
    return [lattice.coordinate(surface.i + (k % surface.width) + dx), lattice.coordinate(surface.j + Math.floor(k / surface.width) + dy)];
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
