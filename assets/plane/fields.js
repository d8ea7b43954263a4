// Fields over the plane: the density of the codes on a grid, its levels, its contours, the prior's holes.

/** A square grid of cell centres over a square extent {x, y, side} (lower left corner). */
export class Field {
  constructor(extent, size) {
    this.extent = extent;
    this.size = size;
    this.cell = extent.side / size;
    this.values = new Float32Array(size * size);
  }

  /** Bilinear value at a point; 0 outside. */
  at(x, y) {
    const { extent, size, cell, values } = this;
    const u = (x - extent.x) / cell - 0.5;
    const v = (y - extent.y) / cell - 0.5;
    const i = Math.floor(u);
    const j = Math.floor(v);
    if (i < 0 || j < 0 || i >= size - 1 || j >= size - 1) return 0;
    const k = j * size + i;
    const below = values[k] + (values[k + 1] - values[k]) * (u - i);
    const above = values[k + size] + (values[k + size + 1] - values[k + size]) * (u - i);
    return below + (above - below) * (v - j);
  }

  centre(i, j) {
    return [this.extent.x + (i + 0.5) * this.cell, this.extent.y + (j + 0.5) * this.cell];
  }
}

function gaussianKernel(sigma) {
  const radius = Math.max(1, Math.ceil(4 * sigma));
  const kernel = Float32Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-0.5 * ((i - radius) / sigma) ** 2));
  const total = kernel.reduce((sum, k) => sum + k, 0);
  return kernel.map((k) => k / total);
}

function blurRows(from, to, size, kernel, along, across) {
  const radius = (kernel.length - 1) / 2;
  for (let row = 0; row < size; row++) {
    for (let i = 0; i < size; i++) {
      const first = Math.max(0, i - radius);
      const last = Math.min(size - 1, i + radius);
      let sum = 0;
      for (let k = first; k <= last; k++) sum += from[row * across + k * along] * kernel[k - i + radius];
      to[row * across + i * along] = sum;
    }
  }
}

/** Kernel density of points (interleaved x, y) where keep[i] is not 0; a linear-binned histogram, then a separable blur. */
export function density(points, keep, extent, size, bandwidth) {
  const field = new Field(extent, size);
  const { values, cell } = field;
  let count = 0;
  for (let i = 0; i < points.length / 2; i++) {
    if (keep && !keep[i]) continue;
    count++;
    const u = (points[2 * i] - extent.x) / cell - 0.5;
    const v = (points[2 * i + 1] - extent.y) / cell - 0.5;
    const x = Math.floor(u);
    const y = Math.floor(v);
    if (x < 0 || y < 0 || x >= size - 1 || y >= size - 1) continue;
    const k = y * size + x;
    values[k] += (1 - u + x) * (1 - v + y);
    values[k + 1] += (u - x) * (1 - v + y);
    values[k + size] += (1 - u + x) * (v - y);
    values[k + size + 1] += (u - x) * (v - y);
  }
  const scale = 1 / (Math.max(1, count) * cell * cell);
  const kernel = gaussianKernel(bandwidth / cell);
  const rows = new Float32Array(values.length);
  blurRows(values, rows, size, kernel, 1, size);
  blurRows(rows, values, size, kernel, size, 1);
  for (let k = 0; k < values.length; k++) values[k] *= scale;
  return field;
}

/**
 * Half of Scott's bandwidth in 2-D (Scott 1992, eq. 6.42: sigma n^(-1/6)), at least one cell of the grid. Half,
 * since Scott's rule supposes one Gaussian and the codes of ten digits are many clusters.
 */
export function bandwidthOf(points, cell) {
  const n = points.length / 2;
  const sums = [0, 0, 0, 0];
  for (let i = 0; i < n; i++) {
    sums[0] += points[2 * i];
    sums[1] += points[2 * i + 1];
    sums[2] += points[2 * i] ** 2;
    sums[3] += points[2 * i + 1] ** 2;
  }
  const spread = [0, 1].map((k) => Math.sqrt(Math.max(0, sums[k + 2] / n - (sums[k] / n) ** 2)));
  return Math.max(cell, 0.5 * Math.sqrt(spread[0] * spread[1]) * n ** (-1 / 6));
}

/** The densities at the points, ascending; of more than 20,000 points an even sample says. */
export function rankedDensities(field, points) {
  const n = points.length / 2;
  const step = Math.max(1, Math.floor(n / 20000));
  const found = [];
  for (let i = 0; i < n; i += step) found.push(field.at(points[2 * i], points[2 * i + 1]));
  return Float32Array.from(found).sort();
}

/** The density that a share of the ranked ones lies below. */
export function levelBelow(ranked, share) {
  return ranked[Math.min(ranked.length - 1, Math.floor(share * ranked.length))] ?? 0;
}

/**
 * Where the prior N(0, I) has mass and the codes do not: 1 where z lies within 3 sigma and the codes' density
 * is under a tenth of the prior's.
 */
export function holes(field) {
  const mask = new Uint8Array(field.values.length);
  for (let j = 0; j < field.size; j++) {
    for (let i = 0; i < field.size; i++) {
      const [x, y] = field.centre(i, j);
      const square = x * x + y * y;
      const prior = Math.exp(-square / 2) / (2 * Math.PI);
      const k = j * field.size + i;
      mask[k] = square < 9 && field.values[k] < 0.1 * prior ? 1 : 0;
    }
  }
  return mask;
}

// Which edges a contour crosses for each of the 16 cases; edges: 0 bottom, 1 right, 2 top, 3 left.
export const CROSSINGS = [
  [], [3, 0], [0, 1], [3, 1], [1, 2], [3, 0, 1, 2], [0, 2], [3, 2],
  [2, 3], [2, 0], [0, 1, 2, 3], [2, 1], [1, 3], [1, 0], [0, 3], [],
];

/** Marching squares: segments x1, y1, x2, y2 in world units where the field passes `level`. */
export function contour(field, level) {
  const { size, values } = field;
  const out = [];
  for (let j = 0; j < size - 1; j++) {
    for (let i = 0; i < size - 1; i++) {
      const k = j * size + i;
      const which =
        (values[k] >= level ? 1 : 0) | (values[k + 1] >= level ? 2 : 0) | (values[k + size + 1] >= level ? 4 : 0) | (values[k + size] >= level ? 8 : 0);
      if (which === 0 || which === 15) continue;
      const corners = [values[k], values[k + 1], values[k + size + 1], values[k + size]];
      for (const edge of CROSSINGS[which]) out.push(...crossing(field, i, j, edge, corners, level));
    }
  }
  return Float32Array.from(out);
}

function crossing(field, i, j, edge, corners, level) {
  const [x, y] = field.centre(i, j);
  const from = corners[edge];
  const t = (level - from) / (corners[(edge + 1) % 4] - from);
  const h = field.cell;
  if (edge === 0) return [x + t * h, y];
  if (edge === 1) return [x + h, y + t * h];
  if (edge === 2) return [x + h - t * h, y + h];
  return [x, y + h - t * h];
}

/**
 * Where each class is densest: [{kind, z}], from coarse counts smoothed by a 3 x 3 binomial filter. Classes are
 * 0..9; points of no class or out of the extent are left out.
 */
export function classHearts(points, labels, extent, size = 48) {
  const grids = Array.from({ length: 10 }, () => new Float32Array(size * size));
  for (let i = 0; i < labels.length; i++) {
    const x = Math.floor(((points[2 * i] - extent.x) / extent.side) * size);
    const y = Math.floor(((points[2 * i + 1] - extent.y) / extent.side) * size);
    if (labels[i] < 10 && x >= 0 && y >= 0 && x < size && y < size) grids[labels[i]][y * size + x]++;
  }
  const kernel = Float32Array.of(0.25, 0.5, 0.25);
  const rows = new Float32Array(size * size);
  return grids.flatMap((grid, kind) => {
    blurRows(grid, rows, size, kernel, 1, size);
    blurRows(rows, grid, size, kernel, size, 1);
    const best = grid.reduce((at, value, k) => (value > grid[at] ? k : at), 0);
    if (grid[best] === 0) return [];
    const cell = extent.side / size;
    return [{ kind, z: [extent.x + ((best % size) + 0.5) * cell, extent.y + (Math.floor(best / size) + 0.5) * cell] }];
  });
}
