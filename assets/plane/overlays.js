// What is drawn beneath the points: regions, density, holes and decoded tiles, each as the state asks.

import { digitMosaic, RegionMosaic } from "./mosaic.js";
import { levelFor, Tiles, visibleRange } from "./tiles.js";

const TILE = 30;
const REGION = 14;
const QUICK_TILE = 1;
const QUICK_REGION = 2;
const SETTLED = 140;
const REPAINT = 90;

export class Overlays {
  constructor(plane) {
    this.plane = plane;
    this.tiles = new Tiles();
    this.digits = digitMosaic();
    this.regions = new RegionMosaic();
    this.pictures = new Map();
    this.refreshed = 0;
  }

  setAtlas() {
    this.forgetTiles();
    this.forgetPictures();
  }

  forgetTiles() {
    this.tiles.forget();
    this.planned = null;
  }

  forgetPictures() {
    this.pictures.clear();
    this.painted = null;
  }

  #shows(name) {
    const { atlas, state, recogniser } = this.plane;
    if (!state.overlays.has(name)) return false;
    if (name === "tiles") return atlas.canDecode();
    if (name === "regions") return atlas.canDecode() && recogniser !== null;
    return name !== "holes" || atlas.hasPrior();
  }

  /** Points step back where something beneath them is looked at. */
  pointStrength() {
    if (this.#shows("tiles")) return 0.28;
    return this.#shows("density") ? 0.55 : 1;
  }

  // ---- tiles: a plan for the view, worked off a little in every frame

  // quick: the level that is decoded first after the frame has moved on, and the only one while it moves.
  #wants() {
    const { view } = this.plane.stage;
    const levels = [];
    const add = (size, named, quick) => {
      const fine = levelFor(view, size);
      for (const up of [2, 1, 0]) levels.push({ level: fine + up, named, quick: up === quick, first: up === 2 });
    };
    if (this.#shows("tiles")) add(TILE, false, QUICK_TILE);
    if (this.#shows("regions")) add(REGION, true, QUICK_REGION);
    levels.sort((a, b) => b.level - a.level);
    return levels.map(({ level, ...about }) => ({ range: visibleRange(view, level), ...about }));
  }

  // While the frame moves on only coarse tiles are decoded, in turns, each at the frame of its moment.
  #replan() {
    const { turn, follow, atlas } = this.plane;
    // While following the decoder is the newest, wherever the points are on their way to it.
    const onTheMove = turn.moving && !follow.on;
    const frame = atlas.decoderPlace(follow.decoded);
    const wants = this.#wants();
    const key = JSON.stringify(wants);
    const now = performance.now();
    const turned = this.frame !== frame;
    const began = onTheMove && !this.moving;
    this.moving = onTheMove;
    if (key !== this.planned || began || (turned && (this.tiles.done || !onTheMove))) {
      const coarse = wants.filter(({ quick, first }) => (turned || onTheMove ? quick : first));
      if (turned) this.tiles.age(Math.min(...coarse.map(({ range }) => range.level)));
      this.frame = frame;
      this.planned = key;
      this.changed = now;
      this.complete = false;
      this.tiles.plan(coarse, frame);
    } else if (!this.complete && !onTheMove && now - this.changed > SETTLED) {
      this.complete = true;
      this.tiles.plan(wants, frame);
    }
    return wants.length > 0 && !this.complete && !onTheMove;
  }

  /** Spends a few milliseconds on missing tiles. Returns whether there is more to do in the next frame. */
  work(busy) {
    const waiting = this.#replan();
    const { atlas, recogniser, follow } = this.plane;
    if (this.tiles.done) return waiting;
    const budget = this.moving ? 4.5 : busy ? 2.5 : 7;
    const progress = this.tiles.work(atlas, recogniser, atlas.decoderPlace(follow.decoded), budget);
    const now = performance.now();
    // Painting costs as much as decoding: several frames' work goes into one picture.
    if (progress && (this.moving || this.tiles.done || now - this.refreshed > REPAINT)) {
      this.refreshed = now;
      this.painted = null;
      this.draw();
    }
    return true;
  }

  // ---- drawing

  draw() {
    const { stage, theme } = this.plane;
    const canvas = stage.under;
    const context = canvas.getContext("2d");
    context.setTransform(stage.ratio, 0, 0, stage.ratio, 0, 0);
    context.clearRect(0, 0, stage.view.size, stage.view.size);
    this.#paintMosaics();
    if (this.#shows("regions")) this.regions.draw(context, stage.view, 1, true);
    if (this.#shows("density")) this.#drawDensity(context, theme);
    if (this.#shows("holes")) this.#drawHoles(context);
    if (this.#shows("tiles")) this.digits.draw(context, stage.view, 0.92, true);
  }

  #paintMosaics() {
    const { stage, theme } = this.plane;
    const all = [["tiles", this.digits, TILE, QUICK_TILE], ["regions", this.regions, REGION, QUICK_REGION]];
    const parts = all.filter(([name]) => this.#shows(name));
    const ranges = parts.map(([, , size, quick]) => visibleRange(stage.view, levelFor(stage.view, size) + (this.moving ? quick : 0)));
    const key = JSON.stringify(ranges);
    if (key === this.painted) return;
    parts.forEach(([, mosaic], k) => mosaic.paint(this.tiles, ranges[k], theme));
    this.painted = key;
  }

  // Draws a grid of the codes' support, enlarged to where it lies.
  #drawField(context, picture) {
    const { view } = this.plane.stage;
    const { extent } = this.plane.supportNow();
    const [x, y] = view.toScreen(extent.x, extent.y + extent.side);
    context.imageSmoothingEnabled = true;
    context.drawImage(picture, x, y, extent.side * view.scale, extent.side * view.scale);
  }

  #drawDensity(context, theme) {
    const support = this.plane.supportNow();
    const highest = support.field.values.reduce((a, b) => Math.max(a, b), 0);
    const [r, g, b] = theme.accent;
    const picture = this.#picture("density", support, (k) => [r, g, b, Math.round(190 * (support.field.values[k] / highest) ** 0.6)]);
    this.#drawField(context, picture);
    const { view } = this.plane.stage;
    context.strokeStyle = theme.primary(0.55);
    context.lineWidth = 1;
    for (const lines of support.contours) {
      context.beginPath();
      for (let k = 0; k < lines.length; k += 4) {
        context.moveTo(...view.toScreen(lines[k], lines[k + 1]));
        context.lineTo(...view.toScreen(lines[k + 2], lines[k + 3]));
      }
      context.stroke();
    }
  }

  // A hatching held to the mask: drawn on a canvas of its own, then laid down.
  #drawHoles(context) {
    const { stage, theme } = this.plane;
    const support = this.plane.supportNow();
    const mask = this.#picture("holes", support, (k) => [0, 0, 0, support.holes[k] ? 255 : 0]);
    this.layer ??= document.createElement("canvas");
    this.layer.width = this.layer.height = stage.under.width;
    const layer = this.layer.getContext("2d");
    layer.setTransform(stage.ratio, 0, 0, stage.ratio, 0, 0);
    this.#drawField(layer, mask);
    layer.globalCompositeOperation = "source-in";
    layer.fillStyle = this.#hatching(layer, theme);
    layer.fillRect(0, 0, stage.view.size, stage.view.size);
    context.drawImage(this.layer, 0, 0, stage.view.size, stage.view.size);
  }

  #hatching(context, theme) {
    const pattern = document.createElement("canvas");
    pattern.width = pattern.height = 8;
    const pen = pattern.getContext("2d");
    pen.fillStyle = theme.ink(0.05);
    pen.fillRect(0, 0, 8, 8);
    pen.strokeStyle = theme.ink(0.45);
    pen.lineWidth = 1;
    for (const shift of [-8, 0, 8]) {
      pen.beginPath();
      pen.moveTo(shift, 8);
      pen.lineTo(shift + 8, 0);
      pen.stroke();
    }
    return context.createPattern(pattern, "repeat");
  }

  // One pixel for each cell of the support's grid, kept until the support or the theme changes.
  #picture(name, support, colourOf) {
    const held = this.pictures.get(name);
    if (held?.support === support) return held.canvas;
    const { size } = support.field;
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = size;
    const image = new ImageData(size, size);
    for (let j = 0; j < size; j++) {
      for (let i = 0; i < size; i++) image.data.set(colourOf(j * size + i), 4 * ((size - 1 - j) * size + i));
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
    this.pictures.set(name, { support, canvas });
    return canvas;
  }
}
