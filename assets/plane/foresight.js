// The posterior of a digit as soon as it is chosen on the plane, or while it is drawn on the pad: inferred here, and
// shown until the page's own comes.

import { HiddenPicture } from "./canvas28.js";
import { layersOf } from "./inference.js";
import { toBytes } from "./likelihood.js";
import { packOf } from "./packs.js";

// The page's own posterior mostly comes soon, and sooner where the processors are left to it.
const PATIENCE_WITH_PAGE = 600;
/** Milliseconds for looking closer before it is shown for the first time. */
export const FIRST_GLANCE = 40;
/** The same while a pen is drawing. */
export const GLANCE_AT_PEN = 14;
const SLICE_OF_CHOICE = 14;
const BETWEEN_SLICES = 14;

/** Adler-32 (RFC 1950), by which the page says which drawing it knows. */
export function checksum(bytes) {
  let [a, b] = [1, 0];
  for (const byte of bytes) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  return b * 65536 + a;
}

/** Grey levels as the model sees them: ones from their levels on, or where it sees grey in [0, 1]. */
export const pixelsSeen = (bytes, levels) => Float32Array.from(bytes, (grey, k) => (levels ? Number(grey >= levels[k]) : grey / 255));

const samePlace = (a, b) => a === b || Boolean(a && b && Math.hypot(a[0] - b[0], a[1] - b[1]) < 1e-5);

export class Foresight {
  constructor(plane) {
    this.plane = plane;
    this.picture = new HiddenPicture();
    this.picture.setAll(1);
    /**
     * What becomes of a choice: "first", to be shown as soon as can be; "patient", left to the page for a while;
     * "closer", looked at again as that takes long; "settled"; null once the page has answered.
     */
    this.phase = null;
    this.count = 0;
  }

  /** What the page says: which images lie behind the points, and which pins or which drawing it has heard of. */
  take(data) {
    this.images = data.images ?? null;
    const binarised = Boolean(this.drawing?.levels);
    this.drawing = data.drawing ?? null;
    if (Boolean(this.drawing?.levels) !== binarised) this.plane.pad?.setAtlas();
    if (this.phase && this.isAnswer(data)) this.#end();
    this.prepare();
  }

  /** Another atlas is shown. */
  setAtlas() {
    this.#end();
    this.prepare();
  }

  get #wanted() {
    return Boolean(this.images) && !this.plane.brush?.open && this.plane.inference.possible;
  }

  /** Decodes what any digit needs, between frames: nothing of it is to be seen. */
  prepare() {
    this.resting ??= setTimeout(() => {
      this.resting = undefined;
      const { inference, stage } = this.plane;
      if (!stage || !this.#wanted) return;
      inference.adopt();
      if (this.phase && inference.ready) stage.redraw();
      else if (inference.prepare(SLICE_OF_CHOICE)) this.prepare();
      stage.node.dataset.foresees = String(inference.ready);
    }, BETWEEN_SLICES);
  }

  /** A place was chosen: the digit is that of the nearest code. */
  foresee(z) {
    if (!this.#wanted) return;
    const nearest = this.plane.supportNow().nearest(z);
    const image = nearest && packOf(this.images)?.at(nearest.index);
    if (!image) return;
    // The page's layers are those of the last pin by then, whether or not another digit is nearest to it.
    this.#begin(image, ({ pins }) => samePlace(pins?.at(-1), this.plane.state.pins.at(-1)));
    this.plane.tell(0);
  }

  /** An image of the pad (784 numbers in [0, 1]) as the model sees it. */
  asSeen(image) {
    return this.drawing ? pixelsSeen(toBytes(image, new Uint8Array(image.length)), this.drawing.levels) : image;
  }

  /** The pad has an image (784 numbers in [0, 1]) or none; `glance` is how long to look at it before it is shown. */
  follow(image, glance) {
    if (!this.drawing || !this.#wanted) return;
    const known = image ? checksum(toBytes(image, new Uint8Array(image.length))) : 0;
    this.#begin(image && this.asSeen(image), ({ drawing }) => !drawing || drawing.known === known, glance);
    this.leads = true;
  }

  #begin(image, isAnswer, glance = FIRST_GLANCE) {
    const { inference, stage } = this.plane;
    Object.assign(this, { isAnswer, glance, phase: image ? "first" : "settled", leads: false });
    if (!image) {
      stage.layers.setStandIn([]);
      return;
    }
    this.picture.image = image;
    inference.lookAt(this.picture, performance.now());
    stage.redraw();
  }

  /** A few milliseconds of what is due. Returns whether there is more. */
  work() {
    const { inference } = this.plane;
    const first = this.phase === "first";
    if (!(first || this.phase === "closer") || !this.#wanted || !inference.ready) return false;
    const more = inference.look(first ? this.glance : SLICE_OF_CHOICE);
    if (!more) this.phase = "settled";
    else if (first) this.#leaveToPage();
    if (first || !more) inference.present((contours, modes) => this.#show(contours, modes));
    return this.phase === "closer";
  }

  #leaveToPage() {
    this.phase = "patient";
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => {
      if (this.phase !== "patient") return;
      this.phase = "closer";
      this.plane.stage.redraw();
    }, PATIENCE_WITH_PAGE);
  }

  #show(contours, modes) {
    const { atlas, say, stage, state } = this.plane;
    const [field, marks] = layersOf(say("chosen_posterior"), contours, modes);
    const { mean, logvar } = atlas.encode(this.picture.image, state.frame);
    const [a, c] = logvar.map(Math.exp);
    const q = { kind: "ellipse", name: say("chosen_q"), mean, covariance: [[a, 0], [0, c]], tone: "warm", dashed: false };
    stage.layers.setStandIn([field, q, { ...marks, name: say("chosen_modes") }]);
    if (this.leads && modes.length) this.plane.glanceAt(modes[0].z);
    // For measurements and tests, as above: so many were shown, and how good the last one is.
    stage.node.dataset.foreseen = `${++this.count} ${this.phase}`;
  }

  // The page has answered; the plane goes on preparing for the next choice.
  #end() {
    if (!this.phase) return;
    this.phase = null;
    this.plane.stage.layers.setStandIn(null);
  }

  release() {
    clearTimeout(this.resting);
    clearTimeout(this.waiting);
  }
}
