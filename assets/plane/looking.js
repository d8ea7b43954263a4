// What is seen of the atlas at its place on the axis: the colours of points, fields of the codes, the cursor's image.

import { Actions } from "./actions.js";
import { Decoding } from "./decoding.js";
import { Support } from "./support.js";

const PATIENCE = 6;

export class Looking extends Actions {
  constructor() {
    super();
    this.decoding = new Decoding();
  }

  /** The values points are coloured by, with their range and unit, or null for the digits. */
  colour() {
    const frame = Math.round(this.state.frame);
    const values = this.state.color === "digit" ? null : this.atlas.valuesAt(this.state.color, frame);
    if (!values) this.values = null;
    else if (this.values?.values !== values) this.values = { values, range: this.atlas.rangeOf(this.state.color), unit: this.atlas.units[this.state.color] ?? "" };
    this.stage.renderer.setValues(this.values?.values ?? null, this.values?.range);
  }

  /** The fields of the codes as they are shown now; on the move they are made anew only as often as they are cheap. */
  supportNow() {
    if (this.turn.moving && this.support && performance.now() - this.support.since < PATIENCE * this.support.spent) return this.support;
    const key = `${this.state.frame} ${[...this.state.hidden]}`;
    if (this.support?.key !== key) this.support = Object.assign(new Support(this.atlas, this.state.frame, this.state.hidden, this.stage.view.home), { key });
    return this.support;
  }

  decodeCursor() {
    const { state, atlas } = this;
    const z = state.cursor;
    const picture = atlas.canDecode() ? this.decoding.picture(atlas, this.recogniser, this.follow.decoded, z, state.mode) : null;
    const reading = { z, picture, ...this.#surroundings(z), classes: atlas.classes, theme: this.theme };
    this.inspector?.show(reading);
    // While following nothing ever rests; what is spoken is of where the person has gone.
    const elsewhere = !this.turn.moving || (this.follow.on && String(z) !== this.spokenOf);
    if (elsewhere && !this.tie.following) this.speech.follow(reading);
    this.spokenOf = String(z);
  }

  // On the move the code that was nearest stays in sight, and whether the data reaches here is left for later.
  #surroundings(z) {
    if (!this.turn.moving || this.follow.on) {
      const support = this.supportNow();
      this.nearest = support.nearest(z);
      return { onSupport: support.covers(z), nearest: this.nearest };
    }
    if (!this.nearest) return { onSupport: null, nearest: null };
    const [x, y] = this.atlas.pointAt(this.nearest.index, this.state.frame);
    return { onSupport: null, nearest: { ...this.nearest, distance: Math.hypot(x - z[0], y - z[1]) } };
  }
}
