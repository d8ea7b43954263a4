// One mounted plane: its parts, what it takes from the page and what it tells the page.

import { Actions } from "./actions.js";
import { Decoding } from "./decoding.js";
import { Dial } from "./dial.js";
import { element } from "./dom.js";
import { listen } from "./events.js";
import { Inspector } from "./inspector.js";
import { Legend } from "./legend.js";
import { onArrival, packError, packOf } from "./packs.js";
import { Pad } from "./pad.js";
import { announce, withdraw } from "./padview.js";
import { PathStrip } from "./path.js";
import { Rates } from "./rates.js";
import { Row } from "./row.js";
import { Speech } from "./speech.js";
import { Stage } from "./stage.js";
import { messageOf, Options } from "./state.js";
import { Support } from "./support.js";
import { Tie } from "./tie.js";
import { Toolbar } from "./toolbar.js";
import { Turn } from "./turn.js";

const PATIENCE = 6;

export class LatentPlane extends Actions {
  constructor(root) {
    super();
    this.root = root;
    this.options = new Options();
    this.decoding = new Decoding();
    this.turn = new Turn(this);
    this.tie = new Tie(this);
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
    this.adoptPacks();
    this.tie.take(data.link);
    this.row?.take(data.row);
    this.rates?.take(data.marks);
    if (this.atlas) this.dial?.update();
    this.inspector?.twins.take(data.nearest);
    this.pad?.takePicture(data.picture);
    // Most runs of the page change nothing here, and a million points take their time.
    if (repainted || Object.keys(changes).length) this.refresh();
    else this.stage.redraw({ cursor: true });
    if (data.name) announce(data.name, this);
  }

  /** The pad, made when a view of its own first asks for it. */
  openPad() {
    if (!this.pad) {
      this.pad = new Pad(this);
      this.pad.setAtlas();
    }
    return this.pad;
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
    this.rates = this.has("rates") ? new Rates(this) : null;
    this.path = this.has("path") ? new PathStrip(this) : null;
    this.pad = this.has("pad") ? new Pad(this) : null;
    this.legend = this.has("legend") ? new Legend(this) : null;
    this.toolbar = this.has("toolbar") ? new Toolbar(this) : null;
    this.speech = new Speech(this);
    const nodes = (...parts) => parts.filter(Boolean).map((part) => part.node);
    this.node = element(
      "div",
      { class: "latent-plane" },
      element("div", { class: "head" }, ...nodes(this.toolbar, this.legend)),
      element("div", { class: "body" }, element("div", { class: "column" }, this.stage.node, ...nodes(this.dial)), ...nodes(this.inspector)),
      ...nodes(this.row, this.rates, this.path, this.pad),
      this.speech.node,
    );
    this.node.dataset.side = String(Boolean(this.inspector));
    this.root.append(this.node);
    this.stopListening = listen(this);
    this.stage.watch(this.node);
  }

  unbuild() {
    if (!this.node) return;
    this.path?.pause();
    this.dial?.release();
    this.turn.stop();
    this.stopListening();
    this.stage.release();
    this.node.remove();
    clearTimeout(this.rest);
    clearTimeout(this.sending);
  }

  release() {
    this.unbuild();
    this.tie.leave();
    this.stopWaiting();
    withdraw(this);
  }

  /** Takes the atlas and recogniser the page names, once their carriers have brought them. */
  adoptPacks() {
    if (!this.stage) return;
    const recogniser = this.data.recogniser ? packOf(this.data.recogniser) : null;
    const atlas = packOf(this.data.atlas);
    const other = (atlas && atlas !== this.atlas) || recogniser !== this.recogniser;
    if (atlas && atlas !== this.atlas) this.#setAtlas(atlas);
    if (recogniser !== this.recogniser) this.stage.forgetTiles();
    this.recogniser = recogniser;
    const error = !atlas && packError();
    if (error) this.stage.setMessage(this.say("unreadable", { reason: error }), true);
    // While another map is on its way the one before it stays, faded.
    else this.stage.setMessage(this.atlas ? null : this.say("loading"), false, !atlas);
    this.node.dataset.waiting = String(!this.atlas);
    for (const part of [this.toolbar, this.legend, this.inspector, this.dial, this.path, this.pad]) if (part) part.node.inert = !this.atlas;
    if (other) this.refresh();
  }

  #setAtlas(atlas) {
    const first = this.atlas === null;
    this.atlas = atlas;
    this.turn.stop();
    // A selection is of one map, unless the page says otherwise: going back brings both.
    if (!first && !this.data.selection) Object.assign(this.state, { selection: null });
    this.support = null;
    this.dial?.setAtlas(atlas);
    this.rates?.setAtlas(atlas);
    this.stage.setAtlas(atlas);
    this.legend?.setAtlas(atlas);
    this.pad?.setAtlas(atlas);
    this.markSelection();
  }

  /** Everything again: cheap, since drawing waits for the next animation frame. */
  refresh() {
    if (!this.atlas) return;
    this.state.frame = Math.min(this.state.frame, this.atlas.frames - 1);
    if (this.unseen) this.stage.view.include(this.state.cursor);
    this.unseen = false;
    this.#colour();
    this.dial?.update();
    this.legend?.update();
    this.toolbar?.update();
    this.inspector?.update();
    this.path?.update();
    this.pad?.update();
    this.stage.redraw({ points: true, cursor: true, turned: true });
  }

  get theme() {
    return this.stage.theme;
  }

  // The values points are coloured by, with their range and unit, or null for the digits.
  #colour() {
    const frame = Math.round(this.state.frame);
    const values = this.state.color === "digit" ? null : this.atlas.valuesAt(this.state.color, frame);
    if (!values) this.values = null;
    else if (this.values?.values !== values) this.values = { values, range: this.atlas.rangeOf(this.state.color), unit: this.atlas.units[this.state.color] ?? "" };
    this.stage.renderer.setValues(this.values?.values ?? null, this.values?.range);
  }

  /** The place on the axis is another: what shows it follows, in the same animation frame as the points. */
  followTurn() {
    this.#colour();
    this.dial?.follow();
    this.rates?.follow();
    this.row?.follow();
    if (this.pad?.code) this.pad.setAtlas();
  }

  /** The fields of the codes as they are shown now; on the move they are made anew only as often as they are cheap. */
  supportNow() {
    if (this.turn.moving && this.support && performance.now() - this.support.since < PATIENCE * this.support.spent) return this.support;
    const key = `${this.state.frame} ${[...this.state.hidden]}`;
    if (this.support?.key !== key) this.support = Object.assign(new Support(this.atlas, this.state.frame, this.state.hidden, this.stage.view.home), { key });
    return this.support;
  }

  decodeCursor() {
    const { state, atlas } = this;
    const z = state.cursor;
    const picture = atlas.canDecode() ? this.decoding.picture(atlas, this.recogniser, state.frame, z, state.mode) : null;
    const reading = { z, picture, ...this.#surroundings(z), classes: atlas.classes, theme: this.theme };
    this.inspector?.show(reading);
    if (!this.turn.moving && !this.tie.following) this.speech.follow(reading);
  }

  // On the move the code that was nearest stays in sight, and whether the data reaches here is left for later.
  #surroundings(z) {
    if (!this.turn.moving) {
      const support = this.supportNow();
      this.nearest = support.nearest(z);
      return { onSupport: support.covers(z), nearest: this.nearest };
    }
    if (!this.nearest) return { onSupport: null, nearest: null };
    const [x, y] = this.atlas.pointAt(this.nearest.index, this.state.frame);
    return { onSupport: null, nearest: { ...this.nearest, distance: Math.hypot(x - z[0], y - z[1]) } };
  }

  /** Tells the page, once for all that changes within a moment, and only what it does not know yet. */
  tell() {
    clearTimeout(this.sending);
    this.sending = setTimeout(() => {
      const message = messageOf(this.state, this.selected);
      const text = JSON.stringify(message);
      if (text === this.told) return;
      this.told = text;
      this.options.remember(message);
      this.setStateValue("view", message);
    }, 20);
  }
}
