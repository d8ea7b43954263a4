// How a picture with hidden pixels looks under the brush.

const DOTS = 16;

/** Pixels along a side of the canvas. */
export const SURFACE = 28 * DOTS;

/** Paints a picture, a dot for each hidden pixel, and around `at` (or null) what a brush of this size would touch. */
export function paintBrush(canvas, theme, { image, seen }, at, size) {
  const context = canvas.getContext("2d");
  context.fillStyle = theme.paper(1);
  context.fillRect(0, 0, SURFACE, SURFACE);
  for (let k = 0; k < image.length; k++) {
    const [x, y] = [(k % 28) * DOTS, Math.floor(k / 28) * DOTS];
    const grey = Math.round(255 * image[k]);
    context.fillStyle = seen[k] ? `rgb(${grey}, ${grey}, ${grey})` : theme.ink(0.07);
    context.fillRect(x, y, DOTS, DOTS);
    if (seen[k]) continue;
    context.fillStyle = theme.ink(0.22);
    context.fillRect(x + DOTS / 2 - 1, y + DOTS / 2 - 1, 2, 2);
  }
  if (!at) return;
  context.strokeStyle = theme.primary(1);
  context.lineWidth = 2;
  context.beginPath();
  context.arc(at[0] * DOTS, at[1] * DOTS, (size * DOTS) / 2, 0, 2 * Math.PI);
  context.stroke();
}
