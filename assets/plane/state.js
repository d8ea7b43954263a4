// What one plane shows: the state, how options from the page enter it, and what is told to the page.

import { thinned } from "./maths.js";

const isPoint = (z) => Array.isArray(z) && z.length === 2 && z.every(Number.isFinite);
const oneOf = (choices) => (value) => choices.includes(value);
const isList = (each) => (value) => Array.isArray(value) && value.every(each);

/** Points keep being selected when the frame changes: a selection remembers the frame it was drawn at. */
export function selectionOf(polygon, frame) {
  return polygon && polygon.length > 2 ? { polygon: thinned(polygon, 128), frame } : null;
}

export const OVERLAYS = ["labels", "prior", "density", "holes", "tiles", "regions"];

// Each option of the page: what is accepted, and what the state holds. The rest of `data` is read as it is.
const OPTIONS = {
  z: { accepts: isPoint, take: (z) => ({ cursor: [...z], anchor: [...z] }) },
  pins: { accepts: isList(isPoint), take: (pins) => ({ pins: pins.map((pin) => [...pin]) }) },
  frame: { accepts: (frame) => Number.isFinite(frame) && frame >= 0, take: (frame) => ({ frame }) },
  color: { accepts: (name) => typeof name === "string", take: (color) => ({ color }) },
  overlays: { accepts: isList(oneOf(OVERLAYS)), take: (names) => ({ overlays: new Set(names) }) },
  hidden: { accepts: isList((k) => Number.isInteger(k) && k >= 0 && k <= 10), take: (kinds) => ({ hidden: new Set(kinds) }) },
  mode: { accepts: oneOf(["mean", "sample", "std"]), take: (mode) => ({ mode }) },
  interpolation: { accepts: oneOf(["linear", "spherical"]), take: (interpolation) => ({ interpolation }) },
  selection: {
    accepts: (s) => s === null || isList(isPoint)(s),
    take: (polygon) => ({ selection: selectionOf(polygon, 0) }),
  },
};

export function initialState() {
  return {
    cursor: [0, 0], anchor: null, pins: [], frame: 0, color: "digit", overlays: new Set(), hidden: new Set(),
    mode: "mean", interpolation: "linear", selection: null, drawn: null, brushed: null,
  };
}

/** Lets options in that the page has changed since last time, and keeps out echoes of what was sent to it. */
export class Options {
  constructor() {
    this.last = {};
    this.sent = {};
    this.revision = undefined;
  }

  /** The part of the state that `data` changes. */
  changes(data) {
    const forced = data.revision !== this.revision;
    this.revision = data.revision;
    let changes = {};
    for (const [name, { accepts, take }] of Object.entries(OPTIONS)) {
      if (!(name in data) || !accepts(data[name])) continue;
      const text = JSON.stringify(data[name]);
      const fresh = text !== this.last[name] && !this.sent[name]?.has(text);
      this.last[name] = text;
      if (forced || fresh) changes = { ...changes, ...take(data[name]) };
    }
    return changes;
  }

  /** Remembers what the page is told, so that its answer is known for an echo. */
  remember(message) {
    for (const name of Object.keys(OPTIONS)) {
      if (!(name in message)) continue;
      // Told with its count and circumstances, a selection comes back as its corners alone.
      const echo = name === "selection" ? message.selection?.polygon ?? null : message[name];
      this.sent[name] ??= new Set();
      this.sent[name].add(JSON.stringify(echo));
      if (this.sent[name].size > 200) this.sent[name].delete(this.sent[name].values().next().value);
    }
  }
}

const rounded = (z) => z.map((value) => Number(value.toFixed(6)));

/** What the page is told. Selections travel as a polygon: 70,000 indices would be a long letter. */
export function messageOf(state, count) {
  const selection = state.selection && { polygon: state.selection.polygon.map(rounded), count, frame: state.selection.frame, hidden: [...state.hidden].sort((a, b) => a - b) };
  return {
    z: state.anchor && rounded(state.anchor),
    pins: state.pins.map(rounded),
    interpolation: state.interpolation,
    frame: state.frame,
    color: state.color,
    overlays: OVERLAYS.filter((name) => state.overlays.has(name)),
    hidden: [...state.hidden].sort((a, b) => a - b),
    mode: state.mode,
    selection,
    drawn: state.drawn && Array.from(state.drawn),
    brushed: state.brushed,
  };
}
