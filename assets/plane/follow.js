// Following a growing atlas: while the page says that it is live the dial stands at its newest frame, and glides to
// each that comes. Whoever turns the dial leaves; a button leads back.

import { isBehind } from "./packs.js";

const FIRST_INTERVAL = 350;
const SHORTEST = 60;
const LONGEST = 2000;
const LONGEST_GAP = 5;
const SHARE = 0.9;
const BETWEEN_DRAWS = 28;
const GRACE = 250;
const GRACE_OF_BASE = 1500;

export class Follow {
  constructor(plane) {
    this.plane = plane;
    this.live = false;
    this.on = false;
    this.behind = false;
    this.interval = FIRST_INTERVAL;
  }

  /** What the page says: whether the atlas still grows, and where on its axis the plane should be. */
  take(live, frame, changed) {
    const { atlas, state } = this.plane;
    const elsewhere = changed && this.given !== undefined && frame !== this.given && frame < (atlas?.frames ?? 0) - 1;
    const begins = live && !this.live;
    this.given = frame;
    this.live = live;
    if (begins) this.on = this.#isWanted();
    else if (elsewhere) this.leave();
    if (!this.on || !atlas) return;
    if (changed) state.frame = this.target ?? atlas.frames - 1;
    if (begins) this.#glide(performance.now());
  }

  // A live atlas is followed, unless the page says that the person stands elsewhere.
  #isWanted() {
    return this.live && !(this.given > 0);
  }

  /** Another atlas is shown, or a newer base of the same series. */
  adopt(same) {
    if (!same) {
      this.stop();
      this.on = this.#isWanted();
    }
    const { atlas, state } = this.plane;
    if (!this.on) return;
    if (same) this.arrived();
    else state.frame = atlas.frames - 1;
  }

  /** Frames have come: they are glided to over the time that the next ones are expected to take. */
  arrived() {
    const now = performance.now();
    const since = now - (this.last ?? now - this.interval);
    this.last = now;
    // A pause says nothing of how fast they come after it.
    if (since < LONGEST_GAP * this.interval) this.interval = Math.min(LONGEST, Math.max(SHORTEST, (this.interval + since) / 2));
    if (this.on) this.#glide(now);
  }

  /** The newest frame, and every one that comes. */
  go() {
    this.on = true;
    this.#glide(performance.now());
    this.plane.dial?.update();
    this.plane.tell();
  }

  /** The person goes elsewhere on the axis. */
  leave() {
    this.stop();
    this.on = false;
  }

  stop() {
    cancelAnimationFrame(this.request);
    this.request = this.target = undefined;
  }

  // Never more than one arrival behind: where the way to the last one is not done, it is from here on.
  #glide(now) {
    const { state, atlas, turn } = this.plane;
    const newest = atlas.frames - 1;
    if (newest === this.target && this.request) return;
    this.from = Math.min(newest, Math.max(state.frame, this.target ?? 0));
    this.target = newest;
    this.began = now;
    cancelAnimationFrame(this.request);
    if (state.frame === newest) return;
    turn.to(this.from);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) turn.to(newest);
    else this.request = requestAnimationFrame((time) => this.#step(time));
  }

  #step(now) {
    const share = Math.min(1, Math.max(0, (now - this.began) / (SHARE * this.interval)));
    if (share === 1 || !(now - this.drawn < BETWEEN_DRAWS)) {
      this.drawn = now;
      this.plane.turn.to(this.from + (this.target - this.from) * share);
    }
    this.request = share < 1 ? requestAnimationFrame((time) => this.#step(time)) : undefined;
  }

  /** The frame whose decoder is shown: that of the dial, or the newest while following. */
  get decoded() {
    return this.on ? Infinity : this.plane.state.frame;
  }

  // ---- what the page is told

  message() {
    const { atlas } = this.plane;
    if (!this.live && !atlas?.series) return {};
    return { following: this.on && this.live, behind: this.behind, frames: this.plane.lacking ? 0 : atlas?.frames ?? 0 };
  }

  /** Tells the page once where frames have come that cannot be joined on, and once when they can. */
  check() {
    const missing = this.#missing();
    if (missing === this.missing) return;
    this.missing = missing;
    clearTimeout(this.waiting);
    const say = () => {
      this.behind = missing !== null;
      this.plane.tell();
    };
    if (missing !== null) this.waiting = setTimeout(say, this.plane.lacking ? GRACE_OF_BASE : GRACE);
    else if (this.behind) say();
  }

  // The number of frames that the next tail does not join on to, or null where all is well.
  #missing() {
    const { atlas, lacking } = this.plane;
    if (lacking) return this.live && isBehind(null) ? 0 : null;
    return atlas && isBehind(atlas) ? atlas.frames : null;
  }

  release() {
    this.stop();
    clearTimeout(this.waiting);
  }
}
