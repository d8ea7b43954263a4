// A part of a plane as a view of its own, for a page to put where it wants it: the pad, or the brush. Planes are found
// by name.

import { element } from "./dom.js";

const planes = new Map();
const views = new Set();

/** A plane is there, or has changed what its parts look like. */
export function announce(name, plane) {
  planes.set(name, plane);
  for (const view of views) view.adopt();
}

export function withdraw(plane) {
  for (const [name, known] of planes) if (known === plane) planes.delete(name);
}

export class PartView {
  constructor(root) {
    this.node = element("div", { class: "latent-plane pad-view" });
    root.append(this.node);
    views.add(this);
  }

  receive(data) {
    this.data = data;
    this.adopt();
  }

  /** Shows the plane's part, once the plane is there. What was drawn on it stays the plane's. */
  adopt() {
    const plane = planes.get(this.data?.plane);
    if (!plane?.stage) return;
    this.part = plane.openPart(this.data.role);
    const { body } = this.part;
    // The brush belongs where the plane can be seen while one draws.
    const beside = this.data.role === "brush" && (plane.beside.contains(body) || plane.setBeside(body));
    if (!beside && this.node.firstChild !== body) this.node.replaceChildren(body);
    this.node.dataset.dark = String(plane.theme.dark);
    this.part.take(this.data);
  }

  release() {
    views.delete(this);
    this.node.remove();
    this.part?.setOpen?.(false);
  }
}
