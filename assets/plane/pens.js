// Pens for what lies over the points: ellipses, marks and lines, in four tones.

import { strokeOver, textOver } from "./halo.js";

const TONES = {
  warm: { light: [196, 84, 10], dark: [255, 167, 92] },
  cool: { light: [0, 125, 98], dark: [79, 209, 173] },
};
const REACH = 40;

/** A tone in the theme: "accent", "plain", "warm" or "cool". */
export function toneOf(theme, tone, alpha = 1) {
  if (tone === "accent") return theme.primary(alpha);
  const colours = TONES[tone];
  return colours ? `rgba(${colours[theme.dark ? "dark" : "light"].join(", ")}, ${alpha})` : theme.ink(0.88 * alpha);
}

/** Half axes and turn of the 1-sigma ellipse of a covariance [[a, b], [b, c]]: [long, short, angle]. */
export function ellipseOf([[a, b], [, c]]) {
  const middle = (a + c) / 2;
  const spread = Math.hypot((a - c) / 2, b);
  return [Math.sqrt(Math.max(0, middle + spread)), Math.sqrt(Math.max(0, middle - spread)), 0.5 * Math.atan2(2 * b, a - c)];
}

function traceEllipse(context, view, mean, covariance, sigmas, least = 1) {
  const [long, short, angle] = ellipseOf(covariance);
  const [x, y] = view.toScreen(...mean);
  const size = (half) => Math.max(least, sigmas * half * view.scale);
  // A path that leaves the screen by far is slow to draw, and says nothing.
  if (Math.max(size(long), size(short)) > REACH * view.size) return;
  context.moveTo(x + size(long) * Math.cos(angle), y - size(long) * Math.sin(angle));
  context.ellipse(x, y, size(long), size(short), -angle, 0, 2 * Math.PI);
}

/** A Gaussian at 1 and 2 sigma, with its mean. */
export function drawEllipse(context, view, theme, { mean, covariance, tone, dashed }) {
  context.setLineDash(dashed ? [6, 4] : []);
  for (const [sigmas, width] of [[2, 1.2], [1, 1.8]]) {
    context.beginPath();
    traceEllipse(context, view, mean, covariance, sigmas);
    strokeOver(context, theme, toneOf(theme, tone), width);
  }
  context.setLineDash([]);
  context.beginPath();
  context.arc(...view.toScreen(...mean), 2.5, 0, 2 * Math.PI);
  context.fillStyle = toneOf(theme, tone);
  context.fill();
}

/** A Gaussian where its course has brought it: at place `at` of its steps, whole or between two, with the way there. */
export function drawCourse(context, view, theme, { means, covariances, tone }, at) {
  const k = Math.min(means.length - 2, Math.floor(at));
  const between = (a, b) => a + (b - a) * (at - k);
  const mean = means[k].map((value, axis) => between(value, means[k + 1][axis]));
  const covariance = covariances[k].map((row, i) => row.map((value, j) => between(value, covariances[k + 1][i][j])));
  drawLine(context, view, theme, { points: [...means.slice(0, k + 1), mean], tone });
  drawEllipse(context, view, theme, { mean, covariance, tone });
}

/** Many at 1 sigma, in one stroke. */
export function drawSmallEllipses(context, view, theme, { means, covariances, tone }) {
  context.beginPath();
  means.forEach((mean, k) => traceEllipse(context, view, mean, covariances[k], 1, 0.5));
  context.fillStyle = toneOf(theme, tone, 0.12);
  context.fill();
  strokeOver(context, theme, toneOf(theme, tone, 0.9), 1);
}

/** A line through points. */
export function drawLine(context, view, theme, { points, tone, dashed }) {
  context.beginPath();
  points.forEach((point, k) => context[k ? "lineTo" : "moveTo"](...view.toScreen(...point)));
  context.lineJoin = context.lineCap = "round";
  context.setLineDash(dashed ? [7, 6] : []);
  strokeOver(context, theme, toneOf(theme, tone), 2);
  context.setLineDash([]);
  context.lineCap = "butt";
}

/** Small diamonds with their labels beside them; a label that two others leave no room for is left out. */
export function drawMarkers(context, view, theme, { points, labels, tone }) {
  context.font = `600 12px ${theme.font}`;
  context.textBaseline = "middle";
  context.lineJoin = "round";
  const taken = [];
  points.forEach((point, k) => {
    const [x, y] = view.toScreen(...point);
    context.beginPath();
    context.moveTo(x, y - 6);
    for (const [dx, dy] of [[6, 0], [0, 6], [-6, 0]]) context.lineTo(x + dx, y + dy);
    context.closePath();
    strokeOver(context, theme, toneOf(theme, tone), 1.8);
    if (!labels[k]) return;
    const width = context.measureText(labels[k]).width;
    const room = [x + 10, x - 10 - width].find((left) => taken.every(([l, r, t]) => left > r || left + width < l || Math.abs(t - y) > 14));
    if (room === undefined) return;
    taken.push([room, room + width, y]);
    context.textAlign = "left";
    textOver(context, theme, labels[k], room, y, theme.ink(0.95), 4);
  });
  context.textBaseline = "alphabetic";
}
