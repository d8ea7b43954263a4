// A field as filled contours: paths in latent units, made once and drawn under any view.

import { isolines, tracePath } from "./isolines.js";
import { toneOf } from "./pens.js";
import { decodeRaster, finenessOf, magnitudeLevels, refine, regionLevels } from "./raster.js";

const SHARES = [0.5, 0.9, 0.99];
const BANDS = 11;
const FILLS = [0.5, 0.26, 0.16];
const EDGES = [0.95, 0.7, 0.45];
const GLOW = 0.17;
const GLOWS = [26, 16, 8];
const FAINTEST = 0.04;
const STRONGEST = 0.88;

/** The contours of a field as it comes from the page: a raster (size [width, height]) over a box of latent units. */
export function contoursOfField(field) {
  const { box, scale, size: [width, height] } = field;
  const values = decodeRaster(field);
  const fine = refine(values, width, height, finenessOf(width, height));
  const magnitude = scale === "magnitude" ? magnitudeLevels(values, BANDS) : null;
  const levels = magnitude ? magnitude.levels : regionLevels(fine.values, SHARES);
  const [x0, y0, x1, y1] = box;
  const place = (i, j) => [x0 + ((x1 - x0) * i) / (fine.width - 1), y0 + ((y1 - y0) * j) / (fine.height - 1)];
  return { box, paths: pathsOf(fine, levels, place), magnitude };
}

/** The regions of a surface of log-densities over a part of a lattice, on which cells are not all of one size. */
export function contoursOfSurface(surface, lattice) {
  const fineness = finenessOf(surface.width, surface.height);
  const fine = refine(surface.values, surface.width, surface.height, fineness);
  const step = surface.stride / fineness;
  const widths = (first, count) => Float64Array.from({ length: count }, (_, k) => Math.exp(lattice.logWidthAt(first + k * step)));
  const cells = { across: widths(surface.i, fine.width), up: widths(surface.j, fine.height) };
  const place = (i, j) => [lattice.coordinate(surface.i + i * step), lattice.coordinate(surface.j + j * step)];
  const box = [...place(0, 0), ...place(fine.width - 1, fine.height - 1)];
  return { box, paths: pathsOf(fine, regionLevels(fine.values, SHARES, cells), place), magnitude: null };
}

function pathsOf(raster, levels, place) {
  return levels.map((level) => tracePath(new Path2D(), isolines(raster, level), place));
}

/** Lets a canvas draw in latent units. */
function inWorld(context, view, ratio) {
  const scale = ratio * view.scale;
  const half = (ratio * view.size) / 2;
  context.setTransform(scale, 0, 0, -scale, half - view.centre[0] * scale, half + view.centre[1] * scale);
}

/** Regions within one another, the smallest strongest, in a glow that shows also those that are but a speck. */
export function drawRegions(context, view, ratio, { paths }, [r, g, b]) {
  inWorld(context, view, ratio);
  context.lineJoin = "round";
  context.strokeStyle = `rgba(${r}, ${g}, ${b}, ${GLOW})`;
  for (const width of GLOWS) {
    context.lineWidth = width / view.scale;
    context.stroke(paths.at(-1));
  }
  for (let k = paths.length - 1; k >= 0; k--) {
    context.fillStyle = `rgba(${r}, ${g}, ${b}, ${FILLS[k]})`;
    context.fill(paths[k], "evenodd");
    context.strokeStyle = `rgba(${r}, ${g}, ${b}, ${EDGES[k]})`;
    context.lineWidth = (k === 0 ? 1.4 : 1) / view.scale;
    context.stroke(paths[k]);
  }
}

/**
 * Bands that grow stronger from low to high, on a canvas of their own: each takes the place of what lay there, so that
 * no band shines through the next and no seams show.
 */
export function drawBands(context, view, ratio, { box, paths }, theme, sheet) {
  sheet.width = context.canvas.width;
  sheet.height = context.canvas.height;
  const pen = sheet.getContext("2d");
  inWorld(pen, view, ratio);
  pen.fillStyle = bandColour(theme, 0, paths.length);
  pen.fillRect(box[0], box[1], box[2] - box[0], box[3] - box[1]);
  paths.forEach((path, k) => {
    pen.globalCompositeOperation = "destination-out";
    pen.fillStyle = "#000";
    pen.fill(path, "evenodd");
    pen.globalCompositeOperation = "lighter";
    pen.fillStyle = bandColour(theme, k + 1, paths.length);
    pen.fill(path, "evenodd");
  });
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.drawImage(sheet, 0, 0);
}

/** The colour of band k of count + 1. */
export function bandColour(theme, k, count) {
  return toneOf(theme, "cool", FAINTEST + (STRONGEST - FAINTEST) * (k / Math.max(1, count)));
}
