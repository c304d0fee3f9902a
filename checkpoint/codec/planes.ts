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
import { deflateAny, inflateAny, isOneValue } from "./any_deflate.ts";
import { deflateLiterals, HEADER_BYTES, inflateLiterals } from "./deflate.ts";
import { PlaneMemory } from "./plane_memory.ts";
import { deflateRuns, runRooms } from "./runs.ts";

/** Chunk codecs by their number in the file. */
export const CODEC_RAW = 0;
export const CODEC_BYTE_PLANES = 1;

const DEFLATED = 0x80000000;
/** A plane is deflated if its sampled entropy (of 8 bits) is below this: noise samples at about 7.95. */
const WORTHWHILE_BITS = 7.2;
/** Smaller planes fflate inflates before the tables of `inflateLiterals` are made. */
const WORTH_TABLES = 16 * 1024;
const SAMPLE_WINDOWS = 16;
const SAMPLE_WINDOW_BYTES = 256;

/** What is known of a plane that pays: long runs of equal bytes, or values that are frequent but scattered. */
type DeflateHint = "runs" | "frequencies";

interface EncodedChunk {
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
    const storedBytes = encodePlanes(raw, out, { hints, limit: raw.length });
    if (storedBytes !== null) return { codec: CODEC_BYTE_PLANES, storedBytes };
  }
  out.set(raw);
  return { codec: CODEC_RAW, storedBytes: raw.length };
}

/** Writes table and planes to `out`, if they take fewer than `limit` bytes, and returns how many; else null. */
function encodePlanes(
  raw: Uint8Array,
  out: Uint8Array,
  { hints, limit }: { hints: readonly (DeflateHint | null)[]; limit: number },
): number | null {
  const width = hints.length;
  const count = raw.length / width;
  const memory = PlaneMemory.ownIfPossible();
  const sizes = [raw.length, raw.length, count + HEADER_BYTES, ...(hints.includes("runs") ? runRooms(count) : [])];
  const [source, planes, scratch, ...rooms] = memory?.reserve(...sizes) ?? [0, 0, 0];
  const bytes = memory?.bytes ?? new Uint8Array(raw.length);
  if (memory && width === 4) {
    bytes.set(raw, source);
    memory.kernels.splitPlanes(source, count, planes);
  } else {
    for (let plane = 0, to = planes; plane < width; plane++) {
      for (let from = plane; from < raw.length; from += width) bytes[to++] = raw[from];
    }
  }
  const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
  let at = 4 * width;
  for (const [plane, hint] of hints.entries()) {
    const whole = bytes.subarray(planes + plane * count, planes + (plane + 1) * count);
    const deflated = hint === null ? null : deflatePlane(whole, { hint, memory, scratch, rooms });
    const stored = deflated ?? whole;
    if (at + stored.length >= limit) return null;
    out.set(stored, at);
    view.setUint32(4 * plane, deflated ? (stored.length | DEFLATED) >>> 0 : stored.length, true);
    at += stored.length;
  }
  return at;
}

/** A plane deflated, or null if that does not make it smaller; valid until the next is deflated. */
function deflatePlane(
  whole: Uint8Array,
  { hint, memory, scratch, rooms }: {
    hint: DeflateHint;
    memory: PlaneMemory | null;
    scratch: number;
    /** Of the sizes that `runRooms` asks for, where the hint is "runs". */
    rooms: readonly number[];
  },
): Uint8Array | null {
  if (memory === null) return smaller(deflateAny(whole), whole);
  if (hint === "runs") {
    const place = { from: whole.byteOffset, count: whole.length, to: scratch, rooms };
    return smaller(isOneValue(whole) ? deflateAny(whole) : deflateRuns(memory, place) ?? deflateAny(whole), whole);
  }
  const length = deflateLiterals(memory, { from: whole.byteOffset, count: whole.length, to: scratch });
  return length === null ? null : memory.bytes.subarray(scratch, scratch + length);
}

const smaller = (deflated: Uint8Array, whole: Uint8Array) => deflated.length < whole.length ? deflated : null;

/**
 * Decodes a chunk of byte planes into `raw`, which has exactly the chunk's raw size.
 * @throws Error that says what does not fit
 */
export function decodeBytePlanes(stored: Uint8Array, raw: Uint8Array, width: number): void {
  const count = raw.length / width;
  const table = 4 * width;
  if (stored.length < table) throw new Error(`expected a plane table of ${table} bytes but found ${stored.length}`);
  const view = new DataView(stored.buffer, stored.byteOffset, stored.byteLength);
  const memory = PlaneMemory.ownIfPossible();
  const [source, target, ...inflated] =
    memory?.reserve(stored.length, raw.length, ...Array.from({ length: width }, () => count)) ?? [0, 0];
  memory?.bytes.set(stored, source);
  const bytes = memory?.bytes ?? stored;
  const planes: Uint8Array[] = [];
  let at = table;
  for (let plane = 0; plane < width; plane++) {
    const entry = view.getUint32(4 * plane, true);
    const length = entry & ~DEFLATED;
    if (at + length > stored.length) throw new Error(`expected plane ${plane} within the chunk but it ends after it`);
    const whole = bytes.subarray(source + at, source + at + length);
    if (entry & DEFLATED) planes.push(inflatePlane(whole, { count, memory, to: inflated[plane] }));
    else if (length === count) planes.push(whole);
    else throw new Error(`expected ${count} bytes in plane ${plane} but found ${length}`);
    at += length;
  }
  if (at !== stored.length) throw new Error(`expected planes of ${stored.length} bytes together but found ${at}`);
  if (memory && width === 4) {
    const [first, second, third, fourth] = planes.map(({ byteOffset }) => byteOffset);
    memory.kernels.mergePlanes(target, count, first, second, third, fourth);
    raw.set(bytes.subarray(target, target + raw.length));
  } else {
    planes.forEach((values, plane) => {
      for (let index = 0, to = plane; index < count; index++, to += width) raw[to] = values[index];
    });
  }
}

/** Inflates a plane of `count` bytes: to `to` where there is a memory for it, else to memory of its own. */
function inflatePlane(
  deflated: Uint8Array,
  { count, memory, to }: { count: number; memory: PlaneMemory | null; to: number },
): Uint8Array {
  if (memory === null) return inflateAny(deflated, count);
  const { byteOffset: from, length } = deflated;
  if (count < WORTH_TABLES || !inflateLiterals(memory, { from, length, to, count })) {
    inflateAny(deflated, count, { room: memory.bytes.subarray(to, to + count + 1) }); // the margin has room for a byte
  }
  return memory.bytes.subarray(to, to + count);
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
    // A small sample cannot show more than log2(total) bits, and of noise shows up to 0.9 bits fewer.
    const worthwhile = bits < Math.min(WORTHWHILE_BITS, Math.log2(total) - 1.5);
    hints.push(worthwhile ? repeats * 2 > total ? "runs" : "frequencies" : null);
  }
  return hints;
}
