// How an atlas grows: tails bring further frames to a series, keyframes its decoders, before its base or after.

import { checkShapes } from "./network.js";
import { likelihoodOf } from "./likelihood.js";

const MOST_TAILS = 8;
const MOST_KEYFRAMES = 32;

function aboutOf(pack, kind) {
  const about = pack.description(kind);
  if (about.version !== 1) throw new Error(`${kind} version ${about.version} is not known here`);
  if (typeof about.series !== "string" || about.series === "") throw new Error(`the ${kind} is of no series`);
  return about;
}

/** Frames start .. start + length - 1 of a series: each a Float32Array of its points, with its place and figures. */
export class Tail {
  constructor(pack) {
    const { series, start, curves, id } = aboutOf(pack, "tail");
    const [length, count] = pack.shape("positions");
    const positions = pack.floats("positions");
    Object.assign(this, { id, series, start, count, curves: curves ?? {} });
    this.axis = [...pack.floats("axis")];
    this.frames = Array.from({ length }, (_, k) => positions.subarray(2 * count * k, 2 * count * (k + 1)));
    if (!Number.isInteger(start) || start < 0 || this.axis.length !== length) throw new Error("the tail's frames do not fit its axis");
  }

  get end() {
    return this.start + this.frames.length;
  }
}

/** A decoder that holds from a frame of a series on. */
export class Keyframe {
  constructor(pack) {
    const about = aboutOf(pack, "keyframe");
    this.id = about.id;
    this.series = about.series;
    this.frame = about.frame;
    this.spec = { ...about, pack };
    checkShapes(pack, about, 2, 784 * likelihoodOf(about.likelihood).heads);
  }
}

/** At most `most` of a map's entries by ascending frame: older ones thin out, the first and the newest stay. */
export function thin(map, most) {
  const frames = [...map.keys()].sort((a, b) => a - b);
  while (frames.length > most) {
    // Where three neighbours are closest together, the one in the middle is missed least.
    let closest = 1;
    for (let k = 2; k < frames.length - 1; k++) if (frames[k + 1] - frames[k - 1] < frames[closest + 1] - frames[closest - 1]) closest = k;
    map.delete(frames.splice(closest, 1)[0]);
  }
}

/** What came of one series beside its bases, kept for bases that come later. */
export class Series {
  constructor() {
    this.tails = [];
    this.keyframes = new Map();
  }

  /** A tail or keyframe has come: every base takes what fits. Returns whether any has changed. */
  add(content, bases) {
    if (content instanceof Keyframe) {
      this.keyframes.set(content.frame, content);
      thin(this.keyframes, MOST_KEYFRAMES);
      return bases.map((base) => base.addDecoder(content.spec, true)).some(Boolean);
    }
    this.tails = [...this.tails, content].slice(-MOST_TAILS);
    return bases.map((base) => base.append(content, true) && this.#goOn(base)).some(Boolean);
  }

  // Tails that were ahead may join on now.
  #goOn(base) {
    for (const tail of [...this.tails].sort((a, b) => a.start - b.start)) base.append(tail, false);
    return true;
  }

  /**
   * A base has come: it takes what an earlier one had beyond it, and what has been waiting. If its frames are others
   * than those of the earlier one, nothing of that goes with it.
   */
  found(base, earlier) {
    if (earlier.some((other) => !base.agrees(other))) {
      this.keyframes.clear();
      this.tails = [];
      return;
    }
    for (const other of earlier) base.continueAs(other);
    for (const { spec } of this.keyframes.values()) base.addDecoder(spec);
    this.#goOn(base);
  }

  /** Whether frames have come that do not join on to those the base has. */
  isAhead(base) {
    return this.tails.some((tail) => tail.start > base.frames || (tail.count !== base.count && tail.end > base.frames));
  }
}
