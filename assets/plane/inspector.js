// The side column: the decoded image, z, what it looks like, whether the data reaches here, the nearest code.

import { paintGrey } from "./decoding.js";
import { element, iconButton, pixels, setText } from "./dom.js";
import { Twins } from "./twins.js";

const MODES = ["mean", "sample", "std"];

/** A number for the eye: four decimals and a true minus sign. */
export function decimal(value, places = 4) {
  return value.toFixed(places).replace("-", "\u2212");
}

export class Inspector {
  constructor(plane) {
    this.plane = plane;
    const say = plane.say;
    this.image = pixels(28, 28, { class: "decoded", "data-testid": "decoded", role: "img", "aria-label": say("decoded_image") });
    this.again = iconButton("again", say("draw_again"), () => plane.drawAgain(), { hidden: true });
    this.z = [0, 1].map(() => element("span", { class: "number" }));
    this.looks = element("span", { class: "looks-digit" });
    this.confidence = element("span", { class: "number looks-share" });
    this.support = element("span", { class: "support" });
    this.nearest = element("span", { class: "nearest-digit" });
    this.distance = element("span", { class: "number quiet" });
    this.twins = new Twins(plane);
    this.bars = Array.from({ length: 10 }, (_, k) => this.#bar(k));
    this.node = element("section", { class: "inspector", "aria-label": say("inspector") }, element("div", { class: "picture" }, this.image, this.again), this.#modes(), ...this.#facts());
  }

  #modes() {
    const { say } = this.plane;
    this.modes = MODES.map((mode) =>
      element("button", { type: "button", class: "segment", text: say(`mode_${mode}`), title: say(`mode_${mode}_help`), onclick: () => this.plane.setMode(mode) }),
    );
    return element("div", { class: "segments", role: "group", "aria-label": say("mode") }, ...this.modes);
  }

  #bar(k) {
    const fill = element("span", { class: "bar-fill" });
    const node = element("span", { class: "bar" }, element("span", { class: "bar-track" }, fill), element("span", { class: "bar-name", text: String(k) }));
    return { node, fill };
  }

  #facts() {
    const { say } = this.plane;
    const row = (name, ...values) => element("div", { class: "fact" }, element("dt", { text: name }), element("dd", {}, ...values));
    this.bands = element("div", { class: "bars", "aria-hidden": "true" }, ...this.bars.map((bar) => bar.node));
    this.recognised = row(say("looks_like"), this.looks, this.confidence);
    this.supportRow = row(say("support"), this.support);
    this.supportRow.classList.add("support-row");
    this.supportRow.title = say("support_help");
    this.nearestRow = row(say("nearest"), this.nearest, this.distance);
    this.nearestRow.title = say("nearest_help");
    const facts = element("dl", { class: "facts" }, row("z", ...this.z), this.recognised);
    const rest = element("dl", { class: "facts" }, this.supportRow, this.nearestRow);
    return [facts, this.bands, element("div", { class: "rest" }, rest, this.twins.node)];
  }

  /** Follows the state that buttons show. */
  update() {
    const { state } = this.plane;
    this.modes.forEach((button, i) => button.setAttribute("aria-pressed", String(MODES[i] === state.mode)));
    this.again.hidden = state.mode !== "sample";
  }

  /** Shows one decoded point. */
  show({ z, picture, onSupport, nearest, classes, theme }) {
    z.forEach((value, k) => setText(this.z[k], decimal(value)));
    if (picture) {
      paintGrey(this.image, picture.bytes);
      this.#showRecognised(picture, theme);
    }
    const { say } = this.plane;
    if (onSupport !== null) {
      setText(this.support, say(onSupport ? "on_support" : "off_support"));
      this.support.dataset.on = String(onSupport);
    }
    setText(this.nearest, nearest ? classes[nearest.label] ?? "\u2013" : "\u2013");
    this.nearest.style.color = nearest ? theme.digit(nearest.label) : "";
    this.twins.show(nearest);
    setText(this.distance, nearest ? say("distance", { distance: decimal(nearest.distance, 3) }) : "");
  }

  #showRecognised({ probabilities, digit }, theme) {
    const known = probabilities !== null;
    this.recognised.hidden = this.bands.hidden = !known;
    if (!known) return;
    setText(this.looks, String(digit));
    this.looks.style.color = theme.digit(digit);
    setText(this.confidence, probabilities[digit].toFixed(2));
    this.bars.forEach(({ fill }, k) => {
      fill.style.transform = `scaleY(${probabilities[k].toFixed(3)})`;
      fill.style.background = theme.digit(k);
    });
  }
}
