// What a decoder says of every pixel at points of the latent plane, and from it log p(seen pixels, z) at each of them.

const PIXELS = 784;
const TOGETHER = 4;
const MOST_NODES_HELD = 7000;
const MANY_CHANGED = 200;

/**
 * The decoder's pixels as exponential families on nodes of a lattice, and the sum over those pixels that are seen. A
 * pixel that changes costs one pass over the nodes.
 */
export class PixelTable {
  /** `decoderNow` gives the decoder when there is something to decode: one that is gated may stand elsewhere by then. */
  constructor(decoderNow, lattice) {
    this.decoderNow = decoderNow;
    this.lattice = lattice;
    this.columns = decoderNow().likelihood.columns;
    this.slots = new Int32Array(lattice.side ** 2).fill(-1);
    this.nodes = [];
    this.terms = [];
    this.sums = new Float64Array(MOST_NODES_HELD);
    this.image = new Float32Array(PIXELS);
    this.seen = new Uint8Array(PIXELS);
    this.points = new Float32Array(2 * TOGETHER);
  }

  get count() {
    return this.nodes.length;
  }

  get full() {
    return this.count + TOGETHER > MOST_NODES_HELD;
  }

  has(node) {
    return this.slots[node] >= 0;
  }

  /** log p(seen pixels, z) at a node that it has, but for what does not depend on z. */
  at(node) {
    return this.sums[this.slots[node]] + this.lattice.logPrior(node);
  }

  /** Decodes a few nodes (four at most) that it does not have. */
  add(nodes) {
    nodes.forEach((node, k) => this.points.set(this.lattice.point(node), 2 * k));
    const { columns } = this;
    const decoder = this.decoderNow();
    const { likelihood, variance } = decoder;
    const seen = this.#seenPixels();
    const raw = decoder.forwardBatch(this.points.subarray(0, 2 * nodes.length), nodes.length);
    nodes.forEach((node, k) => {
      const own = raw.subarray(k * decoder.outputs, (k + 1) * decoder.outputs);
      const terms = new Float32Array(columns * PIXELS);
      for (let i = 0; i < PIXELS; i++) likelihood.terms(own, i, PIXELS, variance, terms, columns * i);
      this.slots[node] = this.count;
      this.sums[this.count] = this.#over(terms, seen);
      this.nodes.push(node);
      this.terms.push(terms);
    });
  }

  /** Forgets all but the nodes of which `keeps` holds. */
  forget(keeps) {
    const kept = this.nodes.map((node, slot) => ({ node, slot })).filter(({ node }) => keeps(node));
    this.slots.fill(-1);
    this.sums.set(kept.map(({ slot }) => this.sums[slot]));
    this.terms = kept.map(({ slot }) => this.terms[slot]);
    this.nodes = kept.map(({ node }) => node);
    this.nodes.forEach((node, slot) => (this.slots[node] = slot));
  }

  /** Takes an image (784 numbers in [0, 1]) and which of its pixels are seen; only what differs is counted anew. */
  see(image, seen) {
    const changed = [];
    for (let i = 0; i < PIXELS; i++) {
      if (seen[i] !== this.seen[i] || (seen[i] && image[i] !== this.image[i])) changed.push(i);
    }
    if (changed.length === 0) return;
    // Without small steps there is nothing to add up wrongly.
    const anew = changed.length > MANY_CHANGED || !seen.some(Boolean);
    if (!anew) this.#add(changed, -1);
    this.image.set(image);
    this.seen.set(seen);
    if (!anew) this.#add(changed, 1);
    else this.#sumAnew();
  }

  #add(pixels, sign) {
    const seen = pixels.filter((i) => this.seen[i]);
    if (seen.length === 0) return;
    for (let slot = 0; slot < this.count; slot++) this.sums[slot] += sign * this.#over(this.terms[slot], seen);
  }

  #sumAnew() {
    const seen = this.#seenPixels();
    this.terms.forEach((terms, slot) => (this.sums[slot] = this.#over(terms, seen)));
  }

  #seenPixels() {
    return Array.from({ length: PIXELS }, (_, i) => i).filter((i) => this.seen[i]);
  }

  #over(terms, pixels) {
    const { image, columns } = this;
    let sum = 0;
    for (let k = 0; k < pixels.length; k++) {
      const i = pixels[k];
      const x = image[i];
      const at = columns * i;
      sum += x * terms[at] - terms[at + 1];
      if (columns === 3) sum += x * x * terms[at + 2];
    }
    return sum;
  }
}
