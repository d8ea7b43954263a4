// A picture of 28 x 28 pixels, some of them hidden, that is changed by strokes and can be taken back.

const ROW = 28;
const ALL = ROW * ROW;
const MOST_KEPT = 60;

/** The pixels whose middles are within half a brush of a stroke from one place to another (in pixels); one at least. */
export function strokePixels([ax, ay], [bx, by], size) {
  const out = [];
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy;
  for (let k = 0; k < ALL; k++) {
    const [x, y] = [(k % ROW) + 0.5, Math.floor(k / ROW) + 0.5];
    const t = length > 0 ? Math.max(0, Math.min(1, ((x - ax) * dx + (y - ay) * dy) / length)) : 0;
    const away = Math.hypot(x - ax - t * dx, y - ay - t * dy);
    if (away <= size / 2 || pixelAt([bx, by]) === k) out.push(k);
  }
  return out;
}

/** The pixel at a place, or -1 outside. */
export function pixelAt([x, y]) {
  return x >= 0 && y >= 0 && x < ROW && y < ROW ? Math.floor(y) * ROW + Math.floor(x) : -1;
}

export class HiddenPicture {
  constructor() {
    this.image = new Float32Array(ALL);
    this.seen = new Uint8Array(ALL);
    this.history = [];
  }

  /** What is there now can be come back to. */
  remember() {
    this.history.push({ image: this.image.slice(), seen: this.seen.slice() });
    if (this.history.length > MOST_KEPT) this.history.shift();
  }

  /** Returns whether there was anything to take back. */
  undo() {
    const before = this.history.pop();
    if (before) Object.assign(this, before);
    return Boolean(before);
  }

  reveal(pixels) {
    for (const k of pixels) this.seen[k] = 1;
  }

  hide(pixels) {
    for (const k of pixels) this.seen[k] = 0;
  }

  /** Painted pixels are seen. */
  paint(pixels, value) {
    for (const k of pixels) {
      this.image[k] = value;
      this.seen[k] = 1;
    }
  }

  setAll(seen) {
    this.seen.fill(seen);
  }

  get shown() {
    return this.seen.reduce((sum, one) => sum + one, 0);
  }
}
