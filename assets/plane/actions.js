// Everything a person can do on a plane: move, pin, select, hide, choose. What follows from it is the plane's.

import { inPolygon } from "./maths.js";
import { initialState, selectionOf } from "./state.js";

const REST = 250;
const STEPS = 40;
const MOST_PINS = 64;

export class Actions {
  constructor() {
    this.state = initialState();
    this.history = [];
    this.tool = "pan";
    this.drawing = null;
    this.selected = 0;
  }

  // ---- the cursor

  /** The pointer is at z; nothing is told to the page until it rests. */
  hover(z) {
    this.state.cursor = z;
    this.inside = true;
    clearTimeout(this.rest);
    if (this.data.rest !== false) this.rest = setTimeout(() => this.settle(z), REST);
    this.tie.lead();
    this.stage.follow();
  }

  leave() {
    clearTimeout(this.rest);
    this.inside = false;
    if (this.state.anchor) this.state.cursor = [...this.state.anchor];
    this.tie.lead();
    this.stage.redraw({ cursor: true });
  }

  /** Where nobody points the cursor stands at z for now; the page is told nothing of it. */
  glanceAt(z) {
    if (this.inside) return;
    this.state.cursor = [...z];
    this.tie.lead();
    this.stage.redraw({ cursor: true });
  }

  /** z is where the person means to be: shown when the pointer leaves, and told to the page. */
  settle(z) {
    clearTimeout(this.rest);
    this.state.cursor = [...z];
    this.state.anchor = [...z];
    this.tie.lead();
    this.stage.redraw({ cursor: true });
    this.tell();
  }

  drawAgain() {
    this.decoding.seed++;
    this.stage.redraw({ cursor: true });
  }

  // ---- pins and selection, which can be undone

  remember() {
    const { pins, selection } = this.state;
    this.history.push({ pins: pins.map((pin) => [...pin]), selection });
    if (this.history.length > 100) this.history.shift();
  }

  undo() {
    const before = this.history.pop();
    if (!before) return;
    Object.assign(this.state, before);
    this.markSelection();
    this.changed();
  }

  /** Pins a point; the page takes 64 at most. */
  addPin(z) {
    if (this.state.pins.length >= MOST_PINS) return;
    this.remember();
    this.state.pins.push([...z]);
    this.state.anchor = [...z];
    this.state.cursor = [...z];
    this.changed();
    this.foresight.foresee(z);
  }

  removePin(index) {
    if (!this.state.pins[index]) return;
    this.remember();
    this.state.pins.splice(index, 1);
    this.changed();
  }

  startMovingPin() {
    this.remember();
  }

  movePin(index, z, done) {
    this.state.pins[index] = [...z];
    this.state.cursor = [...z];
    this.tie.lead();
    if (done) this.settle(z);
    if (done) this.foresight.foresee(z);
    this.path?.update();
    this.stage.redraw({ cursor: true });
  }

  clearPins() {
    if (!this.state.pins.length) return;
    this.remember();
    this.state.pins = [];
    this.changed();
  }

  /** A polygon in world coordinates, or null. */
  select(polygon) {
    this.remember();
    this.state.selection = selectionOf(polygon, this.state.frame);
    this.markSelection();
    this.changed();
  }

  escape() {
    if (this.state.selection) this.select(null);
    else this.clearPins();
  }

  markSelection() {
    const { selection } = this.state;
    this.selected = 0;
    if (!selection || !this.atlas) {
      this.stage.renderer?.setChosen(null);
      return;
    }
    const points = this.atlas.positionsAt(Math.min(selection.frame, this.atlas.frames - 1));
    const mask = new Uint8Array(this.atlas.count);
    const { hidden } = this.state;
    for (let i = 0; i < mask.length; i++) {
      if (hidden.has(Math.min(this.atlas.labels[i], 10))) continue;
      if (inPolygon(selection.polygon, points[2 * i], points[2 * i + 1])) this.selected += mask[i] = 1;
    }
    this.stage.renderer.setChosen(mask);
  }

  // ---- settings

  setHidden(hidden) {
    this.state.hidden = hidden;
    this.tie.hide(hidden);
    this.markSelection();
    this.changed();
  }

  toggleHidden(k) {
    const hidden = new Set(this.state.hidden);
    if (!hidden.delete(k)) hidden.add(k);
    this.setHidden(hidden);
  }

  setMode(mode) {
    this.set({ mode });
  }

  setColour(color) {
    this.set({ color });
  }

  setOverlay(name, on) {
    const overlays = new Set(this.state.overlays);
    if (on) overlays.add(name);
    else overlays.delete(name);
    this.set({ overlays });
  }

  setInterpolation(interpolation) {
    this.set({ interpolation });
  }

  setDrawn(drawn) {
    this.set({ drawn });
  }

  /** What the brush has left: told, and nothing on the plane follows from it but what the brush shows itself. */
  setBrushed(brushed) {
    this.state.brushed = brushed;
    this.tell();
  }

  set(change) {
    Object.assign(this.state, change);
    this.changed();
  }

  changed() {
    this.refresh();
    this.tell();
  }

  // ---- the window onto the plane

  setTool(tool) {
    this.tool = tool;
    this.stage.node.dataset.tool = tool;
    this.toolbar?.update();
  }

  /** Moves the cursor a fortieth of what is on screen, or a tenth of that. */
  step([dx, dy], fine) {
    const { view } = this.stage;
    const by = view.side / STEPS / (fine ? 10 : 1);
    const [x, y] = this.state.cursor;
    const moved = [x + dx * by, y + dy * by];
    if (view.include(moved)) this.stage.redraw({ points: true });
    this.hover(moved);
    this.state.anchor = [...moved];
  }

  zoom(factor) {
    const { view } = this.stage;
    const [x, y] = view.toScreen(...this.state.cursor);
    const onScreen = x >= 0 && y >= 0 && x <= view.size && y <= view.size;
    view.zoomAt(...(onScreen ? [x, y] : [view.size / 2, view.size / 2]), factor);
    this.stage.redraw({ points: true });
  }

  lookAtRegions() {
    const { regions } = this.stage.layers;
    if (regions) this.stage.lookAt(regions);
  }

  resetView() {
    this.stage.view.reset();
    this.stage.redraw({ points: true });
  }

  /** The path's marker is at z: shown, and told to the page only when it stops. */
  showAlong(z) {
    clearTimeout(this.rest);
    this.state.cursor = z;
    this.tie.lead();
    this.stage.redraw({ cursor: true });
  }
}
