// Colours: ten digits, a scale for values, and the theme read from Streamlit's variables.

// Ten colours of Petroff 2021, "Accessible color sequences for data visualization". Those too near the paper are
// moved just far enough: at least 2.4 to 1 on white and 3.2 to 1 on dark, and no two nearer to each other, with
// normal or any colour-blind sight, than the nearest two of the original.
const DIGITS_LIGHT = ["#3f90da", "#eb8f04", "#bd1f01", "#92a2a0", "#832db6", "#a96b59", "#e76300", "#b29f67", "#717581", "#3fb0cf"];
const DIGITS_DARK = ["#3f90da", "#ffa90e", "#c22908", "#94a4a2", "#8e3fc1", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"];

// Nine stops of viridis (Smith & van der Walt 2015): even steps look even, and it survives grey and colour blindness.
const VIRIDIS = ["#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725"];

/** "#rrggbb" as three numbers 0..255. */
export function rgbOf(hex) {
  return [1, 3, 5].map((i) => Number.parseInt(hex.slice(i, i + 2), 16));
}

/** 256 colours (RGB bytes) along the scale for values, low to high. Dark themes start where it can be seen. */
export function valueRamp(dark) {
  const stops = VIRIDIS.map(rgbOf);
  const first = dark ? 0.12 : 0;
  const last = dark ? 1 : 0.93;
  const out = new Uint8Array(256 * 3);
  for (let i = 0; i < 256; i++) {
    const t = (first + (last - first) * (i / 255)) * (stops.length - 1);
    const k = Math.min(stops.length - 2, Math.floor(t));
    for (let c = 0; c < 3; c++) out[3 * i + c] = Math.round(stops[k][c] + (stops[k + 1][c] - stops[k][c]) * (t - k));
  }
  return out;
}

/** WCAG relative luminance of an RGB colour 0..255. */
export function luminance(rgb) {
  const [r, g, b] = rgb.map((v) => (v <= 10.31475 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** Any CSS colour as RGB bytes, by letting a canvas paint it. */
function parseColour(text, fallback) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = fallback;
  context.fillStyle = text.trim() || fallback;
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data.slice(0, 3)];
}

const css = ([r, g, b], alpha = 1) => `rgba(${r}, ${g}, ${b}, ${alpha})`;

/** What the canvases need of the theme that surrounds `node`. */
export function readTheme(node) {
  const style = getComputedStyle(node);
  const colour = (name, fallback) => parseColour(style.getPropertyValue(name), fallback);
  const background = colour("--st-background-color", "#ffffff");
  const dark = luminance(background) < 0.2;
  const digits = (dark ? DIGITS_DARK : DIGITS_LIGHT).map(rgbOf);
  const text = colour("--st-text-color", dark ? "#fafafa" : "#31333f");
  const accent = colour("--st-primary-color", "#3f90da");
  const font = style.getPropertyValue("--st-font").trim() || "sans-serif";
  return {
    key: JSON.stringify([background, text, accent, font]),
    dark,
    background,
    text,
    accent,
    digits,
    none: dark ? [150, 153, 165] : [120, 123, 135],
    ramp: valueRamp(dark),
    font,
    ink: (alpha) => css(text, alpha),
    paper: (alpha) => css(background, alpha),
    primary: (alpha) => css(accent, alpha),
    digit: (k, alpha = 1) => css(digits[k] ?? text, alpha),
  };
}

/** The RGB bytes of each of the 11 kinds of point: ten digits, then none. */
export function palette(theme) {
  return [...theme.digits, theme.none];
}
