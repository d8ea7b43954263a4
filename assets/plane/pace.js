// How many of the points are drawn while the view moves: as many as keep it fluent. At rest all of them are.

const MANY = 50000;
const FIRST_GUESS = 300000;
const FRAME = 17;
const WANTED = 30;
const COARSEST = 16;

export class Pace {
  constructor() {
    this.step = null;
    this.last = null;
  }

  /** Draw every step-th point in this frame of a movement; `now` is the animation frame's time in milliseconds. */
  stepFor(count, now) {
    if (count < MANY) return 1;
    this.step ??= Math.min(COARSEST, 2 ** Math.ceil(Math.log2(Math.max(1, count / FIRST_GUESS))));
    const interval = this.last === null ? null : now - this.last;
    this.last = now;
    // A long pause is the person's, not the machine's.
    if (interval === null || interval > 1000) return this.step;
    const full = Math.max(0, interval - FRAME) * this.step;
    this.cost = this.cost === undefined ? full : 0.6 * this.cost + 0.4 * full;
    const needed = Math.max(1, this.cost / (WANTED - FRAME));
    this.step = Math.min(COARSEST, 2 ** Math.ceil(Math.log2(needed)));
    return this.step;
  }

  /** The movement is over. */
  rest() {
    this.last = null;
  }
}
