// Where a raster passes a level: closed lines around what lies above it.

import { CROSSINGS } from "./fields.js";

/**
 * Marching squares whose pieces are joined up: a list of closed lines, each x, y, x, y, ... in nodes from the first,
 * with what is at or above `level` on the right. A raster's edge closes what goes beyond it.
 */
export function isolines({ values, width, height }, level) {
  const wide = width + 2;
  const next = new Int32Array(2 * wide * (height + 2)).fill(-1);
  const starts = [];
  // Cells go from one before the first node to the last: outside there is nothing.
  const above = (i, j) => i >= 0 && j >= 0 && i < width && j < height && values[j * width + i] >= level;
  const across = (i, j) => 2 * ((j + 1) * wide + i + 1);
  const edges = [0, 0, 0, 0];
  for (let j = -1; j < height; j++) {
    if (!touches(values, width, height, j, level)) continue;
    let left = (above(-1, j) ? 1 : 0) | (above(-1, j + 1) ? 2 : 0);
    for (let i = -1; i < width; i++) {
      const right = (above(i + 1, j) ? 1 : 0) | (above(i + 1, j + 1) ? 2 : 0);
      const which = (left & 1) | ((right & 1) << 1) | ((right & 2) << 1) | ((left & 2) << 2);
      left = right;
      if (which === 0 || which === 15) continue;
      edges[0] = across(i, j);
      edges[1] = across(i + 1, j) + 1;
      edges[2] = across(i, j + 1);
      edges[3] = across(i, j) + 1;
      const crossed = CROSSINGS[which];
      for (let k = 0; k < crossed.length; k += 2) {
        next[edges[crossed[k]]] = edges[crossed[k + 1]];
        starts.push(edges[crossed[k]]);
      }
    }
  }
  return joinUp(next, starts, (edge) => crossingOf(values, width, height, edge, level));
}

// Whether any node of rows j and j + 1 is at or above the level.
function touches(values, width, height, j, level) {
  const from = Math.max(0, j) * width;
  const to = Math.min(height, j + 2) * width;
  for (let k = from; k < to; k++) if (values[k] >= level) return true;
  return false;
}

function joinUp(next, starts, pointOf) {
  const lines = [];
  for (const start of starts) {
    if (next[start] < 0) continue;
    const line = [];
    let edge = start;
    while (next[edge] >= 0) {
      line.push(...pointOf(edge));
      const after = next[edge];
      next[edge] = -1;
      edge = after;
    }
    lines.push(Float32Array.from(line));
  }
  return lines;
}

// Where an edge is crossed; an edge that leaves the raster, at its node within.
function crossingOf(values, width, height, edge, level) {
  const wide = width + 2;
  const upwards = edge % 2;
  const place = (edge - upwards) / 2;
  const i = (place % wide) - 1;
  const j = Math.floor(place / wide) - 1;
  const to = [i + 1 - upwards, j + upwards];
  if (i < 0 || j < 0) return to;
  if (to[0] >= width || to[1] >= height) return [i, j];
  const [from, end] = [values[j * width + i], values[to[1] * width + to[0]]];
  const t = (level - from) / (end - from);
  return upwards ? [i, j + t] : [i + t, j];
}

/** Adds closed lines to a path, rounded through the middles of their pieces; `place` brings nodes to where they lie. */
export function tracePath(path, lines, place) {
  for (const line of lines) {
    const count = line.length / 2;
    const point = (k) => place(line[2 * (k % count)], line[2 * (k % count) + 1]);
    let here = point(0);
    let after = point(1);
    path.moveTo((here[0] + after[0]) / 2, (here[1] + after[1]) / 2);
    for (let k = 1; k <= count; k++) {
      here = after;
      after = point(k + 1);
      path.quadraticCurveTo(here[0], here[1], (here[0] + after[0]) / 2, (here[1] + after[1]) / 2);
    }
    path.closePath();
  }
  return path;
}
