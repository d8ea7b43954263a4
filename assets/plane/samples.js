// A row of images decoded from the same draws of the prior at every place on the axis.

import { meanPictures, paintGrey } from "./decoding.js";
import { element, pixels } from "./dom.js";
import { toBytes } from "./likelihood.js";
import { Random } from "./maths.js";
import { FEW, Turns } from "./turns.js";

const SAMPLES = 12;
const DRAW = 2;

/** So many points of the standard normal distribution, one after another, the same ones whenever they are asked for. */
export function drawsOf(count) {
  const random = new Random(DRAW);
  return Float32Array.from({ length: 2 * count }, () => random.normal());
}

export class Samples {
  constructor(plane) {
    this.plane = plane;
    this.turns = new Turns(plane);
    this.z = drawsOf(SAMPLES);
    this.bytes = new Uint8Array(784);
    this.pictures = Array.from({ length: SAMPLES }, (_, k) => this.#make(k));
    const list = element("div", { class: "row-digits" }, ...this.pictures.map(({ node }) => node));
    this.node = element("section", { class: "samples", "aria-label": plane.say("samples") }, element("div", { class: "caption", text: plane.say("samples"), title: plane.say("samples_help") }), list);
    this.node.hidden = true;
  }

  #make(k) {
    const [x, y] = this.z.subarray(2 * k, 2 * k + 2);
    const words = this.plane.say("samples_go", { x: x.toFixed(2), y: y.toFixed(2) });
    const picture = pixels(28, 28, { class: "row-picture", "data-testid": "sample", "data-place": k });
    const node = element("button", { type: "button", class: "sample", "aria-label": words, title: words, onclick: () => this.plane.settle([x, y]) }, picture);
    return { node, picture };
  }

  setAtlas(atlas) {
    this.node.hidden = atlas.axis.name !== "step" || !atlas.canDecode() || !atlas.hasPrior();
    this.shown = null;
    this.follow();
  }

  /** Where the decoder is another, all are due. */
  follow() {
    const { atlas, follow } = this.plane;
    if (this.node.hidden || !atlas) return;
    const place = atlas.decoderPlace(follow.decoded);
    if (place === this.shown) return;
    this.shown = place;
    this.turns.follow(SAMPLES);
  }

  work() {
    const more = this.turns.work((first) => this.#develop(first));
    this.node.dataset.place = more ? "" : String(this.shown);
    return more;
  }

  #develop(first) {
    const { atlas, follow } = this.plane;
    const means = meanPictures(atlas, follow.decoded, this.z.subarray(2 * first, 2 * (first + FEW)), FEW);
    for (let k = 0; k < FEW; k++) paintGrey(this.pictures[first + k].picture, toBytes(means.subarray(784 * k, 784 * (k + 1)), this.bytes));
  }
}
