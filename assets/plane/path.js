// The path through the pins: a film strip of decoded frames, played as a marker moving along it.

import { meanPictures, paintGrey } from "./decoding.js";
import { element, iconButton, pixels, setText } from "./dom.js";
import { toBytes } from "./likelihood.js";
import { alongPath } from "./maths.js";

const FRAMES = 16;
const AT_ONCE = 4;
const LEG_SECONDS = 1.6;

export class PathStrip {
  constructor(plane) {
    this.plane = plane;
    const { say } = plane;
    this.playing = false;
    this.play = iconButton("play", say("play"), () => (this.playing ? this.pause() : this.start()));
    this.pauseButton = iconButton("pause", say("pause"), () => this.pause(), { hidden: true });
    this.kind = element("select", { class: "select", "aria-label": say("interpolation"), title: say("interpolation_help") });
    for (const kind of ["linear", "spherical"]) this.kind.append(element("option", { value: kind, text: say(`interpolation_${kind}`) }));
    this.kind.onchange = () => plane.setInterpolation(this.kind.value);
    this.back = iconButton("back", say("remove_last_pin"), () => plane.removePin(plane.state.pins.length - 1));
    this.undo = iconButton("undo", say("undo"), () => plane.undo());
    this.clear = iconButton("clear", say("clear_pins"), () => plane.clearPins());
    this.hint = element("p", { class: "hint", text: say("path_hint") });
    this.film = element("div", { class: "film", role: "group", "aria-label": say("film") });
    const controls = element("div", { class: "path-controls" }, element("span", { class: "part-name", text: say("path") }), this.play, this.pauseButton, this.kind, this.back, this.undo, this.clear);
    this.node = element("section", { class: "path", "aria-label": say("path") }, controls, element("div", { class: "film-room" }, this.hint, this.film));
  }

  update() {
    const { state, atlas, history } = this.plane;
    const pins = state.pins.length;
    this.hint.hidden = pins > 1;
    setText(this.hint, this.plane.say(pins === 1 ? "path_hint_one" : "path_hint"));
    this.kind.value = state.interpolation;
    this.play.disabled = pins < 2 || !atlas.canDecode();
    this.play.hidden = this.playing;
    this.pauseButton.hidden = !this.playing;
    this.back.disabled = this.clear.disabled = pins === 0;
    this.undo.disabled = history.length === 0;
    if (pins < 2) this.pause();
    this.#develop();
  }

  // The frames' places along the path, in pins: every pin is one of them.
  #places(pins) {
    const each = Math.max(1, Math.round((FRAMES - 1) / (pins - 1)));
    return Array.from({ length: each * (pins - 1) + 1 }, (_, i) => i / each);
  }

  #develop() {
    const { state, atlas } = this.plane;
    const key = JSON.stringify([state.pins, state.interpolation, atlas.decoderPlace(this.plane.follow.decoded), atlas.id]);
    if (key === this.developed) return;
    this.developed = key;
    const shown = state.pins.length > 1 && atlas.canDecode();
    this.film.hidden = !shown;
    this.places = null;
    if (!shown) return;
    this.places = this.#places(state.pins.length);
    while (this.film.children.length < this.places.length) this.film.append(this.#frame());
    while (this.film.children.length > this.places.length) this.film.lastChild.remove();
    this.places.forEach((place, i) => {
      const button = this.film.children[i];
      button.dataset.pin = String(Number.isInteger(place));
      button.place = place;
      button.setAttribute("aria-label", this.plane.say("film_frame", { number: i + 1, count: this.places.length }));
    });
    this.next = 0;
    this.plane.stage.redraw();
  }

  /** Decodes a few more frames of the film. Returns whether there are more to do. */
  work() {
    const { state, atlas } = this.plane;
    const few = (this.places ?? []).slice(this.next, this.next + AT_ONCE);
    if (few.length === 0) return false;
    const zs = few.map((place) => alongPath(state.interpolation, state.pins, place));
    const means = meanPictures(atlas, this.plane.follow.decoded, Float32Array.from(zs.flat()), few.length);
    few.forEach((_, i) => {
      const picture = toBytes(means.subarray(784 * i, 784 * (i + 1)), new Uint8Array(784));
      paintGrey(this.film.children[this.next + i].firstChild, picture);
    });
    this.next += few.length;
    return this.next < this.places.length;
  }

  #frame() {
    const button = element("button", { type: "button", class: "film-frame" }, pixels(28, 28));
    button.onclick = () => {
      this.pause();
      const { state } = this.plane;
      this.plane.settle(alongPath(state.interpolation, state.pins, button.place));
    };
    return button;
  }

  start() {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.playing = true;
    this.from = undefined;
    const step = (now) => {
      if (!this.playing) return;
      this.from ??= now;
      const { state } = this.plane;
      const legs = state.pins.length - 1;
      const t = ((now - this.from) / 1000 / LEG_SECONDS) % legs;
      // Those who asked for less motion see the film's frames one by one.
      const shown = still ? Math.floor(t * 4) / 4 : t;
      this.plane.showAlong(alongPath(state.interpolation, state.pins, shown));
      this.request = requestAnimationFrame(step);
    };
    this.request = requestAnimationFrame(step);
    this.update();
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    cancelAnimationFrame(this.request);
    this.plane.settle(this.plane.state.cursor);
    this.update();
  }
}
