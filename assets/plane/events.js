// The one place for events on the plane: pointer, wheel, touch and keyboard become actions of LatentPlane.

const SLACK = 4;
const PIN_REACH = 12;

class Gestures {
  constructor(plane) {
    this.plane = plane;
    this.pointers = new Map();
    this.tool = "pan";
    this.active = null;
  }

  place(event) {
    const box = this.plane.stage.node.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  world(at) {
    return this.plane.stage.view.toWorld(...at);
  }

  pinAt(at) {
    const { state, stage } = this.plane;
    return state.pins.findLastIndex((pin) => {
      const [x, y] = stage.view.toScreen(...pin);
      return Math.hypot(x - at[0], y - at[1]) <= PIN_REACH;
    });
  }

  down(event) {
    if (event.button !== 0 || !this.plane.atlas) return;
    const at = this.place(event);
    this.plane.path?.pause();
    this.plane.stage.node.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, at);
    if (this.pointers.size === 2) this.startPinch();
    if (this.pointers.size > 1) return;
    const pin = this.pinAt(at);
    this.active = { kind: this.kindOf(event, pin), start: at, last: at, pin, moved: false };
  }

  // What a drag that starts here does. A finger moves the cursor; a mouse pans.
  kindOf(event, pin) {
    if (pin >= 0) return "pin";
    if (this.plane.tool === "box" || event.shiftKey) return "box";
    if (this.plane.tool === "lasso") return "lasso";
    return event.pointerType === "touch" ? "cursor" : "pan";
  }

  move(event) {
    if (!this.plane.atlas) return;
    const at = this.place(event);
    if (this.pointers.has(event.pointerId)) this.pointers.set(event.pointerId, at);
    if (this.pinch) return this.movePinch();
    if (!this.active) return this.hover(at);
    const { active } = this;
    if (!active.moved && Math.hypot(at[0] - active.start[0], at[1] - active.start[1]) < SLACK) return undefined;
    if (!active.moved) this.beginDrag(active);
    active.moved = true;
    this.drag(active, at);
    active.last = at;
    return undefined;
  }

  // Moves as the browser receives them; `pointermove` keeps them back until a frame begins.
  moveEarly(event) {
    if (this.plane.atlas && !this.active && this.pointers.size === 0) this.hover(this.place(event));
  }

  hover(at) {
    const z = this.world(at);
    // The same place on the screen is another point once the view has moved.
    if (this.hovered?.every((value, axis) => value === z[axis]) && this.plane.inside) return;
    this.hovered = z;
    this.plane.stage.node.dataset.over = this.pinAt(at) >= 0 ? "pin" : "plane";
    this.plane.hover(z);
  }

  beginDrag(active) {
    this.hovered = null;
    if (active.kind === "pin") this.plane.startMovingPin();
    if (active.kind === "lasso") this.plane.drawing = [this.world(active.start)];
    this.plane.stage.node.dataset.drag = active.kind;
  }

  drag(active, at) {
    const { plane } = this;
    if (active.kind === "pan") {
      plane.stage.view.panBy(at[0] - active.last[0], at[1] - active.last[1]);
      plane.stage.moved();
    } else if (active.kind === "pin") plane.movePin(active.pin, this.world(at), false);
    else if (active.kind === "cursor") plane.hover(this.world(at));
    else if (active.kind === "box") plane.drawing = this.box(active.start, at);
    else plane.drawing.push(this.world(at));
    if (plane.drawing) plane.stage.redraw();
  }

  box(a, b) {
    return [[a[0], a[1]], [b[0], a[1]], [b[0], b[1]], [a[0], b[1]]].map((corner) => this.world(corner));
  }

  up(event) {
    const at = this.place(event);
    this.pointers.delete(event.pointerId);
    if (this.pinch) {
      if (this.pointers.size === 0) this.pinch = this.active = null;
      return;
    }
    const { active, plane } = this;
    this.active = null;
    delete plane.stage.node.dataset.drag;
    if (!active) return;
    if (!active.moved) this.click(active, at);
    else if (active.kind === "pin") plane.movePin(active.pin, this.world(at), true);
    else if (active.kind === "cursor") plane.settle(this.world(at));
    else if (plane.drawing) {
      const polygon = plane.drawing;
      plane.drawing = null;
      plane.select(polygon);
    }
  }

  click({ pin }, at) {
    if (pin >= 0) this.plane.removePin(pin);
    else this.plane.addPin(this.world(at));
  }

  cancel(event) {
    this.pointers.delete(event.pointerId);
    this.active = this.pinch = this.plane.drawing = null;
    delete this.plane.stage.node.dataset.drag;
    this.plane.stage.redraw();
  }

  startPinch() {
    this.active = this.plane.drawing = null;
    this.pinch = this.spread();
  }

  spread() {
    const [[ax, ay], [bx, by]] = [...this.pointers.values()];
    return { middle: [(ax + bx) / 2, (ay + by) / 2], distance: Math.max(10, Math.hypot(ax - bx, ay - by)) };
  }

  movePinch() {
    if (this.pointers.size < 2) return;
    const now = this.spread();
    const { view } = this.plane.stage;
    view.panBy(now.middle[0] - this.pinch.middle[0], now.middle[1] - this.pinch.middle[1]);
    view.zoomAt(...now.middle, now.distance / this.pinch.distance);
    this.pinch = now;
    this.plane.stage.moved();
  }

  wheel(event) {
    if (!this.plane.atlas) return;
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
    const strength = event.ctrlKey ? 0.01 : 0.0016;
    const factor = Math.exp(-Math.max(-300, Math.min(300, event.deltaY * lines)) * strength);
    this.plane.stage.view.zoomAt(...this.place(event), factor);
    this.plane.stage.moved();
  }
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/** Does what a key means; returns whether it meant anything. */
function press(plane, event) {
  const { key, shiftKey } = event;
  if ((event.ctrlKey || event.metaKey) && key.toLowerCase() === "z") return plane.undo(), true;
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  if (ARROWS[key]) return plane.step(ARROWS[key], shiftKey), true;
  const actions = {
    Enter: () => plane.addPin(plane.state.cursor),
    Escape: () => plane.escape(),
    Backspace: () => plane.removePin(plane.state.pins.length - 1),
    "+": () => plane.zoom(1.25),
    "=": () => plane.zoom(1.25),
    "-": () => plane.zoom(0.8),
    0: () => plane.resetView(),
    f: () => plane.lookAtRegions(),
  };
  // With Caps Lock on, F comes as a capital.
  const name = key.length === 1 ? key.toLowerCase() : key;
  if (!Object.hasOwn(actions, name)) return false;
  actions[name]();
  return true;
}

/** Starts listening; returns the function that ends it. */
export function listen(plane) {
  const gestures = new Gestures(plane);
  const { node } = plane.stage;
  const ending = new AbortController();
  const on = (name, act, options = {}) => node.addEventListener(name, act, { signal: ending.signal, ...options });
  on("pointerdown", (event) => gestures.down(event));
  on("pointerrawupdate", (event) => gestures.moveEarly(event));
  on("pointermove", (event) => gestures.move(event));
  on("pointerup", (event) => gestures.up(event));
  on("pointercancel", (event) => gestures.cancel(event));
  on("pointerleave", () => gestures.active || gestures.pinch || plane.leave());
  on("wheel", (event) => gestures.wheel(event), { passive: false });
  on("dblclick", () => plane.resetView());
  on("keydown", (event) => {
    if (!plane.atlas || !press(plane, event)) return;
    event.preventDefault();
    event.stopPropagation();
  });
  return () => ending.abort();
}
