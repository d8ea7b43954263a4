// Draws the points without WebGL, writing pixels; the same interface as WebGLPoints.

import { palette } from "./colours.js";
import { pointAlpha, pointSize } from "./points.js";

/** How much of each pixel a disc of this diameter covers, as a square of side `side`. */
function discMask(diameter) {
  const side = Math.max(1, Math.ceil(diameter));
  const cover = new Float32Array(side * side);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const d = Math.hypot(x + 0.5 - side / 2, y + 0.5 - side / 2);
      cover[y * side + x] = diameter <= 2.5 ? 1 : Math.max(0, Math.min(1, diameter / 2 - d + 0.25));
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

  draw(view, frame, hidden, strength, ratio) {
    const { width, height } = this.canvas;
    if (!this.atlas || width === 0) return;
    if (this.image?.width !== width || this.image?.height !== height) this.image = this.context.createImageData(width, height);
    this.image.data.fill(0);
    const points = this.atlas.positionsAt(frame);
    const disc = discMask(pointSize(this.atlas.count, view.zoom) * ratio);
    const alpha = strength * pointAlpha(this.atlas.count);
    const scale = view.scale * ratio;
    const left = view.centre[0] - width / 2 / scale;
    const top = view.centre[1] + height / 2 / scale;
    for (let i = 0; i < this.atlas.count; i++) {
      const kind = Math.min(this.atlas.labels[i], 10);
      if (hidden.has(kind)) continue;
      const x = Math.round((points[2 * i] - left) * scale - disc.side / 2);
      const y = Math.round((top - points[2 * i + 1]) * scale - disc.side / 2);
      if (x < 0 || y < 0 || x + disc.side > width || y + disc.side > height) continue;
      this.#stamp(x, y, disc, this.#colourOf(i, kind), alpha * this.#emphasis(i));
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

  // Ordinary "over" compositing with straight alpha.
  #stamp(left, top, { side, cover }, rgb, alpha) {
    const data = this.image.data;
    for (let y = 0; y < side; y++) {
      let k = 4 * ((top + y) * this.canvas.width + left);
      for (let x = 0; x < side; x++, k += 4) {
        const a = Math.min(1, alpha * cover[y * side + x]);
        if (a === 0) continue;
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
