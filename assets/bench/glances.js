// How far the posterior that the plane shows at first glance is from the one that it would come to.

import { Atlas } from "../plane/atlas.js";
import { HiddenPicture } from "../plane/canvas28.js";
import { FIRST_GLANCE } from "../plane/foresight.js";
import { Images } from "../plane/images.js";
import { Inference } from "../plane/inference.js";
import { Pack } from "../plane/safetensors.js";
import { View } from "../plane/view.js";

// Cells of two nodes a side: the finest of one surface may be the second finest of another.
function massesByCell({ surface, masses }) {
  const cells = new Map();
  masses.forEach((mass, k) => {
    const cell = `${surface.along(k) >> 1} ${surface.up(k) >> 1}`;
    if (mass > 0) cells.set(cell, (cells.get(cell) ?? 0) + mass);
  });
  return cells;
}

function totalVariation(a, b) {
  const cells = new Set([...a.keys(), ...b.keys()]);
  return 0.5 * [...cells].reduce((sum, cell) => sum + Math.abs((a.get(cell) ?? 0) - (b.get(cell) ?? 0)), 0);
}

const packAt = async (address) => new Pack(new Uint8Array(await (await fetch(address)).arrayBuffer()));

/** The total variation of the first `count` images' posteriors at first glance from those that nothing more is added to. */
export async function glances(count) {
  const atlas = new Atlas(await packAt("/atlas"));
  const images = new Images(await packAt("/images"));
  await images.unpacked;
  const view = new View();
  view.setHome(View.extentOf(atlas.positions, atlas.hasPrior()));
  const inference = new Inference({ atlas, follow: { decoded: 0 }, stage: { view } });
  inference.adopt();
  inference.prepare(Infinity);
  const picture = new HiddenPicture();
  picture.setAll(1);
  return Array.from({ length: count }, (_, k) => {
    picture.image = images.at(k);
    inference.lookAt(picture);
    const [first, last] = [FIRST_GLANCE, Infinity].map((milliseconds) => {
      inference.look(milliseconds);
      inference.present(() => {});
      return massesByCell(inference);
    });
    return totalVariation(first, last);
  });
}
