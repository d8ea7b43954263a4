// Finds the nearest point of a cloud by buckets of a grid.

export class Neighbours {
  /** points: interleaved x, y. About two points a bucket. */
  constructor(points) {
    this.points = points;
    const n = points.length / 2;
    const low = [Infinity, Infinity];
    const high = [-Infinity, -Infinity];
    for (let i = 0; i < n; i++) {
      for (let k = 0; k < 2; k++) {
        const value = points[2 * i + k];
        if (value < low[k]) low[k] = value;
        if (value > high[k]) high[k] = value;
      }
    }
    this.side = Math.max(1, Math.min(1024, Math.ceil(Math.sqrt(n / 2))));
    this.low = low;
    this.cell = [0, 1].map((k) => Math.max(1e-9, (high[k] - low[k]) / this.side));
    this.#fill(n);
  }

  // Counting sort: the points of bucket b are order[start[b] .. start[b + 1]].
  #fill(n) {
    const start = new Uint32Array(this.side * this.side + 1);
    const bucket = new Uint32Array(n);
    for (let i = 0; i < n; i++) {
      bucket[i] = this.#column(1, this.points[2 * i + 1]) * this.side + this.#column(0, this.points[2 * i]);
      start[bucket[i] + 1]++;
    }
    for (let b = 1; b < start.length; b++) start[b] += start[b - 1];
    const next = start.slice();
    this.order = new Uint32Array(n);
    for (let i = 0; i < n; i++) this.order[next[bucket[i]]++] = i;
    this.start = start;
  }

  #column(k, value) {
    const c = Math.floor((value - this.low[k]) / this.cell[k]);
    return c < 0 ? 0 : c >= this.side ? this.side - 1 : c;
  }

  /** The index and distance of the nearest point for which keep[i] is not 0, or null where there is none. */
  nearest(x, y, keep = null) {
    const column = this.#column(0, x);
    const row = this.#column(1, y);
    const best = { index: -1, square: Infinity };
    for (let ring = 0; ring < this.side; ring++) {
      if (best.index >= 0 && this.#reach(x, y, column, row, ring) ** 2 > best.square) break;
      this.#searchRing(x, y, column, row, ring, keep, best);
    }
    return best.index < 0 ? null : { index: best.index, distance: Math.sqrt(best.square) };
  }

  // No bucket of this ring or a later one has a point nearer than this.
  #reach(x, y, column, row, ring) {
    const sides = [0, 1].map((k) => {
      const value = k === 0 ? x : y;
      const centre = k === 0 ? column : row;
      const below = value - (this.low[k] + (centre - ring + 1) * this.cell[k]);
      const above = this.low[k] + (centre + ring) * this.cell[k] - value;
      return Math.min(below, above);
    });
    return Math.max(0, Math.min(...sides));
  }

  #searchRing(x, y, column, row, ring, keep, best) {
    for (let r = row - ring; r <= row + ring; r++) {
      if (r < 0 || r >= this.side) continue;
      const edge = r === row - ring || r === row + ring;
      for (let c = column - ring; c <= column + ring; c += edge || ring === 0 ? 1 : 2 * ring) {
        if (c >= 0 && c < this.side) this.#searchBucket(x, y, r * this.side + c, keep, best);
      }
    }
  }

  #searchBucket(x, y, bucket, keep, best) {
    for (let k = this.start[bucket]; k < this.start[bucket + 1]; k++) {
      const i = this.order[k];
      if (keep && !keep[i]) continue;
      const square = (this.points[2 * i] - x) ** 2 + (this.points[2 * i + 1] - y) ** 2;
      if (square < best.square) {
        best.square = square;
        best.index = i;
      }
    }
  }
}
