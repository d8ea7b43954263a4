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

// The digit's colour, paler where the recogniser is less sure.
function writeRegion(data, stride, offset, { tile }, place, theme) {
  data.set(theme.digits[tile.digit], 4 * offset);
  data[4 * offset + 3] = Math.round(255 * (0.12 + 0.5 * Math.max(0, (tile.share - 0.3) / 0.7)));
}

export const digitMosaic = () => new Mosaic(CELL, () => true, writeDigit);
export const regionMosaic = () => new Mosaic(1, (tile) => tile.digit !== undefined, writeRegion);
