// p(z | seen pixels) of a picture kept up to date: its table grows where it counts, a few milliseconds in every frame.

import { contoursOfSurface } from "./contours.js";
import { trimMeasures } from "./decoding.js";
import { modesOf } from "./modes.js";
import { Lattice, STRIDES } from "./nodes.js";
import { drawFrom, massesOf, surfaceOf, wantedNodes } from "./posterior.js";
import { PixelTable } from "./table.js";

const SLICE = 9;
const BUSY_SLICE = 3;
const BATCH = 4;
const MOST_FINER = 2000;
const RENEW = 140;
const LEAST_REACH = 4.5;
const NEXT_LEVEL = STRIDES[1];

/** What shows a posterior on the plane: its regions, and its modes with their shares. */
export function layersOf(name, contours, modes) {
  const percent = (share) => (share < 0.01 ? "< 1\u202f%" : `${Math.round(100 * share)}\u202f%`);
  const labels = modes.map(({ share }) => (modes.length > 1 ? percent(share) : ""));
  return [{ kind: "field", name, contours }, { kind: "marks", name: "", points: modes.map(({ z }) => z), labels, tone: "plain" }];
}

export class Inference {
  constructor(plane) {
    this.plane = plane;
    this.picture = null;
    this.queue = [];
    this.taken = 0;
    this.since = null;
    this.finer = 0;
  }

  /** Only a prior over a plane leaves a posterior on it, and only a decoder says what pixels there are. */
  get possible() {
    const { atlas } = this.plane;
    return Boolean(atlas?.canDecode() && atlas.hasPrior());
  }

  /** Whether the coarsest level is there, and with it a posterior. */
  get ready() {
    return Boolean(this.table) && this.table.count >= this.coarse;
  }

  /** The share of what has to be decoded before anything is known. */
  get progress() {
    return this.table ? Math.min(1, this.table.count / this.coarse) : 0;
  }

  /** Begins anew where the decoder is another. */
  adopt() {
    const { atlas, follow } = this.plane;
    const place = this.possible ? atlas.decoderPlace(follow.decoded) : null;
    if (atlas === this.atlas && place === this.place) return;
    Object.assign(this, { atlas, place, table: null, surface: null, queue: [], dirty: true });
    if (!this.possible) return;
    const { x, y, side } = this.plane.stage.view.home;
    const reach = Math.max(LEAST_REACH, ...[x, y, x + side, y + side].map(Math.abs));
    this.lattice = new Lattice(reach);
    const frame = follow.decoded;
    this.table = new PixelTable(() => atlas.decoderAt(frame), this.lattice);
    this.queue = this.lattice.level(STRIDES[0]);
    this.coarse = this.queue.length;
    this.background = this.lattice.level(NEXT_LEVEL);
  }

  /** The picture to infer from. */
  lookAt(picture, since = null) {
    this.picture = picture;
    this.finer = 0;
    this.changed(since);
  }

  /** The picture is another; `since` is when that began, for how long it took to be seen. */
  changed(since) {
    this.dirty = true;
    if (this.ready) this.since ??= since;
  }

  /** Brings the posterior up to date, or decodes for a few milliseconds. Returns whether there is more to do. */
  work(busy, show) {
    if (!this.table) return false;
    if (this.ready && this.dirty) {
      this.#renew(show);
      return true;
    }
    const grown = this.#grow(busy ? BUSY_SLICE : SLICE);
    if (!this.ready) return true;
    const due = this.grown && (this.queue.length === 0 || performance.now() - this.renewed > RENEW);
    if (due) this.#renew(show);
    return grown || this.grown || this.dirty;
  }

  /** Decodes for some milliseconds what any picture would need. Returns whether there is more of that. */
  prepare(milliseconds) {
    const end = performance.now() + milliseconds;
    while (this.lacks && performance.now() < end) this.table.add(this.#next());
    return this.lacks;
  }

  /** Whether there is more to decode before any picture is known. */
  get lacks() {
    return Boolean(this.table) && (!this.ready || this.background.length > 0);
  }

  /** Looks closer at the picture for some milliseconds, once it is ready. Returns whether there is more to see. */
  look(milliseconds) {
    const end = performance.now() + milliseconds;
    const { table, picture } = this;
    table.see(picture.image, picture.seen);
    while (performance.now() < end) {
      this.queue = this.#wanted(this.#surfaceNow());
      if (this.queue.length === 0) return false;
      while (this.queue.length && performance.now() < end) table.add(this.#next());
    }
    return true;
  }

  /** Shows what is known of the picture. */
  present(show) {
    this.#renew(show);
  }

  // From the level after the coarsest on, once all of that is there.
  #surfaceNow() {
    return surfaceOf(this.table, this.background.length ? STRIDES[0] : NEXT_LEVEL);
  }

  #grow(milliseconds) {
    const end = performance.now() + milliseconds;
    let any = false;
    do {
      const nodes = this.#next();
      if (nodes.length === 0) return any;
      this.table.add(nodes);
      any = this.grown = true;
    } while (performance.now() < end);
    return any;
  }

  // What the posterior needs first; when that is done the rest of the level after the coarsest.
  #next() {
    const { table } = this;
    const from = this.queue.length ? this.queue : this.background;
    const nodes = [];
    if (table.full) {
      const { side } = this.lattice;
      table.forget((node) => (node % side) % NEXT_LEVEL === 0 && Math.floor(node / side) % NEXT_LEVEL === 0);
    }
    while (nodes.length < BATCH && from.length) {
      const node = from === this.queue ? from.shift() : from.pop();
      if (!table.has(node)) nodes.push(node);
    }
    this.finer += nodes.length;
    return nodes.length || this.background.length === 0 || from === this.background ? nodes : this.#next();
  }

  #renew(show) {
    const { table, lattice } = this;
    table.see(this.picture.image, this.picture.seen);
    this.surface = this.#surfaceNow();
    this.masses = massesOf(this.surface, lattice);
    const node = (k) => [lattice.axis[this.surface.along(k)], lattice.axis[this.surface.up(k)]];
    const modes = modesOf(this.surface, this.masses).map(({ k, share }) => ({ z: node(k), share }));
    show(contoursOfSurface(this.surface, lattice), modes);
    if (this.dirty) {
      this.#measure();
      this.finer = 0;
    }
    this.queue = this.#wanted(this.surface);
    this.renewed = performance.now();
    this.dirty = this.grown = false;
  }

  // Enough is enough: a posterior that is narrow everywhere would never be done.
  #wanted(surface) {
    return this.finer < MOST_FINER ? wantedNodes(surface, this.table) : [];
  }

  #measure() {
    if (this.since === null) return;
    const end = performance.now();
    performance.measure("latent-plane:posterior", { start: Math.min(this.since, end), end });
    trimMeasures("latent-plane:posterior", ++this.taken);
    this.since = null;
  }

  draw(count, random) {
    return drawFrom(this.surface, this.masses, this.lattice, count, random);
  }
}
