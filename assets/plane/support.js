// What is known of a spot from the codes alone: their density, whether it is on their support, the nearest one.

import { bandwidthOf, classHearts, contour, density, holes, levelBelow, rankedDensities } from "./fields.js";
import { Neighbours } from "./neighbours.js";
import { shownMask } from "./points.js";

const GRID = 192;
const OFF_SHARE = 0.02;

/** Fields of one atlas at one frame with some classes hidden; each is computed when first asked for. */
export class Support {
  constructor(atlas, frame, hidden, extent) {
    this.frame = frame;
    this.points = atlas.positionsAt(frame);
    this.labels = atlas.labels;
    this.keep = hidden.size ? shownMask(atlas.labels, hidden) : null;
    this.extent = { x: extent.x - 0.1 * extent.side, y: extent.y - 0.1 * extent.side, side: 1.2 * extent.side };
    this.held = {};
    this.since = performance.now();
    /** Milliseconds that the fields have taken so far. */
    this.spent = 0;
  }

  /** The density of the codes; hidden classes are left out. */
  get field() {
    return this.#once("field", () => {
      const bandwidth = bandwidthOf(this.points, this.extent.side / GRID);
      return density(this.points, this.keep, this.extent, GRID, bandwidth);
    });
  }

  get ranked() {
    return this.#once("ranked", () => rankedDensities(this.field, this.points));
  }

  /** The density below which a spot counts as off the support: 2 % of the codes lie where it is lower. */
  get threshold() {
    return this.#once("threshold", () => levelBelow(this.ranked, OFF_SHARE));
  }

  get holes() {
    return this.#once("holes", () => holes(this.field));
  }

  /** Contours around the densest regions that hold 90, 50 and 10 % of the codes. */
  get contours() {
    return this.#once("contours", () => [0.1, 0.5, 0.9].map((share) => contour(this.field, levelBelow(this.ranked, share))));
  }

  /** Where each class is densest, for its name on the plane. */
  get hearts() {
    return this.#once("hearts", () => classHearts(this.points, this.labels, this.extent));
  }

  covers([x, y]) {
    const here = this.field.at(x, y);
    return here > 0 && here >= this.threshold;
  }

  /** The nearest shown code: its index, label and distance, or null where none is shown. */
  nearest([x, y]) {
    const index = this.#once("neighbours", () => new Neighbours(this.points));
    const found = index.nearest(x, y, this.keep);
    return found && { ...found, label: this.labels[found.index] };
  }

  #once(name, make) {
    if (this.held[name] === undefined) {
      const start = performance.now();
      this.held[name] = make();
      this.spent += performance.now() - start;
    }
    return this.held[name];
  }
}
