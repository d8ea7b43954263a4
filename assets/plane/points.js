// What both point renderers share: how large, how opaque, and which colour range.

/** Diameter of a point in CSS pixels: small when there are many, larger closer in. */
export function pointSize(count, zoom) {
  const base = 3.8 * (10000 / Math.max(count, 500)) ** 0.2;
  return Math.max(1, Math.min(9, Math.min(5.5, base) * zoom ** 0.3));
}

export function pointAlpha(count) {
  return count > 200000 ? 0.6 : 0.85;
}

/** The 1st and 99th percentile of finite values: a few extreme images do not wash the rest out. */
export function valueRange(values) {
  const finite = [];
  const step = Math.max(1, Math.floor(values.length / 50000));
  for (let i = 0; i < values.length; i += step) if (Number.isFinite(values[i])) finite.push(values[i]);
  finite.sort((a, b) => a - b);
  const low = finite[Math.floor(0.01 * (finite.length - 1))] ?? 0;
  const high = finite[Math.ceil(0.99 * (finite.length - 1))] ?? 1;
  return high > low ? [low, high] : [low, low + 1];
}

/** 1 for every point whose class is shown, else 0. */
export function shownMask(labels, hidden) {
  const shown = new Uint8Array(256).fill(1);
  for (const kind of hidden) shown.fill(0, kind, kind === 10 ? 256 : kind + 1);
  const mask = new Uint8Array(labels.length);
  for (let i = 0; i < labels.length; i++) mask[i] = shown[labels[i]];
  return mask;
}
