// Latent points to decode once and for all: a lattice that is close about the origin and wider outwards, in levels.

const BEND = 1.25;

/** Cells along a side of the finest level. */
export const CELLS = 512;
/** The finest level's nodes that each level goes over at a time, coarsest first: every level holds those before it. */
export const STRIDES = [16, 8, 4, 2, 1];

export class Lattice {
  /** Over [-reach, reach] along both axes. */
  constructor(reach) {
    this.reach = reach;
    this.bend = Math.asinh(reach / BEND);
    this.side = CELLS + 1;
    this.axis = Float64Array.from({ length: this.side }, (_, i) => this.coordinate(i));
    /** The log of how wide each node's cell is. */
    this.logWidth = Float64Array.from({ length: this.side }, (_, i) => this.logWidthAt(i));
  }

  /** Where place i is, whole or between two nodes. */
  coordinate(i) {
    return BEND * Math.sinh(this.bend * ((2 * i) / CELLS - 1));
  }

  logWidthAt(i) {
    return Math.log((2 / CELLS) * BEND * this.bend * Math.cosh(this.bend * ((2 * i) / CELLS - 1)));
  }

  /** The point of node k, row by row from the lower left. */
  point(k) {
    return [this.axis[k % this.side], this.axis[Math.floor(k / this.side)]];
  }

  /** log N(z; 0, I) at node k, but for its constant. */
  logPrior(k) {
    const [x, y] = this.point(k);
    return -0.5 * (x * x + y * y);
  }

  /** The nodes of a level. */
  level(stride) {
    const out = [];
    for (let j = 0; j < this.side; j += stride) for (let i = 0; i < this.side; i += stride) out.push(j * this.side + i);
    return out;
  }
}
