// Strokes of a pen made like MNIST: a 20 x 20 box, ink's centre of mass in the middle of 28 x 28 (LeCun et al. 1998).

const BOX = 20;
const SIDE = 28;
const PEN = 2.6;
const FINE = 8;
const LEAST_SPAN = 0.2;

function extentOf(strokes) {
  const points = strokes.flat();
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  return { left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) };
}

/** Scale and shift that bring the strokes, pen included, into the box; a dot is not blown up to fill it. */
function fitting(strokes, padSide) {
  const { left, right, top, bottom } = extentOf(strokes);
  const scale = (BOX - PEN) / Math.max(right - left, bottom - top, LEAST_SPAN * padSide);
  return { scale, dx: SIDE / 2 - (scale * (left + right)) / 2, dy: SIDE / 2 - (scale * (top + bottom)) / 2 };
}

function paintStrokes(strokes, { scale, dx, dy }) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE * FINE;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.setTransform(FINE * scale, 0, 0, FINE * scale, FINE * dx, FINE * dy);
  context.lineWidth = PEN / scale;
  context.lineCap = context.lineJoin = "round";
  for (const stroke of strokes) {
    context.beginPath();
    context.moveTo(...stroke[0]);
    for (const point of stroke) context.lineTo(...point);
    context.stroke();
  }
  return context.getImageData(0, 0, canvas.width, canvas.height).data;
}

/** 784 values in [0, 1]: each pixel the mean of its FINE x FINE cover. */
function shrink(data) {
  const out = new Float32Array(SIDE * SIDE);
  const side = SIDE * FINE;
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      out[Math.floor(y / FINE) * SIDE + Math.floor(x / FINE)] += data[4 * (y * side + x) + 3] / (255 * FINE * FINE);
    }
  }
  return out;
}

/** The centre of mass of an image (row-major, 28 x 28) as [x, y] in pixels; the middle of an empty one. */
export function centreOfMass(image) {
  const sums = [0, 0, 0];
  image.forEach((value, i) => {
    sums[0] += value;
    sums[1] += value * ((i % SIDE) + 0.5);
    sums[2] += value * (Math.floor(i / SIDE) + 0.5);
  });
  return sums[0] > 0 ? [sums[1] / sums[0], sums[2] / sums[0]] : [SIDE / 2, SIDE / 2];
}

/** The strokes (lists of [x, y] on a pad padSide wide) as 784 pixels in [0, 1], row-major; null without strokes. */
export function rasterise(strokes, padSide) {
  if (strokes.length === 0) return null;
  const fit = fitting(strokes, padSide);
  const [x, y] = centreOfMass(shrink(paintStrokes(strokes, fit)));
  return shrink(paintStrokes(strokes, { scale: fit.scale, dx: fit.dx + SIDE / 2 - x, dy: fit.dy + SIDE / 2 - y }));
}
