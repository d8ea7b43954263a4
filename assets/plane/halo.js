// Strokes and words with the colour of the paper beneath them, so that they read on any points.

/** A stroke with a broader one of paper beneath it. */
export function strokeOver(context, theme, colour, width) {
  context.strokeStyle = theme.paper(0.8);
  context.lineWidth = width + 2;
  context.stroke();
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke();
}

/** Words with a rim of paper. */
export function textOver(context, theme, text, x, y, colour, halo = 3) {
  context.lineWidth = halo;
  context.strokeStyle = theme.paper(0.9);
  context.strokeText(text, x, y);
  context.fillStyle = colour;
  context.fillText(text, x, y);
}
