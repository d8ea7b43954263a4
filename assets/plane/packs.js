// The packs (atlases, recognisers) that carriers have brought, by id, and who waits for them.

import { Atlas } from "./atlas.js";
import { Recogniser } from "./recogniser.js";
import { Pack } from "./safetensors.js";

const arrived = new Map();
const waiting = new Set();

function read(bytes) {
  const pack = new Pack(bytes);
  if (pack.description("atlas")) return new Atlas(pack);
  if (pack.description("recogniser")) return new Recogniser(pack);
  throw new Error("the file is neither an atlas nor a recogniser");
}

function tellAll() {
  for (const wake of [...waiting]) wake();
}

/** Reads what a carrier brings. A broken pack is kept as its error, so that views can say so. */
export function carry(carrier, bytes) {
  if (carrier.bytes === bytes) return;
  drop(carrier);
  carrier.bytes = bytes;
  try {
    carrier.content = read(bytes);
  } catch (error) {
    carrier.content = { error: error.message };
  }
  arrived.set(carrier, carrier.content);
  tellAll();
}

export function drop(carrier) {
  arrived.delete(carrier);
}

/** The atlas or recogniser of this id, or null while it has not come. */
export function packOf(id) {
  for (const content of arrived.values()) if (content.id === id) return content;
  return null;
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
