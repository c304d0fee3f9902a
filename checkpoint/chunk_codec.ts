/**
 * How a chunk of a tensor is stored: raw, or cut into byte planes of which those that deflate pays for are deflated.
 *
 * The mantissa bytes of a trained float are noise; sign and exponent are not. Storing byte k of every element in plane k
 * (as HDF5's shuffle filter does) brings the exponents together, where they shrink to about a third, and leaves the
 * rest alone. No time is spent on deflating a plane whose sampled byte frequencies already look like noise.
 *
 * A chunk of byte planes: a table of `width` little-endian u32 (bit 31: deflated; bits 0–30: stored length), then the
 * planes, byte 0 of the elements first.
 */
import { type DeflateHint, deflateRaw, inflateRaw } from "./native_codec.ts";

/** Chunk codecs by their number in the file. */
export const CODEC_RAW = 0;
export const CODEC_BYTE_PLANES = 1;

const DEFLATED = 0x80000000;
/** A plane is deflated if its sampled entropy (of 8 bits) is below this: noise samples at about 7.95. */
const WORTHWHILE_BITS = 7.2;
const SAMPLE_WINDOWS = 16;
const SAMPLE_WINDOW_BYTES = 256;

/** How a chunk was stored. */
export interface EncodedChunk {
  readonly codec: number;
  readonly storedBytes: number;
}

/**
 * Encodes `raw` (whose length is a multiple of `width`, the bytes of an element) into the start of `out`, which has room
 * for `raw.length` bytes: a form that would be larger than raw is never chosen.
 */
export function encodeChunk(
  raw: Uint8Array,
  out: Uint8Array,
  options: { width: number; compress: boolean },
): EncodedChunk {
  const { width } = options;
  const table = 4 * width;
  const hints = options.compress && raw.length > 2 * table ? planeHints(raw, width) : [];
  if (hints.some((hint) => hint !== null)) {
    const count = raw.length / width;
    const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
    const planes = splitPlanes(raw, width);
    let at = table;
    let plane = 0;
    for (; plane < width; plane++) {
      const bytes = planes.subarray(plane * count, (plane + 1) * count);
      const hint = hints[plane];
      const deflated = hint === null ? null : deflateRaw(bytes, hint);
      const pays = deflated !== null && deflated.length < count;
      const stored = pays ? deflated : bytes;
      if (at + stored.length >= raw.length) break;
      out.set(stored, at);
      view.setUint32(4 * plane, pays ? (stored.length | DEFLATED) >>> 0 : stored.length, true);
      at += stored.length;
    }
    if (plane === width) return { codec: CODEC_BYTE_PLANES, storedBytes: at };
  }
  out.set(raw);
  return { codec: CODEC_RAW, storedBytes: raw.length };
}

/**
 * Decodes a chunk of byte planes into `raw`, which has exactly the chunk's raw size.
 * @throws Error that says what does not fit
 */
export function decodeBytePlanes(stored: Uint8Array, raw: Uint8Array, width: number): void {
  const count = raw.length / width;
  const table = 4 * width;
  if (stored.length < table) throw new Error(`expected a plane table of ${table} bytes but found ${stored.length}`);
  const view = new DataView(stored.buffer, stored.byteOffset, stored.byteLength);
  const planes: Uint8Array[] = [];
  let at = table;
  for (let plane = 0; plane < width; plane++) {
    const entry = view.getUint32(4 * plane, true);
    const length = entry & ~DEFLATED;
    if (at + length > stored.length) throw new Error(`expected plane ${plane} within the chunk but it ends after it`);
    const bytes = stored.subarray(at, at + length);
    if (entry & DEFLATED) planes.push(inflateRaw(bytes, count));
    else if (length === count) planes.push(bytes);
    else throw new Error(`expected ${count} bytes in plane ${plane} but found ${length}`);
    at += length;
  }
  if (at !== stored.length) throw new Error(`expected planes of ${stored.length} bytes together but found ${at}`);
  mergePlanes(planes, raw);
}

/** For each plane how to deflate it, or null where that does not pay, from a sample of at most 4 KiB a plane. */
function planeHints(raw: Uint8Array, width: number): (DeflateHint | null)[] {
  const count = raw.length / width;
  const window = Math.min(SAMPLE_WINDOW_BYTES, count);
  const windows = Math.min(SAMPLE_WINDOWS, Math.ceil(count / window));
  const hints: (DeflateHint | null)[] = [];
  for (let plane = 0; plane < width; plane++) {
    const histogram = new Uint32Array(256);
    let repeats = 0;
    for (let sample = 0; sample < windows; sample++) {
      const start = windows === 1 ? 0 : Math.floor(sample * (count - window) / (windows - 1));
      let previous = -1;
      for (let index = start; index < start + window; index++) {
        const byte = raw[index * width + plane];
        histogram[byte]++;
        if (byte === previous) repeats++;
        previous = byte;
      }
    }
    const total = windows * window;
    let bits = 0;
    for (const occurrences of histogram) {
      if (occurrences) bits -= occurrences / total * Math.log2(occurrences / total);
    }
    // A small sample cannot show more than log2(total) bits, however noisy it is.
    const worthwhile = bits < Math.min(WORTHWHILE_BITS, Math.log2(total) - 0.8);
    hints.push(worthwhile ? repeats * 2 > total ? "runs" : "frequencies" : null);
  }
  return hints;
}

/** Memory for the planes of one chunk, kept because fresh memory is slow. */
let planesMemory = new Uint8Array(0);

/** Plane after plane, in memory that is valid until the next call. */
function splitPlanes(raw: Uint8Array, width: number): Uint8Array {
  if (planesMemory.length < raw.length) planesMemory = new Uint8Array(raw.length);
  const planes = planesMemory.subarray(0, raw.length);
  const count = raw.length / width;
  if (width === 4 && raw.byteOffset % 4 === 0) {
    // All four in one pass. Every machine that Deno runs on is little-endian, as the file is.
    const words = new Uint32Array(raw.buffer, raw.byteOffset, count);
    const [first, second, third, fourth] = [0, 1, 2, 3].map((plane) =>
      planes.subarray(plane * count, (plane + 1) * count)
    );
    for (let index = 0; index < count; index++) {
      const word = words[index];
      first[index] = word;
      second[index] = word >>> 8;
      third[index] = word >>> 16;
      fourth[index] = word >>> 24;
    }
  } else {
    for (let plane = 0, to = 0; plane < width; plane++) {
      for (let from = plane; from < raw.length; from += width) planes[to++] = raw[from];
    }
  }
  return planes;
}

function mergePlanes(planes: readonly Uint8Array[], raw: Uint8Array): void {
  if (planes.length === 4 && raw.byteOffset % 4 === 0) {
    const words = new Uint32Array(raw.buffer, raw.byteOffset, raw.length / 4);
    const [first, second, third, fourth] = planes;
    for (let index = 0; index < words.length; index++) {
      words[index] = first[index] | second[index] << 8 | third[index] << 16 | fourth[index] << 24;
    }
    return;
  }
  const width = planes.length;
  planes.forEach((bytes, plane) => {
    for (let index = 0, at = plane; at < raw.length; index++, at += width) raw[at] = bytes[index];
  });
}
