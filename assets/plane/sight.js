// Which parts are in sight: what nobody sees need not follow the dial while it turns.

export class Sight {
  constructor(parts) {
    this.parts = new Map(parts.filter(Boolean).map((part) => [part.node, part]));
    this.unseen = new Set();
    this.observer = new IntersectionObserver((entries) => entries.forEach((entry) => this.#take(entry)));
    for (const node of this.parts.keys()) this.observer.observe(node);
  }

  // A part that comes into sight shows at once how things stand.
  #take({ target, isIntersecting }) {
    const part = this.parts.get(target);
    if (!isIntersecting) this.unseen.add(part);
    else if (this.unseen.delete(part)) {
      part.follow();
      part.plane.stage.redraw();
    }
  }

  /** The dial has turned: all follow, or while it moves those in sight. */
  follow(moving) {
    for (const part of this.parts.values()) if (!moving || !this.unseen.has(part)) part.follow();
  }

  release() {
    this.observer.disconnect();
  }
}
