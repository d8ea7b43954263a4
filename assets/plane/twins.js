// The nearest encoded image as the page sent it, and beside it what the model makes of its code.

import { meanPictures, paintGrey } from "./decoding.js";
import { element, pixels } from "./dom.js";
import { toBytes } from "./likelihood.js";

const isImage = (values) => Array.isArray(values) && values.length === 784 && values.every((v) => Number.isInteger(v) && v >= 0 && v <= 255);

export class Twins {
  constructor(plane) {
    this.plane = plane;
    const { say } = plane;
    const picture = (name, words) => pixels(28, 28, { class: "twin", "data-testid": name, role: "img", "aria-label": words });
    this.original = picture("nearest-original", say("nearest_original"));
    this.copy = picture("nearest-reconstruction", say("nearest_reconstruction"));
    const figure = (canvas, words) => element("figure", {}, canvas, element("figcaption", { text: words }));
    this.node = element("div", { class: "twins" }, figure(this.original, say("original")), figure(this.copy, say("reconstruction")));
    this.node.hidden = true;
  }

  /** What the page says: `{index, original}` of the image nearest to where the cursor rested. */
  take(nearest) {
    const valid = nearest && Number.isInteger(nearest.index) && isImage(nearest.original);
    this.sent = valid ? nearest : null;
    this.painted = undefined;
  }

  /** Follows the cursor: the reconstruction at once, the original fades until the page has sent this one. */
  show(found) {
    const { atlas, state, follow } = this.plane;
    this.node.hidden = !this.sent || !found || !atlas.canDecode();
    if (this.node.hidden) return;
    const current = this.sent.index === found.index;
    const key = `${atlas.id} ${state.frame} ${atlas.decoderPlace(follow.decoded)} ${found.index} ${current}`;
    if (key === this.painted) return;
    this.painted = key;
    this.original.dataset.stale = String(!current);
    this.original.dataset.index = String(this.sent.index);
    this.copy.dataset.index = String(found.index);
    paintGrey(this.original, this.sent.original);
    paintGrey(this.copy, this.#reconstruction(found.index));
  }

  #reconstruction(index) {
    const { atlas, state, follow } = this.plane;
    const code = atlas.positionsAt(state.frame).slice(2 * index, 2 * index + 2);
    return toBytes(meanPictures(atlas, follow.decoded, code, 1), new Uint8Array(784));
  }
}
