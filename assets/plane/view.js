// The window onto the plane: world to screen and back, pan and zoom within limits. Units are square.

const SPARE = 1.12;
const LOOSE = 1.7;
const GLIDE = 0.15;
const BREATHING = 1.25;
const DEEPEST = 2000;

export class View {
  constructor() {
    this.size = 1;
    this.home = { x: -4, y: -4, side: 8 };
    this.centre = [0, 0];
    this.side = 8;
    /** The square it is on its way to: a home that is another, or what is to be looked at; null at rest. */
    this.target = null;
  }

  /**
   * The square to start with: around all but the outermost thousandth of the points on each side, so that a few
   * strays do not make the rest small, around 3 sigma of the prior if there is one, and a margin.
   */
  static extentOf(points, withPrior) {
    const edges = [0, 1].map((k) => {
      const step = 2 * Math.max(1, Math.floor(points.length / 2 / 100000));
      const values = [];
      for (let i = k; i < points.length; i += step) if (Number.isFinite(points[i])) values.push(points[i]);
      values.sort((a, b) => a - b);
      const stray = Math.floor(values.length / 1000);
      const [low, high] = [values[stray] ?? -3, values[values.length - 1 - stray] ?? 3];
      return withPrior ? [Math.min(low, -3), Math.max(high, 3)] : [low, high];
    });
    const side = 1.1 * Math.max(edges[0][1] - edges[0][0], edges[1][1] - edges[1][0], 1e-3);
    const [x, y] = edges.map(([low, high]) => (low + high - side) / 2);
    return { x, y, side };
  }

  setHome(extent) {
    this.home = extent;
    this.reset();
  }

  reset() {
    this.#show(this.home);
  }

  #show({ x, y, side }) {
    this.target = null;
    this.centre = [x + side / 2, y + side / 2];
    this.side = side;
  }

  /** Sets out for a box of latent units, [x0, y0, x1, y1], and a margin around it. */
  lookAt([x0, y0, x1, y1]) {
    const side = Math.max(BREATHING * Math.max(x1 - x0, y1 - y0), this.home.side / DEEPEST);
    this.target = { x: (x0 + x1 - side) / 2, y: (y0 + y1 - side) / 2, side };
  }

  /**
   * Fits home to points that move: larger as soon as they leave it, smaller where they leave most of it empty. A view
   * that is at home goes along in steps of `approach`, one of the person's own stays.
   */
  fit({ x, y, side }) {
    const { home } = this;
    const inside = x >= home.x && y >= home.y && x + side <= home.x + home.side && y + side <= home.y + home.side;
    if (inside && home.side < LOOSE * side) return;
    const along = this.target === home || (this.target === null && this.#isHome());
    // With room to spare, so that it is not due again at once.
    const larger = SPARE * side;
    this.home = { x: x + (side - larger) / 2, y: y + (side - larger) / 2, side: larger };
    if (along) this.target = this.home;
  }

  #isHome() {
    const { x, y, side } = this.home;
    return this.side === side && this.centre[0] === x + side / 2 && this.centre[1] === y + side / 2;
  }

  /** Goes a part of the way it has set out on. Returns whether it has moved. */
  approach() {
    if (!this.target) return false;
    const { x, y, side } = this.target;
    const away = Math.hypot(x + side / 2 - this.centre[0], y + side / 2 - this.centre[1]);
    if (Math.abs(side - this.side) + away < 0.003 * side) {
      this.#show(this.target);
      return true;
    }
    this.side += GLIDE * (side - this.side);
    this.centre[0] += GLIDE * (x + side / 2 - this.centre[0]);
    this.centre[1] += GLIDE * (y + side / 2 - this.centre[1]);
    return true;
  }

  /** Is there at once. */
  arrive() {
    if (this.target) this.#show(this.target);
  }

  /** Pixels for one unit. */
  get scale() {
    return this.size / this.side;
  }

  /** How far in, 1 at home. */
  get zoom() {
    return this.home.side / this.side;
  }

  toScreen(x, y) {
    const half = this.size / 2;
    return [half + (x - this.centre[0]) * this.scale, half - (y - this.centre[1]) * this.scale];
  }

  toWorld(px, py) {
    const half = this.size / 2;
    return [this.centre[0] + (px - half) / this.scale, this.centre[1] - (py - half) / this.scale];
  }

  panBy(dx, dy) {
    this.target = null;
    this.centre[0] -= dx / this.scale;
    this.centre[1] += dy / this.scale;
    this.#limit();
  }

  /** Zooms so that the world point under a pixel stays there. */
  zoomAt(px, py, factor) {
    this.target = null;
    const [x, y] = this.toWorld(px, py);
    const side = this.side / factor;
    this.side = Math.min(4 * this.home.side, Math.max(this.home.side / DEEPEST, side));
    const [nx, ny] = this.toWorld(px, py);
    this.centre[0] += x - nx;
    this.centre[1] += y - ny;
    this.#limit();
  }

  /** Moves as little as needed to have a world point on screen, a margin (share of the side) from the edge. */
  include([x, y], margin = 0.06) {
    const half = this.side * (0.5 - margin);
    const before = [...this.centre];
    this.centre[0] = Math.min(x + half, Math.max(x - half, this.centre[0]));
    this.centre[1] = Math.min(y + half, Math.max(y - half, this.centre[1]));
    this.#limit();
    return this.centre[0] !== before[0] || this.centre[1] !== before[1];
  }

  // The middle of the screen stays within one and a half home squares of home.
  #limit() {
    const { x, y, side } = this.home;
    this.centre[0] = Math.min(x + 2 * side, Math.max(x - side, this.centre[0]));
    this.centre[1] = Math.min(y + 2 * side, Math.max(y - side, this.centre[1]));
  }
}
