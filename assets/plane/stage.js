// The square itself: three canvases over one another, the renderer of the points, and the frame loop.

import { CanvasPoints } from "./canvas.js";
import { readTheme } from "./colours.js";
import { trimMeasures } from "./decoding.js";
import { element, setText } from "./dom.js";
import { Layers } from "./layers.js";
import { drawMarks } from "./marks.js";
import { Overlays } from "./overlays.js";
import { Pace } from "./pace.js";
import { View } from "./view.js";
import { WebGLPoints } from "./webgl.js";

const LARGEST = 760;
const SMALLEST = 240;
const AROUND = 276;
const DIAL = 84;
const READINGS = 246;
const ROOM = 336;
const NARROW = 700;
const GAP = 28;
const STILL = 160;

export class Stage {
  constructor(plane) {
    this.plane = plane;
    const { say } = plane;
    this.view = new View();
    this.under = element("canvas", { class: "layer" });
    this.over = element("canvas", { class: "layer" });
    this.message = element("div", { class: "message" });
    this.status = element("div", { class: "status" });
    this.node = element(
      "div",
      { class: "stage", "data-testid": "latent-plane", "data-ready": "false", tabindex: "0", role: "application", "aria-label": say("plane"), "aria-description": say("plane_keys") },
      this.under,
      this.over,
      this.status,
      this.message,
    );
    this.overlays = new Overlays(plane);
    this.layers = new Layers(plane);
    this.node.append(this.layers.key);
    this.pace = new Pace();
    this.extents = new WeakMap();
    this.dirty = {};
    this.drawn = 0;
    this.#makeRenderer(plane.data.renderer === "canvas2d");
  }

  #makeRenderer(plain) {
    const canvas = () => element("canvas", { class: "layer" });
    const renderer = (!plain && WebGLPoints.on(canvas(), () => this.#fallBack())) || CanvasPoints.on(canvas());
    this.renderer?.canvas.remove();
    this.renderer = renderer;
    this.under.after(renderer.canvas);
    if (this.layers?.canvas.isConnected) renderer.canvas.after(this.layers.canvas);
    this.node.dataset.renderer = renderer.kind;
  }

  // The graphics context is gone (driver reset, too many tabs): the same picture goes on in 2-D.
  #fallBack() {
    const { atlas, values } = this.plane;
    this.#makeRenderer(true);
    this.renderer.setTheme(this.theme);
    if (atlas) this.renderer.setAtlas(atlas);
    this.renderer.setValues(values?.values ?? null, values?.range);
    this.plane.markSelection();
    this.resize();
  }

  /** Reads the theme; returns whether it is another than before. */
  setTheme() {
    const theme = readTheme(this.node);
    if (theme.key === this.theme?.key) return false;
    this.theme = theme;
    this.renderer.setTheme(this.theme);
    this.overlays.forgetPictures();
    this.plane.node.dataset.dark = String(this.theme.dark);
    return true;
  }

  /** Another atlas, or a newer base of the same series, of which the view and what is decoded stay. */
  setAtlas(atlas, same = false) {
    this.trains = atlas.axis.name === "step";
    if (!same) this.view.setHome(this.trains ? this.#extent() : View.extentOf(atlas.positions, atlas.hasPrior()));
    this.renderer.setAtlas(atlas);
    if (!same) this.overlays.setAtlas(atlas);
    this.resize();
    this.node.dataset.model = atlas.name;
    this.redraw({ points: true, cursor: true });
  }

  // What the frame nearest to the dial's place takes up.
  #extent() {
    const { atlas, state } = this.plane;
    const places = atlas.places[Math.min(atlas.frames - 1, Math.round(state.frame))];
    if (!this.extents.has(places)) this.extents.set(places, View.extentOf(places, atlas.hasPrior()));
    return this.extents.get(places);
  }

  /** The frame is another: in a training run codes spread and draw together, by far more than along other axes. */
  fit() {
    if (!this.trains) return;
    this.view.fit(this.#extent());
    this.#unlessStill();
  }

  /** Sets out for a box of latent units. */
  lookAt(box) {
    this.view.lookAt(box);
    this.#unlessStill();
    this.redraw({ points: true });
  }

  #unlessStill() {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) this.view.arrive();
  }

  forgetTiles() {
    this.overlays.forgetTiles();
  }

  setMessage(text, isError, busy = false) {
    setText(this.message, text ?? "");
    this.message.hidden = text === null;
    this.message.dataset.error = String(isError);
    this.node.setAttribute("aria-busy", String(busy));
  }

  /** Keeps the square as large as the container and the window allow. */
  watch(container) {
    this.container = container;
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(container);
    this.onWindow = () => this.resize();
    window.addEventListener("resize", this.onWindow);
    this.resize();
  }

  resize() {
    const width = this.container.clientWidth;
    if (width === 0) return;
    const narrow = width < NARROW;
    const across = narrow || !this.plane.inspector ? width : Math.floor(0.62 * width);
    const down = narrow ? 0.8 * window.innerHeight : window.innerHeight - AROUND - (this.trains ? DIAL : 0);
    const side = Math.floor(Math.max(SMALLEST, Math.min(across, LARGEST, down)));
    this.container.dataset.narrow = String(narrow);
    this.container.style.setProperty("--side", `${side}px`);
    // The decoded image takes whole screen pixels for each of its own.
    const beside = narrow ? 0.42 * width : Math.min(width - side - GAP, side - READINGS);
    const picture = 28 * Math.max(5, Math.floor(beside / 28));
    this.container.style.setProperty("--picture", `${picture}px`);
    // In a low window the readings may be wider than the picture, so as not to run out below the plane.
    this.container.style.setProperty("--readings", `${Math.max(picture, Math.min(ROOM, width - side - GAP))}px`);
    this.ratio = window.devicePixelRatio || 1;
    this.view.size = side;
    const pixels = Math.round(side * this.ratio);
    for (const canvas of [this.under, this.renderer.canvas, this.over]) {
      if (canvas.width !== pixels) canvas.width = canvas.height = pixels;
    }
    this.layers.fit(pixels);
    for (const part of [this.plane.curves, this.plane.rates]) part?.resize(width);
    this.redraw({ points: true });
  }

  /** Asks for a redraw in the next animation frame: of the points, of what follows the cursor, or both. */
  redraw(what = {}) {
    Object.assign(this.dirty, what);
    this.request ??= requestAnimationFrame((now) => this.#tick(now));
  }

  /** The cursor has moved: its image is decoded at once, though no more often than frames show it. */
  follow() {
    if (this.followed || !this.plane.atlas || !this.ratio) return this.redraw({ cursor: true });
    this.followed = true;
    this.plane.decodeCursor();
    return this.redraw();
  }

  /** The view has moved: a redraw of as many points as keep the movement fluent, of all once it rests. */
  moved() {
    this.redraw({ points: true, moving: true });
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      this.pace.rest();
      if (this.step > 1) this.redraw({ points: true });
    }, STILL);
  }

  #tick(now) {
    this.request = undefined;
    const { atlas } = this.plane;
    if (!atlas || !this.ratio) return;
    if (this.dirty.turned) this.fit();
    const onTheWay = this.view.approach();
    const { points = onTheWay, cursor, moving, turned } = this.dirty;
    const busy = Boolean(cursor || points || this.followed);
    this.dirty = {};
    this.followed = false;
    this.plane.turn.renew();
    if (turned) this.plane.followTurn();
    if (cursor) this.plane.decodeCursor();
    if (points) this.#drawPoints(moving ? this.pace.stepFor(atlas.count, now) : 1);
    drawMarks(this.over, this.ratio, this.plane);
    this.#describe(atlas);
    const more = [onTheWay, this.overlays.work(busy), this.plane.path?.work(), this.plane.row?.work(), this.plane.samples?.work(), this.plane.brush?.work(busy), this.plane.foresight.work(), this.layers.work()];
    if (more.some(Boolean)) this.redraw();
  }

  #drawPoints(step) {
    this.step = step;
    const start = performance.now();
    const { state } = this.plane;
    this.overlays.draw();
    this.renderer.draw(this.view, state.frame, state.hidden, Math.min(this.overlays.pointStrength(), this.layers.strength ?? 1), this.ratio, step);
    this.layers.draw();
    performance.measure("latent-plane:draw", { start, end: performance.now() });
    trimMeasures("latent-plane:draw", ++this.drawn);
  }

  #describe(atlas) {
    const { state, selected, say } = this.plane;
    const { dataset } = this.node;
    setText(this.status, state.selection ? say("selected", { count: selected.toLocaleString() }) : "");
    dataset.z = state.cursor.map((value) => value.toFixed(6)).join(",");
    dataset.frame = String(state.frame);
    dataset.points = String(atlas.countShown(state.hidden));
    dataset.ready = "true";
  }

  release() {
    cancelAnimationFrame(this.request);
    clearTimeout(this.resting);
    this.observer?.disconnect();
    window.removeEventListener("resize", this.onWindow);
    this.renderer.release();
  }
}
