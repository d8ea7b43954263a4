// The aria-live line: says where the cursor is and what the digit looks like, not more than once a second.

import { element, setText } from "./dom.js";

const PAUSE = 900;

export class Speech {
  constructor(plane) {
    this.plane = plane;
    this.node = element("div", { class: "spoken", role: "status", "aria-live": "polite", "data-testid": "spoken" });
  }

  /** Speaks of the newest reading once it has stood for a moment. */
  follow({ z, picture, onSupport }) {
    this.words = () => this.#sentence([...z], picture?.digit ?? null, picture?.probabilities?.[picture.digit] ?? 0, onSupport);
    const pending = this.words();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => setText(this.node, pending), PAUSE);
  }

  #sentence(z, digit, share, onSupport) {
    const { say } = this.plane;
    const parts = [say("spoken_place", { x: z[0].toFixed(2), y: z[1].toFixed(2) })];
    if (digit !== null) parts.push(say("spoken_digit", { digit, percent: Math.round(100 * share) }));
    parts.push(say(onSupport ? "spoken_on" : "spoken_off"));
    return parts.join(" ");
  }
}
