// A row of chosen digits, and below each what the model makes of it at this place on the axis.

import { meanPictures, paintGrey } from "./decoding.js";
import { element, pixels } from "./dom.js";
import { toBytes } from "./likelihood.js";
import { FEW, Turns } from "./turns.js";

const MOST_DIGITS = 24;

const isGrey = (v) => Number.isInteger(v) && v >= 0 && v <= 255;
const isDigit = (digit) => Array.isArray(digit?.pixels) && digit.pixels.length === 784 && digit.pixels.every(isGrey);

export class Row {
  constructor(plane) {
    this.plane = plane;
    this.list = element("div", { class: "row-digits" });
    this.node = element("section", { class: "row", "aria-label": plane.say("row") }, this.list);
    this.node.hidden = true;
    this.digits = [];
    this.turns = new Turns(plane);
    this.bytes = new Uint8Array(784);
  }

  /** What the page says: a list of {pixels, label, index}; digits that are none are passed over. */
  take(row) {
    const text = JSON.stringify(row ?? []);
    if (text === this.taken) return;
    this.taken = text;
    const digits = Array.isArray(row) ? row.filter(isDigit).slice(0, MOST_DIGITS) : [];
    this.digits = digits.map((digit, i) => this.#make(digit, i));
    this.list.style.setProperty("--count", String(digits.length));
    this.list.replaceChildren(...this.digits.map(({ node }) => node));
    this.follow();
  }

  #make({ pixels: greys, label, index }, i) {
    const { say } = this.plane;
    const name = typeof label === "string" || Number.isInteger(label) ? String(label) : "";
    const canvas = (id, words) => pixels(28, 28, { class: "row-picture", "data-testid": id, "data-place": i, role: "img", "aria-label": words });
    const original = canvas("row-original", say("row_original", { label: name }));
    const copy = canvas("row-reconstruction", say("row_reconstruction", { label: name }));
    paintGrey(original, greys);
    const node = element("div", { class: "row-digit" }, original, copy);
    return { node, copy, image: Float32Array.from(greys, (v) => v / 255), index: Number.isInteger(index) && index >= 0 ? index : null };
  }

  /** The axis has moved, or the atlas is another: every digit is due. */
  follow() {
    const { atlas } = this.plane;
    const possible = Boolean(atlas?.canDecode()) && this.digits.length > 0;
    this.node.hidden = !possible;
    this.turns.follow(possible ? this.digits.length : 0);
  }

  /** Develops a few at a time. Returns whether some are still due. */
  work() {
    const more = this.turns.work((first) => this.#develop(first));
    this.node.dataset.frame = more ? "" : String(this.plane.state.frame);
    return more;
  }

  #develop(first) {
    const { atlas, follow } = this.plane;
    const group = this.digits.slice(first, first + FEW);
    const means = meanPictures(atlas, follow.decoded, this.#codes(group), group.length);
    group.forEach(({ copy }, k) => paintGrey(copy, toBytes(means.subarray(784 * k, 784 * (k + 1)), this.bytes)));
  }

  // Encoded here where the atlas has an encoder; else a digit's code is that of its point.
  #codes(group) {
    const { atlas, state } = this.plane;
    if (atlas.canEncode()) {
      this.images ??= new Float32Array(784 * FEW);
      group.forEach(({ image }, k) => this.images.set(image, 784 * k));
      return atlas.encodeBatch(this.images, group.length, state.frame);
    }
    return Float32Array.from(group.flatMap(({ index }) => (index !== null && index < atlas.count ? atlas.pointAt(index, state.frame) : [0, 0])));
  }
}
