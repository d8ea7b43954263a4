// The dial: a slider over the atlas's axis, turned by pointer, keys or of itself, with its ticks and its reading.

import { ACTIVE, activities, betaText, collapseOf, stepText } from "./axis.js";
import { element, iconButton, setText } from "./dom.js";
import { decimal } from "./inspector.js";
import { tickLabel } from "./maths.js";

const SWEEP_SECONDS = 10;
const REPLAY_SECONDS = 8;
const KEY_STEPS = 100;
const CROWDED = 34;
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
    this.newest = element("button", { type: "button", class: "newest", text: say("dial_newest"), title: say("dial_newest_help"), onclick: () => this.#toNewest(), hidden: true });
    this.value = element("output", { class: "number dial-value", "data-testid": "dial-value" });
    this.reading = element("div", { class: "number dial-reading", "data-testid": "dial-reading" });
    this.scale = element("div", { class: "dial-scale", "aria-hidden": "true" });
    this.node = element("section", { class: "dial" }, this.play, this.stop, this.name, element("div", { class: "dial-track" }, this.slider, this.scale), this.newest, this.value, this.reading);
    this.node.hidden = true;
    this.#listen();
  }

  #listen() {
    const { turn } = this.plane;
    this.slider.oninput = () => {
      this.plane.hold();
      turn.to(Number(this.slider.value));
    };
    this.slider.onchange = () => turn.release();
    this.slider.onkeydown = (event) => {
      const way = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
      if (!way || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      this.plane.hold();
      turn.to(this.#beside(this.plane.state.frame, way, event.shiftKey));
      this.update();
      turn.release();
    };
  }

  // A hundredth of the way, or a tenth of that; on an axis of steps whole frames, the finer one at a time.
  #beside(frame, way, fine) {
    const { last } = this.axis;
    if (this.kind !== "step") return frame + (way * last) / KEY_STEPS / (fine ? 10 : 1);
    const whole = way > 0 ? Math.floor(frame + 1e-6) : Math.ceil(frame - 1e-6);
    return whole + way * (fine ? 1 : Math.max(1, Math.round(last / KEY_STEPS)));
  }

  /** It no longer plays, nor says that it follows what is newest. */
  hold() {
    this.#halt();
    this.newest.setAttribute("aria-pressed", "false");
  }

  #toNewest() {
    this.#halt();
    this.plane.follow.go();
  }

  setAtlas(atlas, same = false) {
    if (!same) this.#halt();
    this.axis = atlas.axis;
    // What grows has its dial from the start, so that nothing jumps when the second frame comes.
    this.node.hidden = atlas.frames < 2 && !atlas.series;
    this.kind = KNOWN.includes(atlas.axis.name) ? atlas.axis.name : "step";
    this.node.dataset.axis = this.kind;
    this.#ask();
    this.grow();
  }

  /** The axis is longer than it was. */
  grow() {
    this.slider.max = String(this.axis.last);
    this.update();
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
    const { atlas, data, follow } = this.plane;
    this.#drawScale(JSON.stringify([atlas.id, this.slider.clientWidth, this.axis.last, this.axis.valueAt(this.axis.last), data.ends, data.collapse]));
    this.newest.hidden = !follow.live || !atlas.series;
    this.newest.setAttribute("aria-pressed", String(follow.on));
    this.follow();
  }

  follow() {
    const { state, say } = this.plane;
    const value = this.axis.valueAt(state.frame);
    if (Number(this.slider.value) !== state.frame) this.slider.value = String(state.frame);
    this.slider.style.setProperty("--at", String(this.axis.last ? state.frame / this.axis.last : 0));
    const [first, last] = this.kind === "model" ? this.ends : ["", ""];
    const shown = { beta: () => betaText(value), step: () => Math.round(value).toLocaleString(), model: () => "" }[this.kind]();
    const spoken = {
      beta: () => say("dial_beta_now", { value: shown }),
      step: () => say("dial_step_now", { value: shown }),
      model: () => say("dial_model_now", { percent: Math.round((100 * state.frame) / this.axis.last), first, last }),
    };
    setText(this.value, shown);
    if (this.kind === "step") this.#read();
    this.slider.setAttribute("aria-valuetext", spoken[this.kind]());
  }

  // The figures of the test set at this step, as far as there are any.
  #read() {
    const { atlas, state, say } = this.plane;
    const { distortion, rate, beta } = atlas.curves;
    const at = (curve) => this.axis.curveAt(curve, state.frame);
    const figures = [];
    if (distortion && rate && atlas.hasPrior()) {
      figures.push(say("dial_figures", { elbo: decimal(-(at(distortion) + at(rate)), 2), distortion: at(distortion).toFixed(2), rate: at(rate).toFixed(2) }));
      if (beta) figures.push(say("dial_figure_beta", { beta: Number(at(beta).toPrecision(3)) }));
    } else if (distortion) figures.push(say("dial_figure_distortion", { distortion: at(distortion).toFixed(2) }));
    setText(this.reading, figures.join(" \u00b7 "));
  }

  #drawScale(key) {
    if (key === this.drawn) return;
    this.drawn = key;
    const marks = this.kind === "model" ? this.ends.map((name, k) => [name, k * this.axis.last]) : this.#ticks();
    const place = (frame) => `--at: ${frame / (this.axis.last || 1)}`;
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
    const text = { beta: String, step: stepText }[this.kind] ?? ((value) => tickLabel(value, 1));
    const marks = this.axis.ticks().map((value) => [text(Number(value.toPrecision(6))), this.axis.frameAt(value)]);
    if (this.kind !== "step") return marks;
    // Steps may crowd where frames are few: a name too near to the one before it is left out.
    const wide = this.slider.clientWidth || 1;
    let last = -Infinity;
    return marks.filter(([, frame]) => {
      const place = (wide * frame) / (this.axis.last || 1);
      if (place - last < CROWDED) return false;
      last = place;
      return true;
    });
  }

  /** The beta from which on fewer than two dimensions are active: said by the page, or read off the curves. */
  collapse() {
    const { atlas, data } = this.plane;
    if (this.kind !== "beta") return null;
    if (Number.isFinite(data.collapse)) return data.collapse;
    return collapseOf(atlas.axis, activities(atlas), ACTIVE);
  }

  // ---- play

  /** From where it stands: there and back until it is stopped; over steps to the end, or through them all again. */
  start() {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const { turn } = this.plane;
    this.plane.hold();
    this.playing = true;
    const steps = this.kind === "step";
    const started = this.plane.state.frame / (this.axis.last || 1);
    const origin = steps && started > 0.999 ? 0 : started;
    let from;
    const step = (now) => {
      if (!this.playing) return;
      from ??= now;
      const far = origin + (now - from) / 1000 / (steps ? REPLAY_SECONDS : SWEEP_SECONDS);
      if (steps && far >= 1) {
        this.#arrive();
        return;
      }
      const way = far % 2;
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

  // A replay ends at the newest frame; where more are to come it goes along with them.
  #arrive() {
    const { turn, follow } = this.plane;
    turn.to(this.axis.last);
    this.pause();
    if (follow.live) follow.go();
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
