// One mounted plane: its parts, what it takes from the page and what it tells the page.

import { Curves } from "./curves.js";
import { Dial } from "./dial.js";
import { element } from "./dom.js";
import { listen } from "./events.js";
import { Follow } from "./follow.js";
import { Foresight } from "./foresight.js";
import { Inference } from "./inference.js";
import { Inspector } from "./inspector.js";
import { Legend } from "./legend.js";
import { Looking } from "./looking.js";
import { newestOf, onArrival, packError, packOf } from "./packs.js";
import { Pad } from "./pad.js";
import { announce, withdraw } from "./partview.js";
import { PathStrip } from "./path.js";
import { Rates } from "./rates.js";
import { Row } from "./row.js";
import { Samples } from "./samples.js";
import { Sight } from "./sight.js";
import { Speech } from "./speech.js";
import { Stage } from "./stage.js";
import { messageOf, Options } from "./state.js";
import { Tie } from "./tie.js";
import { Toolbar } from "./toolbar.js";
import { Turn } from "./turn.js";

export class LatentPlane extends Looking {
  constructor(root) {
    super();
    this.root = root;
    this.options = new Options();
    this.turn = new Turn(this);
    this.tie = new Tie(this);
    this.follow = new Follow(this);
    this.inference = new Inference(this);
    this.foresight = new Foresight(this);
    this.say = (key, values = {}) => (this.data?.strings?.[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
    this.stopWaiting = onArrival(() => this.adoptPacks());
  }

  /** Takes over what the page says now; called on every run of the page and change of theme. */
  receive({ data, setStateValue }) {
    const wording = JSON.stringify([data.strings, data.parts, data.renderer]);
    this.data = data;
    this.setStateValue = setStateValue;
    if (this.wording !== wording) this.#build(wording);
    const changes = this.options.changes(data);
    this.#adopt(changes);
    const repainted = this.stage.setTheme();
    this.follow.take(data.live === true, data.frame, "frame" in changes);
    this.adoptPacks();
    this.tie.take(data.link);
    this.row?.take(data.row);
    this.rates?.take(data.marks, data.trajectories);
    this.curves?.take(data.events);
    this.foresight.take(data);
    this.stage.layers.take(data.layers);
    if (this.atlas) this.dial?.update();
    this.inspector?.twins.take(data.nearest);
    this.pad?.take(data);
    // Most runs of the page change nothing here, and a million points take their time.
    if (repainted || Object.keys(changes).length) this.refresh();
    else this.stage.redraw({ cursor: true });
    if (data.name) announce(data.name, this);
  }

  #adopt(changes) {
    Object.assign(this.state, changes);
    if (changes.cursor) this.unseen = true;
    if (changes.selection !== undefined) this.markSelection();
    // What the page has set itself may be what it was last told: say it again if the person goes back to it.
    if (Object.keys(changes).length) this.told = null;
  }

  has(part) {
    return !this.data.parts || this.data.parts.includes(part);
  }

  // Everything that holds words is made again when the words change, which is when the language does.
  #build(wording) {
    this.unbuild();
    this.wording = wording;
    this.atlas = this.recogniser = null;
    this.stage = new Stage(this);
    this.inspector = this.has("inspector") ? new Inspector(this) : null;
    this.dial = this.has("dial") ? new Dial(this) : null;
    this.row = this.has("row") ? new Row(this) : null;
    this.samples = this.has("samples") ? new Samples(this) : null;
    this.curves = this.has("curves") ? new Curves(this) : null;
    this.rates = this.has("rates") ? new Rates(this) : null;
    this.path = this.has("path") ? new PathStrip(this) : null;
    this.pad = this.pad || this.has("pad") ? new Pad(this, this.pad) : null;
    this.legend = this.has("legend") ? new Legend(this) : null;
    this.toolbar = this.has("toolbar") ? new Toolbar(this) : null;
    this.speech = new Speech(this);
    this.beside = element("div", { class: "beside", hidden: true });
    const nodes = (...parts) => parts.filter(Boolean).map((part) => part.node);
    this.node = element(
      "div",
      { class: "latent-plane" },
      element("div", { class: "head" }, ...nodes(this.toolbar, this.legend)),
      element("div", { class: "body" }, element("div", { class: "column" }, this.stage.node, ...nodes(this.dial)), ...nodes(this.inspector), this.beside),
      ...nodes(this.row, this.samples, this.curves, this.rates, this.path, this.has("pad") ? this.pad : null),
      this.speech.node,
    );
    this.node.dataset.side = String(Boolean(this.inspector));
    this.root.append(this.node);
    this.stopListening = listen(this);
    this.sight = new Sight([this.samples, this.curves, this.rates, this.row]);
    this.stage.watch(this.node);
  }

  unbuild() {
    if (!this.node) return;
    this.path?.pause();
    this.dial?.release();
    this.turn.stop();
    this.follow.stop();
    this.stopListening();
    this.sight.release();
    this.stage.release();
    this.node.remove();
    clearTimeout(this.rest);
    clearTimeout(this.sending);
  }

  release() {
    this.unbuild();
    this.tie.leave();
    this.follow.release();
    this.foresight.release();
    this.stopWaiting();
    withdraw(this);
  }

  /** Takes the atlas and recogniser the page names, once their carriers have brought them. */
  adoptPacks() {
    if (!this.stage) return;
    const recogniser = this.data.recogniser ? packOf(this.data.recogniser) : null;
    const named = packOf(this.data.atlas);
    // The page may name the base that a newer one of its series has replaced already.
    const atlas = named ?? newestOf(this.atlas?.series);
    const other = (atlas && atlas !== this.atlas) || recogniser !== this.recogniser;
    const busy = !named && atlas === this.atlas && !atlas?.series;
    this.lacking = !atlas;
    if (atlas && atlas !== this.atlas) this.#setAtlas(atlas);
    else if (atlas && atlas.grown !== this.grown) this.#grow();
    if (recogniser !== this.recogniser) this.stage.forgetTiles();
    this.recogniser = recogniser;
    const error = !atlas && packError();
    if (error) this.stage.setMessage(this.say("unreadable", { reason: error }), true);
    // While another map is on its way the one before it stays, faded.
    else this.stage.setMessage(this.atlas ? null : this.say("loading"), false, busy || !atlas);
    this.node.dataset.waiting = String(!this.atlas);
    for (const part of [this.toolbar, this.legend, this.inspector, this.dial, this.path, this.pad]) if (part) part.node.inert = !this.atlas;
    if (other) this.refresh();
    this.follow.check();
  }

  #setAtlas(atlas) {
    const before = this.atlas;
    const same = before !== null && before.series !== "" && before.series === atlas.series && before.count === atlas.count;
    this.atlas = atlas;
    this.grown = atlas.grown;
    this.frames = atlas.frames;
    this.support = null;
    this.turn.stop();
    if (same) this.#moveOver(before.axis, atlas.axis);
    else {
      // A selection is of one map, unless the page says otherwise: going back brings both.
      if (before && !this.data.selection) Object.assign(this.state, { selection: null });
      this.legend?.setAtlas(atlas);
    }
    this.dial?.setAtlas(atlas, same);
    for (const part of [this.samples, this.curves, this.rates]) part?.setAtlas(atlas);
    this.follow.adopt(same);
    this.stage.setAtlas(atlas, same);
    this.pad?.setAtlas(atlas);
    this.brush?.setAtlas();
    this.foresight.setAtlas();
    this.markSelection();
  }

  // A newer base may have other frames: the places on the axis stay.
  #moveOver(before, axis) {
    const { state } = this;
    const moved = (frame) => axis.frameAt(before.valueAt(frame));
    state.frame = moved(state.frame);
    if (state.selection) state.selection = { ...state.selection, frame: moved(state.selection.frame) };
  }

  #grow() {
    const { atlas, state } = this;
    this.grown = atlas.grown;
    state.frame = Math.min(state.frame, atlas.frames - 1);
    this.dial?.grow();
    for (const part of [this.curves, this.rates]) part?.setAtlas(atlas);
    this.stage.redraw({ cursor: true, turned: true });
    // A decoder alone is nothing to go to.
    if (atlas.frames !== this.frames) this.follow.arrived();
    this.frames = atlas.frames;
  }

  /** Everything again: cheap, since drawing waits for the next animation frame. */
  refresh() {
    if (!this.atlas) return;
    this.state.frame = Math.min(this.state.frame, this.atlas.frames - 1);
    if (this.unseen) this.stage.view.include(this.state.cursor);
    this.unseen = false;
    this.colour();
    this.dial?.update();
    this.legend?.update();
    this.toolbar?.update();
    this.inspector?.update();
    this.path?.update();
    this.pad?.update();
    this.brush?.update();
    this.stage.redraw({ points: true, cursor: true, turned: true });
  }

  get theme() {
    return this.stage.theme;
  }

  /** The person takes hold of the axis: the dial no longer plays, nor follows what is newest. */
  hold() {
    this.follow.leave();
    this.dial?.hold();
  }

  /** The place on the axis is another: what shows it follows, in the same animation frame as the points. */
  followTurn() {
    this.colour();
    this.dial?.follow();
    this.sight.follow(this.turn.moving);
    if (this.pad?.code) this.pad.setAtlas();
  }

  /** Tells the page, once for all that changes within so many milliseconds, and only what it does not know yet. */
  tell(within = 20) {
    clearTimeout(this.sending);
    this.sending = setTimeout(() => {
      const message = { ...messageOf(this.state, this.selected), ...this.follow.message() };
      const text = JSON.stringify(message);
      if (text === this.told) return;
      this.told = text;
      this.options.remember(message);
      this.setStateValue("view", message);
    }, within);
  }
}
