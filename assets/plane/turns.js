// A row of pictures worked off a few at a time, in turns, so that a slow machine shows them later and not the dial.

export const FEW = 4;
const BUDGET = 9;
const SLOW = 28;
const CALM = 150;

export class Turns {
  constructor(plane) {
    this.plane = plane;
    this.next = 0;
    this.due = 0;
    this.last = 0;
    this.begun = 0;
  }

  /** All of so many pictures are due; while newest frames are glided to, not more often than the eye asks for. */
  follow(count) {
    const now = performance.now();
    const { turn, follow } = this.plane;
    if (count > 0 && follow.on && turn.moving && now - this.begun < CALM) return;
    this.begun = now;
    this.due = Math.ceil(count / FEW);
    this.count = count;
  }

  /**
   * Calls `develop` with the first of a few, for some milliseconds, as often as it takes where frames come slowly.
   * Returns whether some are still due.
   */
  work(develop) {
    const now = performance.now();
    const slow = now - this.last > SLOW;
    const end = now + (slow ? 0 : BUDGET);
    this.last = now;
    // Where frames come slowly while the dial turns, every other one is left to it.
    this.passed = slow && this.plane.turn.moving && !this.passed;
    if (this.passed) return this.due > 0;
    while (this.due > 0) {
      if (this.next >= this.count) this.next = 0;
      develop(this.next);
      this.next += FEW;
      this.due--;
      if (performance.now() > end) break;
    }
    return this.due > 0;
  }
}
