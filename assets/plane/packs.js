// The packs (atlases, their growth, images, recognisers) that carriers have brought, by id, and who waits for them.

import { Atlas } from "./atlas.js";
import { Images } from "./images.js";
import { Recogniser } from "./recogniser.js";
import { Pack } from "./safetensors.js";
import { Keyframe, Series, Tail } from "./series.js";

const arrived = new Map();
const waiting = new Set();
const growing = new Map();
const READERS = { atlas: Atlas, recogniser: Recogniser, images: Images, tail: Tail, keyframe: Keyframe };

function read(bytes) {
  const pack = new Pack(bytes);
  const kind = Object.keys(READERS).find((name) => pack.description(name));
  if (!kind) throw new Error("the file is neither an atlas nor a recogniser");
  return new READERS[kind](pack);
}

function tellAll() {
  for (const wake of [...waiting]) wake();
}

const contents = () => [...arrived.values()];
const basesOf = (series) => contents().filter((content) => content instanceof Atlas && content.series === series);

// Joins what has come to the rest of its series.
function join(content, before) {
  const { series } = content;
  if (!series) return;
  if (!growing.has(series)) growing.set(series, new Series());
  const earlier = [before, ...basesOf(series)].filter((other) => other instanceof Atlas && other.series === series && other !== content);
  if (content instanceof Atlas) growing.get(series).found(content, earlier);
  else growing.get(series).add(content, basesOf(series));
}

// What is kept of a series goes with the last carrier that brought something of it.
function forget(series) {
  if (series && !contents().some((content) => content.series === series)) growing.delete(series);
}

/** Reads what a carrier brings. A broken pack is kept as its error, so that views can say so. */
export function carry(carrier, bytes) {
  if (carrier.bytes === bytes) return;
  const before = carrier.content;
  carrier.bytes = bytes;
  try {
    carrier.content = read(bytes);
  } catch (error) {
    carrier.content = { error: error.message };
  }
  join(carrier.content, before);
  arrived.delete(carrier);
  arrived.set(carrier, carrier.content);
  forget(before?.series);
  tellAll();
}

export function drop(carrier) {
  arrived.delete(carrier);
  forget(carrier.content?.series);
}

/** The atlas or recogniser of this id, or null while it has not come. */
export function packOf(id) {
  for (const content of arrived.values()) if (content.id === id) return content;
  return null;
}

/** The base of a series that came last, or null. */
export function newestOf(series) {
  return (series && basesOf(series).at(-1)) || null;
}

/** Whether frames of the atlas's series have come that do not join on to its own; without one, of any series. */
export function isBehind(atlas) {
  if (atlas) return growing.get(atlas.series)?.isAhead(atlas) ?? false;
  return [...growing].some(([series, { tails }]) => tails.length > 0 && basesOf(series).length === 0);
}

/** The first error among the packs that could not be read, or null. */
export function packError() {
  for (const content of arrived.values()) if (content.error) return content.error;
  return null;
}

/** Calls `wake` whenever a pack comes; returns the function that ends this. */
export function onArrival(wake) {
  waiting.add(wake);
  return () => waiting.delete(wake);
}
