// Draws the points without WebGL, writing pixels; the same interface as WebGLPoints.

import { palette } from "./colours.js";
import { pointAlpha, pointSize } from "./points.js";

const FINENESS = 8;

/** How much of each pixel a disc of this diameter covers, as a square of side `side`; small ones are squares. */
function discMask(diameter) {
  if (diameter <= 2.5) return { side: Math.round(diameter), cover: new Float32Array(9).fill(1) };
  const side = Math.ceil(diameter);
  const cover = new Float32Array(side * side);
  for (let y = 0; y < side * FINENESS; y++) {
    for (let x = 0; x < side * FINENESS; x++) {
      const d = Math.hypot((x + 0.5) / FINENESS - side / 2, (y + 0.5) / FINENESS - side / 2);
      if (d <= diameter / 2) cover[Math.floor(y / FINENESS) * side + Math.floor(x / FINENESS)] += 1 / FINENESS ** 2;
    }
  }
  return { side, cover };
}

export class CanvasPoints {
  static on(canvas) {
    const context = canvas.getContext("2d");
    return context ? new CanvasPoints(canvas, context) : null;
  }

  constructor(canvas, context) {
    this.kind = "canvas2d";
    this.canvas = canvas;
    this.context = context;
    this.values = null;
    this.chosen = null;
  }

  setAtlas(atlas) {
    this.atlas = atlas;
  }

  setValues(values, range) {
    this.values = values;
    this.range = range;
  }

  setChosen(mask) {
    this.chosen = mask;
  }

  setTheme(theme) {
    this.theme = theme;
  }

  /** Draws every step-th point. */
  draw(view, frame, hidden, strength, ratio, step = 1) {
    const { width, height } = this.canvas;
    if (!this.atlas || width === 0) return;
    if (this.image?.width !== width || this.image?.height !== height) this.image = this.context.createImageData(width, height);
    this.image.data.fill(0);
    const { labels, count } = this.atlas;
    const points = this.atlas.positionsAt(frame);
    const disc = discMask(pointSize(count, view.zoom) * ratio);
    const alpha = strength * pointAlpha(count);
    const scale = view.scale * ratio;
    const left = view.centre[0] - (width / 2 + disc.side / 2) / scale;
    const top = view.centre[1] + (height / 2 + disc.side / 2) / scale;
    const visible = Uint8Array.from({ length: 256 }, (_, label) => (hidden.has(Math.min(label, 10)) ? 0 : 1));
    for (let i = 0; i < count; i += step) {
      const label = labels[i];
      if (visible[label] === 0) continue;
      const x = Math.round((points[2 * i] - left) * scale) - disc.side;
      const y = Math.round((top - points[2 * i + 1]) * scale) - disc.side;
      if (x <= -disc.side || y <= -disc.side || x >= width || y >= height) continue;
      this.#stamp(x, y, disc, this.#colourOf(i, label > 10 ? 10 : label), alpha * this.#emphasis(i));
    }
    this.context.putImageData(this.image, 0, 0);
  }

  #emphasis(i) {
    if (!this.chosen) return 1;
    return this.chosen[i] ? 1.15 : 0.12;
  }

  #colourOf(i, kind) {
    if (!this.values) return this.colours[kind];
    const [low, high] = this.range;
    const t = Math.max(0, Math.min(1, (this.values[i] - low) / (high - low)));
    const k = 3 * Math.round(255 * (Number.isFinite(t) ? t : 0));
    return this.theme.ramp.subarray(k, k + 3);
  }

  get colours() {
    if (this.coloursOf !== this.theme) {
      this.coloursOf = this.theme;
      this.held = palette(this.theme);
    }
    return this.held;
  }

  // Ordinary "over" compositing with straight alpha; what lies outside is cut off.
  #stamp(left, top, { side, cover }, rgb, alpha) {
    const { width, height, data } = this.image;
    const lastX = Math.min(side, width - left);
    const lastY = Math.min(side, height - top);
    for (let y = top < 0 ? -top : 0; y < lastY; y++) {
      for (let x = left < 0 ? -left : 0; x < lastX; x++) {
        const a = Math.min(1, alpha * cover[y * side + x]);
        if (a === 0) continue;
        const k = 4 * ((top + y) * width + left + x);
        const under = (data[k + 3] / 255) * (1 - a);
        const total = a + under;
        data[k] = (rgb[0] * a + data[k] * under) / total;
        data[k + 1] = (rgb[1] * a + data[k + 1] * under) / total;
        data[k + 2] = (rgb[2] * a + data[k + 2] * under) / total;
        data[k + 3] = 255 * total;
      }
    }
  }

  release() {
    this.image = null;
  }
}
