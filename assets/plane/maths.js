// Pure functions of the plane: Gaussians, paths between points, polygons.

// Coefficients of Wichura 1988, algorithm AS 241 (PPND16): central region, then two tails.
const CENTRAL = [
  [3.387132872796366608, 133.14166789178437745, 1971.5909503065514427, 13731.693765509461125, 45921.953931549871457,
    67265.770927008700853, 33430.575583588128105, 2509.0809287301226727],
  [1, 42.313330701600911252, 687.1870074920579083, 5394.1960214247511077, 21213.794301586595867,
    39307.89580009271061, 28729.085735721942674, 5226.495278852545925],
];
const NEAR_TAIL = [
  [1.42343711074968357734, 4.6303378461565452959, 5.7694972214606914055, 3.64784832476320460504, 1.27045825245236838258,
    0.24178072517745061177, 0.0227238449892691845833, 7.7454501427834140764e-4],
  [1, 2.05319162663775882187, 1.6763848301838038494, 0.68976733498510000455, 0.14810397642748007459,
    0.0151986665636164571966, 5.475938084995344946e-4, 1.05075007164441684324e-9],
];
const FAR_TAIL = [
  [6.6579046435011037772, 5.4637849111641143699, 1.7848265399172913358, 0.29656057182850489123, 0.026532189526576123093,
    0.0012426609473880784386, 2.71155556874348757815e-5, 2.01033439929228813265e-7],
  [1, 0.59983220655588793769, 0.13692988092273580531, 0.0148753612908506148525, 7.868691311456132591e-4,
    1.8463183175100546818e-5, 1.4215117583164458887e-7, 2.04426310338993978564e-15],
];

const polynomial = (coefficients, x) => coefficients.reduceRight((sum, c) => sum * x + c, 0);
const ratio = ([above, below], x) => polynomial(above, x) / polynomial(below, x);

/** The standard normal quantile of p in (0, 1); -Infinity at 0, Infinity at 1. */
export function inverseNormal(p) {
  const q = p - 0.5;
  if (Math.abs(q) <= 0.425) return q * ratio(CENTRAL, 0.180625 - q * q);
  const tail = q < 0 ? p : 1 - p;
  if (tail <= 0) return tail < 0 ? NaN : Math.sign(q) * Infinity;
  const r = Math.sqrt(-Math.log(tail));
  return Math.sign(q) * (r <= 5 ? ratio(NEAR_TAIL, r - 1.6) : ratio(FAR_TAIL, r - 5));
}

/** Uniform and normal numbers from one seed (mulberry32), so that a sample can be drawn again. */
export class Random {
  constructor(seed) {
    this.state = seed >>> 0;
  }

  /** In (0, 1), never either end. */
  uniform() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 4294967296;
  }

  normal() {
    return inverseNormal(this.uniform());
  }
}

const lerp = ([ax, ay], [bx, by], t) => [ax + (bx - ax) * t, ay + (by - ay) * t];

const NEARLY_PARALLEL = 1e-4;

/**
 * Spherical interpolation about the origin, as in vae_core.interpolation: the direction turns at an even rate the
 * short way round (Shoemake 1985) while the length changes evenly. Where there is no such arc it is the line.
 */
function slerp(a, b, t) {
  const lengths = [Math.hypot(...a), Math.hypot(...b)];
  if (Math.min(...lengths) < NEARLY_PARALLEL) return lerp(a, b, t);
  const start = Math.atan2(a[1], a[0]);
  let turn = Math.atan2(b[1], b[0]) - start;
  if (turn > Math.PI) turn -= 2 * Math.PI;
  if (turn <= -Math.PI) turn += 2 * Math.PI;
  if (Math.abs(Math.sin(turn)) < NEARLY_PARALLEL) return lerp(a, b, t);
  const length = lengths[0] + (lengths[1] - lengths[0]) * t;
  return [length * Math.cos(start + turn * t), length * Math.sin(start + turn * t)];
}

const PATHS = { linear: lerp, spherical: slerp };

/** The point at t in [0, 1] between two points, "linear" or "spherical". */
export function between(kind, a, b, t) {
  if (t <= 0) return [...a];
  if (t >= 1) return [...b];
  return PATHS[kind](a, b, t);
}

/** The point at position t in [0, pins - 1] of a path through the pins; whole numbers are pins. */
export function alongPath(kind, pins, t) {
  const leg = Math.max(0, Math.min(pins.length - 2, Math.floor(t)));
  if (pins.length === 1) return [...pins[0]];
  return between(kind, pins[leg], pins[leg + 1], t - leg);
}

/** Even-odd rule. */
export function inPolygon(polygon, x, y) {
  let inside = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const [xi, yi] = polygon[i];
    const [xj, yj] = polygon[j];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}

/** At most `most` corners of a polygon, evenly taken: a lasso drawn slowly has thousands. */
export function thinned(polygon, most) {
  if (polygon.length <= most) return polygon;
  return Array.from({ length: most }, (_, i) => polygon[Math.floor((i * polygon.length) / most)]);
}

/** Half axes of the k-sigma ellipse of a Gaussian with diagonal covariance exp(logvar). */
export function halfAxes(logvar, sigmas) {
  return [sigmas * Math.exp(logvar[0] / 2), sigmas * Math.exp(logvar[1] / 2)];
}

/** Even steps that make at most `most` ticks over [low, high]: 1, 2 or 5 times a power of ten. */
export function ticks(low, high, most) {
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((m) => m * power >= rough) * power;
  const out = [];
  for (let i = Math.ceil(low / step); i * step <= high; i++) out.push(i * step);
  return { step, values: out };
}

/** A number for a label: as many decimals as its step needs, a true minus sign. */
export function tickLabel(value, step) {
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const text = Math.abs(value) < step / 2 ? "0" : value.toFixed(decimals);
  return text.replace("-", "\u2212");
}
