// Decoded tiles on a lattice that stays put in the world, coarse ones first, so that panning finds them again.

import { meanPictures } from "./decoding.js";
import { toBytes } from "./likelihood.js";

const MOST = 9000;
const keyOf = (level, i, j) => `${level} ${i} ${j}`;

/** The lattice level whose tiles are at least `pixels` wide on screen; a level's tiles are 2^level units wide. */
export function levelFor(view, pixels) {
  return Math.ceil(Math.log2(pixels / view.scale));
}

/** Which tiles of a level the view shows: first column and row, how many of each. */
export function visibleRange(view, level) {
  const side = 2 ** level;
  const left = Math.floor((view.centre[0] - view.side / 2) / side);
  const right = Math.floor((view.centre[0] + view.side / 2) / side);
  const low = Math.floor((view.centre[1] - view.side / 2) / side);
  const high = Math.floor((view.centre[1] + view.side / 2) / side);
  return { level, left, low, columns: right - left + 1, rows: high - low + 1 };
}

/**
 * Keeps the tiles of one atlas and recogniser, and decodes what is missing in small steps. When the frame moves on,
 * a tile of an earlier round stays to be seen until it is decoded anew.
 */
export class Tiles {
  constructor() {
    this.held = new Map();
    this.queue = [];
    this.round = 0;
    this.frame = null;
  }

  forget() {
    this.held.clear();
    this.queue = [];
  }

  /** Tiles finer than a level go: they would hide the coarser ones that the new frame brings first. */
  age(level) {
    for (const [key, tile] of this.held) if (tile.level < level) this.held.delete(key);
  }

  /** The tile itself, or the nearest coarser one over it: {tile, up} with up levels between, or null. */
  find(level, i, j, ready, reach = 3) {
    for (let up = 0; up <= reach; up++) {
      const tile = this.held.get(keyOf(level + up, i >> up, j >> up));
      if (tile && ready(tile)) return { tile, up };
    }
    return null;
  }

  /** Makes the queue: every wanted tile that is not there, level by level, from the middle of the view outwards. */
  plan(wants, frame = 0) {
    this.queue = [];
    if (frame !== this.frame || this.mixed) this.round++;
    this.frame = frame;
    this.mixed = false;
    for (const { range, named } of wants) {
      const missing = [];
      for (let j = range.low; j < range.low + range.rows; j++) {
        for (let i = range.left; i < range.left + range.columns; i++) {
          const tile = this.held.get(keyOf(range.level, i, j));
          if (tile?.round !== this.round || (named && tile.named !== this.round)) missing.push({ level: range.level, i, j, named });
        }
      }
      const middle = [range.left + range.columns / 2 - 0.5, range.low + range.rows / 2 - 0.5];
      missing.sort((a, b) => Math.hypot(a.i - middle[0], a.j - middle[1]) - Math.hypot(b.i - middle[0], b.j - middle[1]));
      this.queue.push(...missing);
    }
    this.queue.reverse();
  }

  get done() {
    return this.queue.length === 0;
  }

  /** Works for about `budget` milliseconds. Returns whether anything new is there. */
  work(atlas, recogniser, frame, budget) {
    const end = performance.now() + budget;
    if (frame !== this.frame) this.mixed = true;
    let some = false;
    while (this.queue.length && performance.now() < end) {
      some = true;
      const next = this.queue.at(-1);
      const tile = this.held.get(keyOf(next.level, next.i, next.j));
      if (tile?.round !== this.round) this.#decodeFour(atlas, frame);
      else {
        if (next.named && tile.named !== this.round) this.#recognise(tile, recogniser);
        this.queue.pop();
      }
    }
    return some;
  }

  // Decodes up to four from the end of the queue, which stay there to be recognised if that is wanted.
  #decodeFour(atlas, frame) {
    const few = this.queue.slice(-4).filter(({ level, i, j }) => this.held.get(keyOf(level, i, j))?.round !== this.round);
    const points = new Float32Array(2 * few.length);
    few.forEach(({ level, i, j }, k) => points.set([(i + 0.5) * 2 ** level, (j + 0.5) * 2 ** level], 2 * k));
    const means = meanPictures(atlas, frame, points, few.length);
    few.forEach(({ level, i, j }, k) => {
      const key = keyOf(level, i, j);
      const tile = this.held.get(key) ?? { level, bytes: new Uint8Array(784) };
      toBytes(means.subarray(784 * k, 784 * (k + 1)), tile.bytes);
      tile.round = this.round;
      this.held.set(key, tile);
    });
    if (this.held.size > MOST) this.#trim();
  }

  #recognise(tile, recogniser) {
    const image = Float32Array.from(tile.bytes, (grey) => grey / 255);
    tile.shares = recogniser.probabilities(image).slice();
    tile.named = this.round;
  }

  // A Map keeps the order of arrival: the oldest fifth goes.
  #trim() {
    const old = [...this.held.keys()].slice(0, MOST / 5);
    for (const key of old) this.held.delete(key);
  }
}
