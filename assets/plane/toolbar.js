// The row above the plane: what a drag does, zoom, what colours the points, which overlays are on.

import { element, icon, iconButton, setText } from "./dom.js";
import { OVERLAYS } from "./state.js";

const TOOLS = ["pan", "box", "lasso"];

export class Toolbar {
  constructor(plane) {
    this.plane = plane;
    const { say } = plane;
    this.tools = TOOLS.map((tool) => iconButton(tool, say(`tool_${tool}`), () => plane.setTool(tool)));
    const group = (name, ...buttons) => element("div", { class: "button-group", role: "group", "aria-label": name }, ...buttons);
    this.colour = element("select", { class: "select", "aria-label": say("colour"), title: say("colour_help") });
    this.colour.onchange = () => plane.setColour(this.colour.value);
    this.regions = iconButton("focus", say("zoom_regions"), () => plane.lookAtRegions());
    this.regions.hidden = true;
    this.node = element(
      "div",
      { class: "toolbar" },
      group(say("tools"), ...this.tools),
      group(
        say("zoom"),
        iconButton("plus", say("zoom_in"), () => plane.zoom(1.4)),
        iconButton("minus", say("zoom_out"), () => plane.zoom(1 / 1.4)),
        iconButton("fit", say("zoom_reset"), () => plane.resetView()),
        this.regions,
      ),
      element("label", { class: "labelled" }, element("span", { text: say("colour") }), this.colour),
      this.#overlayMenu(),
    );
  }

  #overlayMenu() {
    const { say } = this.plane;
    this.boxes = OVERLAYS.map((name) => {
      const box = element("input", { type: "checkbox" });
      box.onchange = () => this.plane.setOverlay(name, box.checked);
      const words = element("span", {}, element("span", { text: say(`overlay_${name}`) }), element("small", { text: say(`overlay_${name}_help`) }));
      return { name, box, node: element("label", { class: "choice" }, box, words) };
    });
    this.count = element("span", { class: "count number" });
    const menu = element(
      "details",
      { class: "menu" },
      element("summary", { class: "menu-button" }, icon("layers"), element("span", { text: say("overlays") }), this.count),
      element("div", { class: "menu-panel" }, ...this.boxes.map(({ node }) => node)),
    );
    menu.onkeydown = (event) => {
      if (event.key !== "Escape") return;
      menu.open = false;
      menu.firstChild.focus();
      event.stopPropagation();
    };
    // A press elsewhere closes the menu.
    menu.ontoggle = () => {
      const root = menu.getRootNode();
      root.onpointerdown = menu.open ? (event) => event.composedPath().includes(menu) || (menu.open = false) : null;
    };
    return menu;
  }

  update() {
    const { state, atlas, tool, say, recogniser } = this.plane;
    this.tools.forEach((button, i) => button.setAttribute("aria-pressed", String(TOOLS[i] === tool)));
    const possible = { prior: atlas.hasPrior(), holes: atlas.hasPrior(), tiles: atlas.canDecode(), regions: atlas.canDecode() && recogniser !== null };
    for (const { name, box } of this.boxes) {
      box.checked = state.overlays.has(name);
      box.disabled = possible[name] === false;
    }
    const on = this.boxes.filter(({ box }) => box.checked && !box.disabled).length;
    setText(this.count, on ? String(on) : "");
    this.#updateColours(["digit", ...atlas.values.keys()], state.color, say);
  }

  updateRegions(present) {
    this.regions.hidden = !present;
  }

  #updateColours(names, chosen, say) {
    if (this.names !== names.join()) {
      this.names = names.join();
      const word = (name) => (say(`colour_${name}`) === `colour_${name}` ? name : say(`colour_${name}`));
      this.colour.replaceChildren(...names.map((name) => element("option", { value: name, text: word(name) })));
    }
    this.colour.value = names.includes(chosen) ? chosen : "digit";
  }
}
