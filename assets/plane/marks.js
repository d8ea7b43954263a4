// What is drawn over the points, in lines: axes, prior, selection, path and pins, q(z|x), the cursor's cross-hair.

import { strokeOver, textOver } from "./halo.js";
import { alongPath, halfAxes, tickLabel, ticks } from "./maths.js";

/** Redraws the uppermost canvas. */
export function drawMarks(canvas, ratio, plane) {
  const context = canvas.getContext("2d");
  const { stage, state, theme } = plane;
  const { view } = stage;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, view.size, view.size);
  context.lineJoin = "round";
  const pen = { context, view, theme, state, plane };
  drawAxes(pen);
  if (state.overlays.has("prior") && plane.atlas.hasPrior()) drawPrior(pen);
  if (state.overlays.has("labels")) drawLabels(pen);
  drawSelection(pen);
  drawPath(pen);
  drawCode(pen);
  drawTied(pen);
  drawCursor(pen);
}

function line(context, x1, y1, x2, y2) {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}

function drawAxes({ context, view, theme }) {
  const [ox, oy] = view.toScreen(0, 0).map((v) => Math.round(v) + 0.5);
  context.strokeStyle = theme.ink(0.14);
  context.lineWidth = 1;
  if (ox > 0 && ox < view.size) line(context, ox, 0, ox, view.size);
  if (oy > 0 && oy < view.size) line(context, 0, oy, view.size, oy);
  const [left, low] = view.toWorld(0, view.size);
  const { step, values } = ticks(left, left + view.side, 8);
  const rows = ticks(low, low + view.side, 8).values;
  context.font = `11px ${theme.font}`;
  context.textBaseline = "alphabetic";
  context.textAlign = "center";
  for (const value of values) {
    const x = view.toScreen(value, 0)[0];
    if (x > 26 && x < view.size - 44) textOver(context, theme, tickLabel(value, step), x, view.size - 7, theme.ink(0.55));
  }
  context.textAlign = "left";
  for (const value of rows) {
    const y = view.toScreen(0, value)[1];
    if (y > 26 && y < view.size - 22) textOver(context, theme, tickLabel(value, step), 7, y + 4, theme.ink(0.55));
  }
  drawAxisNames({ context, view, theme });
}

function drawAxisNames({ context, view, theme }) {
  context.font = `italic 12px ${theme.font}`;
  context.textAlign = "right";
  textOver(context, theme, "z\u2081", view.size - 8, view.size - 7, theme.ink(0.7));
  context.textAlign = "left";
  textOver(context, theme, "z\u2082", 7, 16, theme.ink(0.7));
}

function drawPrior({ context, view, theme }) {
  const [x, y] = view.toScreen(0, 0);
  context.font = `11px ${theme.font}`;
  context.textAlign = "center";
  for (const sigmas of [1, 2, 3]) {
    context.beginPath();
    context.arc(x, y, sigmas * view.scale, 0, 2 * Math.PI);
    context.setLineDash([5, 4]);
    strokeOver(context, theme, theme.ink(0.6), 1.1);
    context.setLineDash([]);
    textOver(context, theme, `${sigmas}\u03c3`, x + sigmas * view.scale * Math.SQRT1_2, y - sigmas * view.scale * Math.SQRT1_2 + 4, theme.ink(0.8), 4);
  }
}

/** The name of each class at the heart of its codes. */
function drawLabels({ context, view, theme, state, plane }) {
  context.font = `600 15px ${theme.font}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  // Names step back with the points they belong to.
  const alpha = plane.stage.layers.strength < 1 ? 0.45 : 0.95;
  for (const { kind, z } of plane.turn.hearts()) {
    if (state.hidden.has(kind)) continue;
    const [x, y] = view.toScreen(...z);
    textOver(context, theme, plane.atlas.classes[kind] ?? String(kind), x, y, theme.ink(alpha), alpha < 0.9 ? 3 : 5);
  }
  context.textBaseline = "alphabetic";
}

function drawSelection({ context, view, theme, state, plane }) {
  const polygon = plane.drawing ?? state.selection?.polygon;
  if (!polygon || polygon.length < 2) return;
  context.beginPath();
  polygon.forEach((z, i) => context[i ? "lineTo" : "moveTo"](...view.toScreen(...z)));
  context.closePath();
  context.fillStyle = theme.primary(0.08);
  context.fill();
  context.setLineDash([4, 3]);
  strokeOver(context, theme, theme.primary(1), 1.5);
  context.setLineDash([]);
}

function drawPath({ context, view, theme, state, plane }) {
  const { pins, interpolation } = state;
  if (pins.length > 1) {
    context.beginPath();
    const steps = 48 * (pins.length - 1);
    for (let i = 0; i <= steps; i++) context[i ? "lineTo" : "moveTo"](...view.toScreen(...alongPath(interpolation, pins, i / 48)));
    strokeOver(context, theme, theme.ink(0.75), 1.5);
  }
  pins.forEach((pin, i) => drawPin({ context, view, theme }, pin, String(i + 1)));
  if (plane.path?.playing) drawDot(context, theme, view.toScreen(...state.cursor), 6, theme.primary(1));
}

function drawDot(context, theme, [x, y], radius, colour) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = colour;
  context.fill();
  context.strokeStyle = theme.paper(1);
  context.lineWidth = 2;
  context.stroke();
}

function drawPin({ context, view, theme }, pin, name) {
  const [x, y] = view.toScreen(...pin);
  drawDot(context, theme, [x, y], 9, theme.ink(0.92));
  context.font = `600 11px ${theme.font}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillStyle = theme.paper(1);
  context.fillText(name, x, y + 0.5);
  context.textBaseline = "alphabetic";
}

/** Where a drawn or uploaded digit lands: its mean, and 1 and 2 sigma of q(z|x). */
function drawCode({ context, view, theme, plane }) {
  const code = plane.pad?.code;
  if (!code) return;
  const [x, y] = view.toScreen(...code.mean);
  for (const sigmas of code.logvar ? [2, 1] : []) {
    const [a, b] = halfAxes(code.logvar, sigmas);
    context.beginPath();
    context.ellipse(x, y, Math.max(1, a * view.scale), Math.max(1, b * view.scale), 0, 0, 2 * Math.PI);
    context.fillStyle = theme.primary(0.14);
    context.fill();
    strokeOver(context, theme, theme.primary(1), 1.5);
  }
  drawDot(context, theme, [x, y], 4.5, theme.primary(1));
}

/** The image that tied planes look at together. */
function drawTied({ context, view, theme, state, plane }) {
  const { index } = plane.tie;
  if (index === null || index >= plane.atlas.count) return;
  context.beginPath();
  context.arc(...view.toScreen(...plane.atlas.pointAt(index, state.frame)), 6, 0, 2 * Math.PI);
  strokeOver(context, theme, theme.primary(1), 2);
}

function drawCursor({ context, view, theme, state, plane }) {
  // While one brushes there is nothing to be read off at the cursor, and it would stand in the way.
  if (plane.brush?.open && !plane.inside) return;
  const [x, y] = view.toScreen(...state.cursor);
  if (x < -1 || y < -1 || x > view.size + 1 || y > view.size + 1) return;
  const gap = 7;
  context.beginPath();
  for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    context.moveTo(x + dx * gap, y + dy * gap);
    context.lineTo(x + dx * (gap + 9), y + dy * (gap + 9));
  }
  context.lineCap = "round";
  strokeOver(context, theme, theme.ink(1), 1.6);
  context.strokeStyle = theme.ink(0.2);
  context.lineWidth = 1;
  line(context, Math.round(x) + 0.5, 0, Math.round(x) + 0.5, view.size);
  line(context, 0, Math.round(y) + 0.5, view.size, Math.round(y) + 0.5);
  context.lineCap = "butt";
}
