// The images that lie behind an atlas's points, as the pixels its model's likelihood is a density of.

const IMAGE_PIXELS = 784;

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

export class Images {
  constructor(pack) {
    const about = pack.description("images");
    if (about.version !== 1) throw new Error(`images of version ${about.version} are not known here`);
    this.id = about.id;
    this.count = about.count;
    this.grey = null;
    // Without them a page's answer is only waited for: nobody needs to hear of that.
    this.unpacked = inflate(pack.integers("pixels")).then(
      (grey) => (this.grey = grey.length === IMAGE_PIXELS * this.count ? grey : null),
      () => null,
    );
  }

  /** Image k, 784 numbers in [0, 1], row by row; null where there is none, or not yet. */
  at(k) {
    if (!this.grey || k >= this.count) return null;
    return Float32Array.from(this.grey.subarray(IMAGE_PIXELS * k, IMAGE_PIXELS * (k + 1)), (v) => v / 255);
  }
}
