// Draws the points with WebGL2. Positions of two frames lie on the card; the shader blends between them.

import { palette } from "./colours.js";
import { pointAlpha, pointSize } from "./points.js";

const MOST_FRAMES = 48;

const VERTEX = `#version 300 es
precision highp float;
in vec2 here;
in vec2 next;
in float label;
in float value;
in float chosen;
uniform vec2 centre;
uniform float scale;
uniform float blend;
uniform float size;
uniform float alpha;
uniform float selecting;
uniform float byValue;
uniform vec2 range;
uniform vec3 palette[11];
uniform float shown[11];
uniform sampler2D ramp;
flat out vec4 colour;
void main() {
  int kind = int(min(label, 10.0));
  vec2 z = (mix(here, next, blend) - centre) * scale;
  gl_Position = shown[kind] > 0.5 ? vec4(z, 0.0, 1.0) : vec4(2.0, 2.0, 2.0, 1.0);
  gl_PointSize = size;
  vec3 rgb = palette[kind];
  if (byValue > 0.5) {
    float t = clamp((value - range.x) / (range.y - range.x), 0.0, 1.0);
    rgb = texture(ramp, vec2((t * 255.0 + 0.5) / 256.0, 0.5)).rgb;
  }
  float a = alpha;
  if (selecting > 0.5) a *= chosen > 0.5 ? 1.15 : 0.12;
  colour = vec4(rgb, min(a, 1.0));
}`;

const FRAGMENT = `#version 300 es
precision highp float;
flat in vec4 colour;
uniform float size;
out vec4 result;
void main() {
  float a = colour.a;
  if (size > 2.5) {
    float d = length(gl_PointCoord - 0.5) * size;
    a *= clamp(0.5 * size - d + 0.25, 0.0, 1.0);
  }
  result = vec4(colour.rgb * a, a);
}`;

function compile(gl, kind, source) {
  const shader = gl.createShader(kind);
  gl.shaderSource(shader, source);
  gl.compileShader(shader);
  return shader;
}

function link(gl) {
  const program = gl.createProgram();
  gl.attachShader(program, compile(gl, gl.VERTEX_SHADER, VERTEX));
  gl.attachShader(program, compile(gl, gl.FRAGMENT_SHADER, FRAGMENT));
  ["here", "next", "label", "value", "chosen"].forEach((name, place) => gl.bindAttribLocation(program, place, name));
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) return null;
  return program;
}

export class WebGLPoints {
  /** A renderer on a fresh canvas, or null where WebGL2 cannot be had. onLost is called if the context goes. */
  static on(canvas, onLost) {
    const gl = canvas.getContext("webgl2", { alpha: true, antialias: false, depth: false, premultipliedAlpha: true });
    const program = gl && link(gl);
    return program ? new WebGLPoints(canvas, gl, program, onLost) : null;
  }

  constructor(canvas, gl, program, onLost) {
    this.kind = "webgl2";
    this.canvas = canvas;
    this.gl = gl;
    this.program = program;
    this.buffers = new Map();
    this.frames = new Map();
    this.uniform = (name) => gl.getUniformLocation(program, name);
    this.places = Object.fromEntries(
      ["centre", "scale", "blend", "size", "alpha", "selecting", "byValue", "range", "palette", "shown", "ramp"].map((name) => [name, this.uniform(name)]),
    );
    canvas.addEventListener("webglcontextlost", () => this.released || onLost());
    gl.useProgram(program);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  setAtlas(atlas) {
    for (const { buffer } of this.buffers.values()) this.gl.deleteBuffer(buffer);
    this.buffers.clear();
    for (const positions of [...this.frames.keys()]) this.#forgetFrame(positions);
    this.atlas = atlas;
    this.#upload("label", atlas.labels);
  }

  /** Colours by a scalar (values, range) or, with null, by class. */
  setValues(values, range) {
    this.values = values;
    this.range = range;
    if (values) this.#upload("value", values);
  }

  /** Marks the points of a selection (0 or 1 each), or null for none. */
  setChosen(mask) {
    this.chosen = mask;
    if (mask) this.#upload("chosen", mask);
  }

  setTheme(theme) {
    const gl = this.gl;
    this.theme = theme;
    const pixels = new Uint8Array(256 * 4);
    for (let i = 0; i < 256; i++) pixels.set([...theme.ramp.subarray(3 * i, 3 * i + 3), 255], 4 * i);
    if (!this.texture) this.texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
  }

  /** Draws every step-th point. */
  draw(view, frame, hidden, strength, ratio, step = 1) {
    const gl = this.gl;
    this.step = step;
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (!this.atlas) return;
    this.#bindPositions(frame);
    this.#bind(2, "label", 1, gl.UNSIGNED_BYTE);
    this.#bind(3, this.values ? "value" : null, 1, gl.FLOAT);
    this.#bind(4, this.chosen ? "chosen" : null, 1, gl.UNSIGNED_BYTE);
    this.#setUniforms(view, hidden, strength, ratio);
    gl.drawArrays(gl.POINTS, 0, Math.ceil(this.atlas.count / step));
  }

  #setUniforms(view, hidden, strength, ratio) {
    const { gl, places, theme, atlas } = this;
    gl.uniform2f(places.centre, ...view.centre);
    gl.uniform1f(places.scale, 2 / view.side);
    gl.uniform1f(places.blend, this.blend);
    gl.uniform1f(places.size, pointSize(atlas.count, view.zoom) * ratio);
    gl.uniform1f(places.alpha, strength * pointAlpha(atlas.count));
    gl.uniform1f(places.selecting, this.chosen ? 1 : 0);
    gl.uniform1f(places.byValue, this.values ? 1 : 0);
    gl.uniform2f(places.range, ...(this.range ?? [0, 1]));
    gl.uniform3fv(places.palette, Float32Array.from(palette(theme).flat(), (v) => v / 255));
    gl.uniform1fv(places.shown, Float32Array.from({ length: 11 }, (_, k) => (hidden.has(k) ? 0 : 1)));
    gl.uniform1i(places.ramp, 0);
  }

  // A frame's positions are uploaded when they are first drawn.
  #bindPositions(frame) {
    const [a, b, t] = this.atlas.framePair(frame);
    this.#bindFrame(0, a);
    this.#bindFrame(1, b);
    this.blend = t;
  }

  // The frames used last stay on the card.
  #bindFrame(place, positions) {
    const gl = this.gl;
    let buffer = this.frames.get(positions);
    if (!buffer) {
      buffer = gl.createBuffer();
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.bufferData(gl.ARRAY_BUFFER, positions, gl.STATIC_DRAW);
    }
    this.frames.delete(positions);
    this.frames.set(positions, buffer);
    if (this.frames.size > MOST_FRAMES) this.#forgetFrame(this.frames.keys().next().value);
    this.#point(place, buffer, 2, gl.FLOAT);
  }

  #forgetFrame(positions) {
    this.gl.deleteBuffer(this.frames.get(positions));
    this.frames.delete(positions);
  }

  #bind(place, name, size, type) {
    const gl = this.gl;
    if (name === null) {
      gl.disableVertexAttribArray(place);
      return;
    }
    this.#point(place, this.buffers.get(name).buffer, size, type);
  }

  #point(place, buffer, size, type) {
    const gl = this.gl;
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.enableVertexAttribArray(place);
    const bytes = size * (type === gl.FLOAT ? 4 : 1);
    gl.vertexAttribPointer(place, size, type, false, bytes * this.step, 0);
  }

  #upload(name, array) {
    const gl = this.gl;
    const held = this.buffers.get(name);
    if (held?.array === array) return;
    const buffer = held?.buffer ?? gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.bufferData(gl.ARRAY_BUFFER, array, gl.STATIC_DRAW);
    this.buffers.set(name, { buffer, array });
  }

  release() {
    this.released = true;
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}
