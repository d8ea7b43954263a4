// Moving along the atlas's axis: what is cheap follows at once, the rest when the movement pauses.

const PAUSE_OF_TURN = 140;
const TELL = 150;
const COMPANY = 40;
const RENEWAL = 700;
const EASE = 180;

/** The names of classes while their points move: each keeps its place among the points nearest to it at the start. */
export class Companions {
  constructor(atlas, hearts, frame) {
    this.atlas = atlas;
    const points = atlas.positionsAt(frame);
    this.groups = hearts.map(({ kind, z }) => {
      const near = nearestOfKind(points, atlas.labels, kind, z);
      const [x, y] = this.#middle(near, frame);
      return { kind, near, offset: [z[0] - x, z[1] - y] };
    });
  }

  at(frame) {
    return this.groups.map(({ kind, near, offset }) => {
      const [x, y] = this.#middle(near, frame);
      return { kind, z: [x + offset[0], y + offset[1]] };
    });
  }

  #middle(indices, frame) {
    const sum = [0, 0];
    for (const index of indices) {
      const [x, y] = this.atlas.pointAt(index, frame);
      sum[0] += x / indices.length;
      sum[1] += y / indices.length;
    }
    return sum;
  }
}

function nearestOfKind(points, labels, kind, z) {
  const found = [];
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] === kind) found.push([Math.hypot(points[2 * i] - z[0], points[2 * i + 1] - z[1]), i]);
  }
  return found.sort((a, b) => a[0] - b[0]).slice(0, COMPANY).map(([, i]) => i);
}

export class Turn {
  constructor(plane) {
    this.plane = plane;
    this.moving = false;
  }

  /** Goes to a frame, whole or between two; drawn in the next animation frame, however many calls come before it. */
  to(frame) {
    const { plane } = this;
    const { state, atlas } = plane;
    if (!atlas) return;
    if (!this.moving) {
      if (state.overlays.has("labels")) this.#gather();
      this.moving = true;
    }
    state.frame = Math.min(Math.max(frame, 0), atlas.frames - 1);
    clearTimeout(this.still);
    this.still = setTimeout(() => this.settle(), PAUSE_OF_TURN);
    plane.stage.redraw({ points: true, cursor: true, turned: true });
  }

  /** The movement pauses: everything sharpens. */
  settle() {
    if (!this.moving) return;
    this.stop();
    this.plane.refresh();
  }

  /** Let go: the page is told where, once. */
  release() {
    clearTimeout(this.telling);
    this.telling = setTimeout(() => {
      this.settle();
      this.plane.tell();
    }, TELL);
  }

  /** No longer on the move, without drawing anything: the map is another, or gone. */
  stop() {
    clearTimeout(this.still);
    this.moving = false;
    this.companions = null;
  }

  // Who goes with each name from here on. The names do not jump: what they are off by fades away.
  #gather() {
    const { atlas, state } = this.plane;
    const support = this.plane.supportNow();
    const before = this.companions ? this.hearts() : [];
    this.since = performance.now();
    this.companions = new Companions(atlas, support.hearts, support.frame);
    const now = new Map(this.companions.at(state.frame).map(({ kind, z }) => [kind, z]));
    this.off = new Map(before.filter(({ kind }) => now.has(kind)).map(({ kind, z }) => [kind, z.map((v, k) => v - now.get(kind)[k])]));
  }

  /** The names of the classes where they belong now. */
  hearts() {
    const { state } = this.plane;
    if (!this.moving || !this.companions) return this.plane.supportNow().hearts;
    const age = performance.now() - this.since;
    const fading = Math.exp(-age / EASE);
    const places = this.companions.at(state.frame);
    const eased = ({ kind, z }) => ({ kind, z: z.map((v, k) => v + fading * (this.off.get(kind)?.[k] ?? 0)) });
    return places.map(eased);
  }

  /** On a long way other points come to stand around a name: it changes its company now and then. */
  renew() {
    if (this.moving && this.companions && performance.now() - this.since > RENEWAL) this.#gather();
  }
}
