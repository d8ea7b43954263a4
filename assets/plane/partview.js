// A part of a plane as a view of its own, for a page to put where it wants it: the pad, or the brush. Planes are found
// by name.

import { Brush } from "./brush.js";
import { element } from "./dom.js";
import { Pad } from "./pad.js";

const PART_KINDS = { pad: Pad, brush: Brush };
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

/** The plane's pad or brush, made when a view of its own first asks for it. */
function openPart(plane, role) {
  if (!plane[role]) {
    plane[role] = new PART_KINDS[role](plane);
    plane[role].setAtlas();
  }
  return plane[role];
}

/** What stands beside the plane in place of the readings, or null for those. Returns whether there is room for it. */
function setBeside({ beside, inspector }, body) {
  if (!inspector) return false;
  if (body && !beside.contains(body)) beside.append(body);
  else if (!body) beside.replaceChildren();
  beside.hidden = body === null;
  inspector.node.hidden = body !== null;
  return true;
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
    this.plane = plane;
    this.part = openPart(plane, this.data.role);
    this.part.setOpen?.(true);
    const { body } = this.part;
    // The brush belongs where the plane can be seen while one draws.
    const beside = this.data.role === "brush" && setBeside(plane, body);
    if (!beside && this.node.firstChild !== body) this.node.replaceChildren(body);
    this.node.dataset.dark = String(plane.theme.dark);
    this.part.take(this.data);
  }

  release() {
    views.delete(this);
    this.node.remove();
    if (!this.part?.setOpen) return;
    this.part.setOpen(false);
    setBeside(this.plane, null);
  }
}
