// The digits' chips: colour and count, click hides or shows, double or alt click isolates.

import { countLabels } from "./atlas.js";
import { element, setText } from "./dom.js";

export class Legend {
  constructor(plane) {
    this.plane = plane;
    const { say } = plane;
    this.chips = [];
    this.list = element("div", { class: "chips", role: "group", "aria-label": say("legend") });
    this.reset = element("button", { type: "button", class: "link", text: say("legend_reset"), onclick: () => plane.setHidden(new Set()) });
    this.scale = element("div", { class: "value-scale" }, element("span", { class: "number quiet" }), element("canvas", { class: "value-ramp" }), element("span", { class: "number quiet" }));
    this.node = element("div", { class: "legend" }, this.scale, this.list);
  }

  /** Makes one chip for each class that has points. */
  setAtlas(atlas) {
    const counts = countLabels(atlas.labels);
    const kinds = counts.map((count, k) => [k, count]).filter(([, count]) => count > 0);
    // Ten classes have a colour and a chip of their own; those beyond are with what has no label.
    const rest = atlas.classes.length > 10 ? this.plane.say("other_labels") : this.plane.say("no_label");
    this.chips = kinds.map(([k, count]) => this.#chip(k, count, k === 10 ? rest : atlas.classes[k] ?? String(k)));
    this.list.replaceChildren(...this.chips.map(({ node }) => node), this.reset);
  }

  #chip(k, count, name) {
    const { plane } = this;
    const dot = element("span", { class: "chip-dot" });
    const node = element("button", { type: "button", class: "chip", title: plane.say("chip_help", { name, count: count.toLocaleString() }) }, dot, element("span", { text: name }));
    node.onclick = (event) => (event.altKey ? this.#isolate(k) : plane.toggleHidden(k));
    node.ondblclick = () => this.#isolate(k);
    return { node, dot, k, name };
  }

  // Isolating the class that is alone already brings the others back.
  #isolate(k) {
    const others = this.chips.map((chip) => chip.k).filter((other) => other !== k);
    const alone = others.length > 0 && others.every((other) => this.plane.state.hidden.has(other)) && !this.plane.state.hidden.has(k);
    this.plane.setHidden(new Set(alone ? [] : others));
  }

  update() {
    const { state, theme, values } = this.plane;
    for (const { node, dot, k } of this.chips) {
      node.setAttribute("aria-pressed", String(!state.hidden.has(k)));
      dot.style.background = values ? theme.ink(0.25) : k === 10 ? theme.ink(0.5) : theme.digit(k);
    }
    this.node.dataset.values = String(Boolean(values));
    this.reset.style.visibility = state.hidden.size ? "visible" : "hidden";
    this.#updateScale(values, theme);
  }

  #updateScale(values, theme) {
    this.scale.hidden = !values;
    if (!values) return;
    const [low, ramp, high] = this.scale.children;
    const round = (x) => (Math.abs(x) >= 100 ? x.toFixed(0) : x.toPrecision(3)).replace("-", "\u2212");
    setText(low, round(values.range[0]));
    setText(high, `${round(values.range[1])} ${values.unit}`);
    ramp.width = 256;
    ramp.height = 1;
    const image = new ImageData(256, 1);
    for (let i = 0; i < 256; i++) image.data.set([...theme.ramp.subarray(3 * i, 3 * i + 3), 255], 4 * i);
    ramp.getContext("2d").putImageData(image, 0, 0);
  }
}
