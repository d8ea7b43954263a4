// Pictures made of tiles: the decoded digits as ink, or the recognised digits as colours.

const CELL = 28;

/** One canvas over a range of tiles; a missing tile shows the part of a coarser one that lies over it. */
export class Mosaic {
  /** cell: pixels of one tile; write(data, stride, offset, found, place) paints one of them. */
  constructor(cell, ready, write) {
    this.cell = cell;
    this.ready = ready;
    this.write = write;
    this.canvas = document.createElement("canvas");
  }

  paint(tiles, range, theme) {
    const width = range.columns * this.cell;
    const height = range.rows * this.cell;
    const context = this.canvas.getContext("2d");
    if (this.canvas.width !== width || this.canvas.height !== height || !this.image) {
      this.canvas.width = width;
      this.canvas.height = height;
      this.image = context.createImageData(width, height);
    }
    this.image.data.fill(0);
    for (let row = 0; row < range.rows; row++) {
      for (let column = 0; column < range.columns; column++) {
        const i = range.left + column;
        const j = range.low + range.rows - 1 - row;
        const found = tiles.find(range.level, i, j, this.ready);
        if (found) this.write(this.image.data, width, (row * width + column) * this.cell, found, [i, j], theme);
      }
    }
    context.putImageData(this.image, 0, 0);
    this.range = range;
  }

  draw(context, view, alpha, smooth) {
    if (!this.range) return;
    const side = 2 ** this.range.level;
    const [x, y] = view.toScreen(this.range.left * side, (this.range.low + this.range.rows) * side);
    context.globalAlpha = alpha;
    context.imageSmoothingEnabled = smooth;
    context.drawImage(this.canvas, x, y, this.range.columns * side * view.scale, this.range.rows * side * view.scale);
    context.globalAlpha = 1;
  }
}

// Ink on paper: the text colour, as opaque as the pixel is bright.
function writeDigit(data, stride, offset, { tile, up }, [i, j], theme) {
  const parts = 1 << up;
  const left = ((i & (parts - 1)) * CELL) / parts;
  const top = ((parts - 1 - (j & (parts - 1))) * CELL) / parts;
  const [r, g, b] = theme.text;
  for (let y = 0; y < CELL; y++) {
    const from = Math.floor(top + y / parts) * CELL;
    let k = 4 * (offset + y * stride);
    for (let x = 0; x < CELL; x++, k += 4) {
      data[k] = r;
      data[k + 1] = g;
      data[k + 2] = b;
      data[k + 3] = tile.bytes[from + Math.floor(left + x / parts)];
    }
  }
}

export const digitMosaic = () => new Mosaic(CELL, () => true, writeDigit);

const FINER = 4;
const named = (tile) => tile.shares !== undefined;

/**
 * Colours of recognised digits. The shares of the ten digits are blended between tile centres before the largest
 * is taken, so that borders run smoothly; colours are paler where the recogniser is less sure.
 */
export class RegionMosaic extends Mosaic {
  constructor() {
    super(FINER, named, null);
  }

  paint(tiles, range, theme) {
    const shares = this.#gather(tiles, range);
    this.canvas.width = range.columns * FINER;
    this.canvas.height = range.rows * FINER;
    const context = this.canvas.getContext("2d");
    const image = context.createImageData(this.canvas.width, this.canvas.height);
    for (let y = 0; y < this.canvas.height; y++) {
      for (let x = 0; x < this.canvas.width; x++) this.#paintOne(image, x, y, shares, range.columns + 2, theme);
    }
    context.putImageData(image, 0, 0);
    this.range = range;
  }

  // Ten shares for every tile and a border of one; 0 where nothing is known yet. Row 0 is the uppermost.
  #gather(tiles, range) {
    const columns = range.columns + 2;
    const shares = new Float32Array(columns * (range.rows + 2) * 10);
    for (let row = 0; row < range.rows + 2; row++) {
      for (let column = 0; column < columns; column++) {
        const i = Math.max(0, Math.min(range.columns - 1, column - 1));
        const j = Math.max(0, Math.min(range.rows - 1, row - 1));
        const found = tiles.find(range.level, range.left + i, range.low + range.rows - 1 - j, this.ready);
        if (found) shares.set(found.tile.shares, 10 * (row * columns + column));
      }
    }
    return shares;
  }

  #paintOne(image, x, y, shares, columns, theme) {
    const u = (x + 0.5) / FINER + 0.5;
    const v = (y + 0.5) / FINER + 0.5;
    const [column, row] = [Math.floor(u), Math.floor(v)];
    const [s, t] = [u - column, v - row];
    const k = 10 * (row * columns + column);
    const below = k + 10 * columns;
    let best = -1;
    let most = 0.05;
    for (let d = 0; d < 10; d++) {
      const upper = shares[k + d] * (1 - s) + shares[k + 10 + d] * s;
      const lower = shares[below + d] * (1 - s) + shares[below + 10 + d] * s;
      const share = upper * (1 - t) + lower * t;
      if (share > most) [best, most] = [d, share];
    }
    if (best < 0) return;
    const at = 4 * (y * image.width + x);
    image.data.set(theme.digits[best], at);
    image.data[at + 3] = Math.round(255 * (0.1 + 0.36 * most));
  }
}
