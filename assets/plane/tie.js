// Planes of one page tied together: one leads with its pointer, the others follow, and followers never lead.

const groups = new Map();
const TIES = ["coordinate", "image"];

export class Tie {
  constructor(plane) {
    this.plane = plane;
    this.group = null;
    this.mode = "none";
    /** The point that is looked at in all of them, or null. */
    this.index = null;
    this.following = false;
  }

  /** What the page says: {group, mode}; anything else ties this plane to none. */
  take(link) {
    const fine = typeof link?.group === "string" && link.group !== "" && TIES.includes(link.mode);
    if (!fine || link.group !== this.group) this.leave();
    this.mode = fine ? link.mode : "none";
    if (this.mode !== "image") this.index = null;
    if (!fine) return;
    this.group = link.group;
    if (!groups.has(this.group)) groups.set(this.group, new Set());
    groups.get(this.group).add(this.plane);
  }

  leave() {
    const group = groups.get(this.group);
    group?.delete(this.plane);
    if (group?.size === 0) groups.delete(this.group);
    this.group = null;
    this.index = null;
  }

  get #others() {
    return [...(groups.get(this.group) ?? [])].filter((plane) => plane !== this.plane && plane.atlas);
  }

  /** This plane's cursor has moved: the others go to the same z, or to the image whose code is nearest to it. */
  lead() {
    this.following = false;
    if (this.mode === "none" || !this.plane.atlas) return;
    const z = this.plane.state.cursor;
    this.index = this.mode === "image" ? this.plane.supportNow().nearest(z)?.index ?? null : null;
    for (const other of this.#others) other.tie.#follow(z, this.mode, this.index);
  }

  #follow(z, mode, index) {
    const { plane } = this;
    if (mode === "image" && (index === null || index >= plane.atlas.count)) return;
    this.following = true;
    this.index = index;
    clearTimeout(plane.rest);
    plane.state.cursor = mode === "image" ? plane.atlas.pointAt(index, plane.state.frame) : [...z];
    plane.stage.follow();
  }

  /** What this plane hides the others hide. Only this one tells the page. */
  hide(hidden) {
    if (this.mode === "none") return;
    for (const other of this.#others) {
      other.state.hidden = new Set(hidden);
      other.markSelection();
      other.refresh();
    }
  }
}
