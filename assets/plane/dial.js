// The dial: a slider over the atlas's axis, turned by pointer, keys or of itself, with its ticks and its reading.

import { betaText, collapseOf } from "./axis.js";
import { element, iconButton, setText } from "./dom.js";
import { tickLabel } from "./maths.js";

export const ACTIVE = 0.01;
const SWEEP_SECONDS = 10;
const KEY_STEPS = 100;
const KNOWN = ["beta", "model", "step"];

export class Dial {
  constructor(plane) {
    this.plane = plane;
    const { say } = plane;
    this.playing = false;
    this.play = iconButton("play", say("dial_play"), () => this.start());
    this.stop = iconButton("pause", say("dial_stop"), () => this.pause(), { hidden: true });
    this.slider = element("input", { type: "range", class: "dial-slider", min: 0, max: 1, step: "any", "data-testid": "dial" });
    this.name = element("span", { class: "part-name dial-name" });
    this.value = element("output", { class: "number dial-value", "data-testid": "dial-value" });
    this.scale = element("div", { class: "dial-scale", "aria-hidden": "true" });
    this.node = element("section", { class: "dial" }, this.play, this.stop, this.name, element("div", { class: "dial-track" }, this.slider, this.scale), this.value);
    this.node.hidden = true;
    this.#listen();
  }

  #listen() {
    const { turn } = this.plane;
    this.slider.oninput = () => {
      this.#halt();
      turn.to(Number(this.slider.value));
    };
    this.slider.onchange = () => turn.release();
    this.slider.onkeydown = (event) => {
      const way = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
      if (!way || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      this.#halt();
      turn.to(this.plane.state.frame + (way * this.axis.last) / KEY_STEPS / (event.shiftKey ? 10 : 1));
      this.update();
      turn.release();
    };
  }

  /** The room it takes below the plane. */
  get room() {
    return this.node.hidden ? 0 : 76;
  }

  setAtlas(atlas) {
    this.#halt();
    this.axis = atlas.axis;
    this.node.hidden = atlas.frames < 2;
    this.kind = KNOWN.includes(atlas.axis.name) ? atlas.axis.name : "step";
    this.node.dataset.axis = this.kind;
    this.slider.max = String(this.axis.last);
    this.#ask();
  }

  // The words of an axis; what stands in place of its names comes from the atlas and the page.
  #ask() {
    const { say } = this.plane;
    const words = {
      beta: [say("dial_beta"), say("dial_beta_help")],
      model: [say("dial_model"), say("dial_model_help")],
      step: [say("dial_step"), say("dial_step_help")],
    };
    const [name, help] = words[this.kind];
    setText(this.name, name);
    this.slider.setAttribute("aria-label", name);
    this.node.title = help;
  }

  /** The names at the ends of an axis from one model to another. */
  get ends() {
    const { data, atlas } = this.plane;
    const given = data.ends;
    if (Array.isArray(given) && given.length === 2 && given.every((name) => typeof name === "string")) return given;
    const halves = atlas.name.split(" to ");
    return halves.length === 2 ? halves : ["0", "1"];
  }

  // ---- what it shows

  /** Follows the state, and what the page says of the axis. */
  update() {
    const { atlas, state, data } = this.plane;
    this.#drawScale(JSON.stringify([atlas.id, data.ends, data.collapse]));
    if (Number(this.slider.value) !== state.frame) this.slider.value = String(state.frame);
    this.follow();
  }

  follow() {
    const { state, say } = this.plane;
    const value = this.axis.valueAt(state.frame);
    this.slider.style.setProperty("--at", String(this.axis.last ? state.frame / this.axis.last : 0));
    const [first, last] = this.kind === "model" ? this.ends : ["", ""];
    const shown = { beta: () => betaText(value), step: () => Math.round(value).toLocaleString(), model: () => "" }[this.kind]();
    const spoken = {
      beta: () => say("dial_beta_now", { value: shown }),
      step: () => say("dial_step_now", { value: shown }),
      model: () => say("dial_model_now", { percent: Math.round((100 * state.frame) / this.axis.last), first, last }),
    };
    setText(this.value, shown);
    this.slider.setAttribute("aria-valuetext", spoken[this.kind]());
  }

  #drawScale(key) {
    if (key === this.drawn) return;
    this.drawn = key;
    const marks = this.kind === "model" ? this.ends.map((name, k) => [name, k * this.axis.last]) : this.#ticks();
    const place = (frame) => `--at: ${frame / this.axis.last}`;
    const nodes = marks.map(([text, frame]) => element("span", { class: "dial-tick number", style: place(frame), text }));
    const collapse = this.collapse();
    if (collapse !== null) {
      const { say } = this.plane;
      const help = say("dial_collapse_help", { value: betaText(collapse) });
      nodes.push(element("span", { class: "dial-collapse", style: place(this.axis.frameAt(collapse)), title: help, text: say("dial_collapse") }));
    }
    this.scale.replaceChildren(...nodes);
  }

  #ticks() {
    const text = this.axis.logarithmic ? String : (value) => tickLabel(value, 1);
    return this.axis.ticks().map((value) => [text(Number(value.toPrecision(6))), this.axis.frameAt(value)]);
  }

  /** The beta from which on fewer than two dimensions are active: said by the page, or read off the curves. */
  collapse() {
    const { atlas, data } = this.plane;
    if (this.kind !== "beta") return null;
    if (Number.isFinite(data.collapse)) return data.collapse;
    return collapseOf(atlas.axis, activities(atlas), ACTIVE);
  }

  // ---- play

  /** There and back until it is stopped, from where it stands. */
  start() {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const { turn } = this.plane;
    this.playing = true;
    const origin = this.plane.state.frame / this.axis.last;
    let from;
    const step = (now) => {
      if (!this.playing) return;
      from ??= now;
      const way = (origin + (now - from) / 1000 / SWEEP_SECONDS) % 2;
      const place = (way > 1 ? 2 - way : way) * this.axis.last;
      // Those who asked for less motion see a few places one after another.
      const coarse = this.axis.last / 12;
      turn.to(still ? Math.round(place / coarse) * coarse : place);
      this.request = requestAnimationFrame(step);
    };
    this.request = requestAnimationFrame(step);
    this.#showPlaying();
    this.stop.focus();
  }

  pause() {
    if (!this.playing) return;
    this.#halt();
    this.play.focus();
    this.plane.turn.release();
  }

  #halt() {
    this.playing = false;
    cancelAnimationFrame(this.request);
    this.#showPlaying();
  }

  release() {
    this.#halt();
  }

  #showPlaying() {
    this.play.hidden = this.playing;
    this.stop.hidden = !this.playing;
  }
}

/** How much the mean of each latent dimension varies over the images, by frame: the curves activity.0, activity.1, ... */
export function activities(atlas) {
  return Object.keys(atlas.curves).filter((name) => /^activity\.\d+$/.test(name)).sort().map((name) => atlas.curves[name]);
}
