// Makes DOM nodes. Text goes in as text, never as HTML.

export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") node.className = value;
    else if (name === "text") node.textContent = value;
    else if (name.startsWith("on")) node[name] = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children);
  return node;
}

const SPACE = "http://www.w3.org/2000/svg";

/** A node of a drawing in SVG, of the same form. */
export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") node.textContent = value;
    else node.setAttribute(name, String(value));
  }
  node.append(...children);
  return node;
}

/** A canvas whose own pixels are width x height, whatever CSS makes of it. */
export function pixels(width, height, properties = {}) {
  const canvas = element("canvas", properties);
  canvas.width = width;
  canvas.height = height;
  return canvas;
}

/** Sets text only where it differs, so that nothing is laid out again for nothing. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const ICONS = {
  pan: "M8 1.5v13M1.5 8h13M8 1.5 6 3.5M8 1.5l2 2M8 14.5l-2-2M8 14.5l2-2M1.5 8l2-2M1.5 8l2 2M14.5 8l-2-2M14.5 8l-2 2",
  box: "M2.5 5V2.5H5M7 2.5h2M11 2.5h2.5V5M13.5 7v2M13.5 11v2.5H11M9 13.5H7M5 13.5H2.5V11M2.5 9V7",
  lasso: "M8 2.5c3.6 0 6 1.7 6 4s-2.400 4-6 4-6-1.700-6-4 2.400-4 6-4ZM4.500 9.700c-1 .6-1 2 .2 2.100 1 .1 1.100 1.200.3 2.200",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  fit: "M2.500 6V2.500H6M10 2.500h3.500V6M13.500 10v3.500H10M6 13.500H2.500V10",
  focus: "M8 1.500v3M8 11.500v3M1.500 8h3M11.500 8h3M8 4.500a3.500 3.500 0 1 1 0 7a3.500 3.500 0 0 1 0-7Z",
  play: "M5 3l8 5-8 5Z",
  pause: "M5.500 3v10M10.500 3v10",
  undo: "M3 6h6.500a3.500 3.500 0 0 1 0 7H6M3 6l3-3M3 6l3 3",
  clear: "M4 4l8 8M12 4l-8 8",
  again: "M13 8a5 5 0 1 1-1.500-3.600M13 2v3h-3",
  back: "M13 8H4M7.500 4 3.500 8l4 4",
  layers: "M8 2 14 5.300 8 8.600 2 5.300ZM2.500 8.300 8 11.400l5.500-3.100M2.500 11 8 14.100 13.500 11",
};

/** A 16-unit line icon in the current text colour. */
export function icon(name) {
  return svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true", class: "icon" }, svg("path", { d: ICONS[name] }));
}

/** A button with an icon, a spoken name and the same name as its tooltip. */
export function iconButton(name, label, onclick, properties = {}) {
  return element("button", { type: "button", class: "icon-button", "aria-label": label, title: label, onclick, ...properties }, icon(name));
}
