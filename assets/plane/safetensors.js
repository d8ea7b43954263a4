// Reads a safetensors byte string: 8 bytes of header length, a JSON header, raw tensors.

let halfTable = null;

/** The float32 value of each of the 65,536 half-precision bit patterns. */
function halfValues() {
  if (halfTable) return halfTable;
  halfTable = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    if (exponent === 31) halfTable[bits] = fraction ? NaN : sign * Infinity;
    else if (exponent === 0) halfTable[bits] = sign * fraction * 2 ** -24;
    else halfTable[bits] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  return halfTable;
}

const WIDTHS = { F16: 2, F32: 4, U8: 1 };

/** One safetensors file in memory; tensors are converted when they are asked for. */
export class Pack {
  constructor(bytes) {
    if (!(bytes instanceof Uint8Array) || bytes.length < 8) throw new Error("the file is shorter than its header");
    const head = new DataView(bytes.buffer, bytes.byteOffset, 8);
    const length = head.getUint32(0, true);
    if (head.getUint32(4, true) !== 0 || 8 + length > bytes.length) throw new Error("the file is shorter than its header");
    let header;
    try {
      header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
    } catch {
      throw new Error("the header is not JSON");
    }
    if (header === null || typeof header !== "object") throw new Error("the header is not a table");
    this.bytes = bytes;
    this.start = 8 + length;
    this.metadata = header.__metadata__ ?? {};
    delete header.__metadata__;
    this.header = header;
  }

  names() {
    return Object.keys(this.header);
  }

  has(name) {
    return Object.hasOwn(this.header, name);
  }

  shape(name) {
    return this.#entry(name).shape;
  }

  /** The JSON object stored as the metadata string `name`. */
  description(name) {
    if (typeof this.metadata[name] !== "string") return null;
    return JSON.parse(this.metadata[name]);
  }

  /** A float tensor, row-major, as Float32Array. F16 is widened. */
  floats(name) {
    const { dtype, raw } = this.#raw(name);
    if (dtype === "F32") return new Float32Array(aligned(raw, 4), ...window32(raw, 4));
    if (dtype === "F16") return widen(new Uint16Array(aligned(raw, 2), ...window32(raw, 2)));
    throw new Error(`tensor ${name} is ${dtype}, expected F16 or F32`);
  }

  /** A U8 tensor as it lies in the file. */
  integers(name) {
    const { dtype, raw } = this.#raw(name);
    if (dtype !== "U8") throw new Error(`tensor ${name} is ${dtype}, expected U8`);
    return raw;
  }

  #entry(name) {
    if (!this.has(name)) throw new Error(`tensor ${name} is missing`);
    return this.header[name];
  }

  #raw(name) {
    const { dtype, shape, data_offsets: offsets } = this.#entry(name);
    const count = shape.reduce((product, size) => product * size, 1);
    const [begin, end] = offsets;
    if (!WIDTHS[dtype] || end - begin !== count * WIDTHS[dtype] || this.start + end > this.bytes.length) {
      throw new Error(`tensor ${name} does not fit the file`);
    }
    return { dtype, raw: this.bytes.subarray(this.start + begin, this.start + end) };
  }
}

// A typed array must start at a multiple of its width; where the file does not oblige, copy.
function aligned(raw, width) {
  return raw.byteOffset % width === 0 ? raw.buffer : raw.slice().buffer;
}

function window32(raw, width) {
  return [raw.byteOffset % width === 0 ? raw.byteOffset : 0, raw.byteLength / width];
}

function widen(halves) {
  const table = halfValues();
  const out = new Float32Array(halves.length);
  for (let i = 0; i < out.length; i++) out[i] = table[halves[i]];
  return out;
}
