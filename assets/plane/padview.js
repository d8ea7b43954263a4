// The pad as a view of its own, for a page to put where it wants it: it belongs to a plane, found by name.

import { element } from "./dom.js";

const planes = new Map();
const views = new Set();

/** A plane is there, or has changed what its pad looks like. */
export function announce(name, plane) {
  planes.set(name, plane);
  for (const view of views) view.adopt();
}

export function withdraw(plane) {
  for (const [name, known] of planes) if (known === plane) planes.delete(name);
}

export class PadView {
  constructor(root) {
    this.node = element("div", { class: "latent-plane pad-view" });
    root.append(this.node);
    views.add(this);
  }

  receive(data) {
    this.data = data;
    this.adopt();
  }

  /** Shows the plane's pad, once the plane is there. What was drawn on it stays the plane's. */
  adopt() {
    const plane = planes.get(this.data?.plane);
    if (!plane?.stage) return;
    const pad = plane.openPad();
    if (this.node.firstChild !== pad.body) this.node.replaceChildren(pad.body);
    this.node.dataset.dark = String(plane.theme.dark);
    pad.takePicture(this.data.picture);
  }

  release() {
    views.delete(this);
    this.node.remove();
  }
}
