/**
 * The first directory of a TIFF file (TIFF 6.0, sections 2 to 8 and 13 to 14), read strictly, and the file put together
 * again with nothing else in it: the decoder follows whatever a file lists, inflates without a bound, and takes LZW codes
 * that lead nowhere for what an earlier picture has left.
 */
import { requirePixels } from "../../config/pixel_limit.ts";
import { inflateZlib } from "./zlib_stream.ts";
import { lzwLength } from "./tiff_lzw.ts";

/** What the directory says, found possible. */
interface TiffHeader {
  /** In pixels, at least 1. */
  readonly width: number;
  /** In pixels, at least 1. */
  readonly height: number;
  /** 8 or 16. */
  readonly depth: number;
  /** Samples of a pixel: 1 gray or palette, 3 colour, 4 colour and alpha. */
  readonly samples: number;
  /** 0 and 1 gray, 2 colour, 3 palette. */
  readonly colour: number;
  /** 1 none, 5 LZW, 8 deflate. */
  readonly compression: number;
  /** Whether samples are differences to those of the pixel before. */
  readonly isPredicted: boolean;
  /** Rows of every strip but the last. */
  readonly rowsPerStrip: number;
  readonly strips: readonly { readonly at: number; readonly length: number }[];
  /** Red, green and blue of the palette's 256 entries, of 16 bits each; null where there is none. */
  readonly palette: readonly number[] | null;
  readonly isLittleEndian: boolean;
}

const TAG = {
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  colour: 262,
  offsets: 273,
  samples: 277,
  rows: 278,
  counts: 279,
  planes: 284,
  predictor: 317,
  palette: 320,
  tileWidth: 322,
  extra: 338,
  format: 339,
} as const;
const [SHORT, LONG] = [3, 4];
const LZW = 5, DEFLATE = 8, OLD_DEFLATE = 32946;
/** Numbers of the longest field that there is a use for: strips of one row each. */
const MOST_NUMBERS = 1_000_000;
/** Bytes that an entry of a directory takes. */
const ENTRY = 12;

/** Whether the bytes begin as a TIFF file does. */
export function isTiff(bytes: Uint8Array): boolean {
  const [a, b, c, d] = bytes;
  return a === 0x49 && b === 0x49 && c === 42 && d === 0 || a === 0x4d && b === 0x4d && c === 0 && d === 42;
}

/** Reads the first directory. @throws {Error} that says what is wrong with it, or which kind is not supported */
export function readTiffHeader(bytes: Uint8Array): TiffHeader {
  const isLittleEndian = bytes[0] === 0x49;
  const list = directoryOf(bytes, isLittleEndian);
  const one = (tag: number, usual: number | null = null): number => {
    const [value = usual] = list(tag);
    if (value === null) throw damage(`field ${tag} is missing`);
    return value;
  };
  const [width, height] = [one(TAG.width), one(TAG.height)];
  if (width < 1 || height < 1) throw damage(`its size is ${width} x ${height}`);
  const compression = one(TAG.compression, 1) === OLD_DEFLATE ? DEFLATE : one(TAG.compression, 1);
  const [colour, samples] = [one(TAG.colour), one(TAG.samples, 1)];
  const bits = list(TAG.bits).length > 0 ? list(TAG.bits) : [1];
  const depth = bits[0];
  const isFit = [1, LZW, DEFLATE].includes(compression) && [8, 16].includes(depth) &&
    bits.length >= Math.min(samples, 3) && bits.every((bit) => bit === depth) &&
    (colour === 2 ? [3, 4].includes(samples) : [0, 1, 3].includes(colour) && samples === 1) &&
    (colour !== 3 || depth === 8) && one(TAG.planes, 1) === 1 && list(TAG.tileWidth).length === 0 &&
    [1, 2].includes(one(TAG.predictor, 1)) && list(TAG.format).every((format) => format === 1) &&
    list(TAG.extra).every((extra) => extra !== 1);
  if (!isFit) {
    throw new Error(
      "expected a TIFF in strips, without compression or with LZW or deflate, of 8 or 16 bits, gray, colour or palette " +
        `but found colour ${colour} of ${samples} x ${depth} bits, compression ${compression}` +
        `${list(TAG.tileWidth).length > 0 ? ", tiles" : ""}; convert it to PNG`,
    );
  }
  const rowsPerStrip = Math.min(one(TAG.rows, height), height);
  const [offsets, counts] = [list(TAG.offsets), list(TAG.counts)];
  if (rowsPerStrip < 1 || offsets.length !== Math.ceil(height / rowsPerStrip) || counts.length !== offsets.length) {
    throw damage(`${offsets.length} strips of ${rowsPerStrip} rows do not make ${height}`);
  }
  const palette = colour === 3 ? list(TAG.palette) : null;
  if (palette !== null && palette.length !== 3 * 256) throw damage(`its palette has ${palette.length} numbers`);
  const strips = offsets.map((at, strip) => ({ at, length: counts[strip] }));
  const isPredicted = one(TAG.predictor, 1) === 2;
  const what = { width, height, depth, samples, colour, compression, isPredicted, rowsPerStrip };
  return { ...what, strips, palette, isLittleEndian };
}

/** The numbers of each field of the first directory; none where it is absent, or of another type. */
function directoryOf(bytes: Uint8Array, isLittleEndian: boolean): (tag: number) => number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const within = (at: number, length: number) => {
    if (at + length > bytes.length) throw new Error("the file is truncated before its header");
    return at;
  };
  const start = view.getUint32(within(4, 4), isLittleEndian);
  const count = view.getUint16(within(start, 2), isLittleEndian);
  within(start + 2, count * ENTRY);
  const places = new Map<number, { readonly at: number; readonly type: number; readonly count: number }>();
  for (let entry = 0; entry < count; entry++) {
    const at = start + 2 + entry * ENTRY;
    const [tag, type] = [view.getUint16(at, isLittleEndian), view.getUint16(at + 2, isLittleEndian)];
    if (type !== SHORT && type !== LONG || places.has(tag)) continue;
    places.set(tag, { at: at + 8, type, count: view.getUint32(at + 4, isLittleEndian) });
  }
  return (tag) => {
    const place = places.get(tag);
    if (place === undefined) return [];
    if (place.count > MOST_NUMBERS) throw damage(`field ${tag} has ${place.count} numbers`);
    const size = place.type === SHORT ? 2 : 4;
    const at = place.count * size <= 4 ? place.at : view.getUint32(place.at, isLittleEndian);
    within(at, place.count * size);
    return Array.from(
      { length: place.count },
      (_, i) => size === 2 ? view.getUint16(at + 2 * i, isLittleEndian) : view.getUint32(at + 4 * i, isLittleEndian),
    );
  };
}

/** A file that the decoder reads rightly. @throws {Error} where it has too many pixels, or not all that it promises */
export async function plainTiff(
  bytes: Uint8Array,
  { maxPixels }: { readonly maxPixels: number },
): Promise<{ readonly header: TiffHeader; readonly file: Uint8Array }> {
  const header = readTiffHeader(bytes);
  requirePixels(header, maxPixels);
  const { width, height, rowsPerStrip, strips, compression, depth, samples } = header;
  const rowBytes = width * samples * depth / 8;
  const contents: Uint8Array[] = [];
  for (const [strip, { at, length }] of strips.entries()) {
    if (at + length > bytes.length) throw new Error("the file is truncated");
    const expected = rowBytes * Math.min(rowsPerStrip, height - strip * rowsPerStrip);
    contents.push(await stripContent(bytes.subarray(at, at + length), { expected, compression }));
  }
  return { header, file: assembled(header, contents) };
}

/** A strip that gives exactly what is expected, or more where nothing is compressed. */
async function stripContent(
  strip: Uint8Array,
  { expected, compression }: { readonly expected: number; readonly compression: number },
): Promise<Uint8Array> {
  if (compression === DEFLATE) {
    try {
      return await inflateZlib(strip, expected);
    } catch (cause) {
      throw damage(`a strip of it: ${cause instanceof Error ? cause.message : cause}`);
    }
  }
  const found = compression === LZW ? lzwLength(strip, expected) : strip.length;
  if (found < expected) throw damage(`a strip of it has ${found} bytes instead of ${expected}`);
  return compression === LZW ? strip : strip.subarray(0, expected);
}

function assembled(header: TiffHeader, contents: readonly Uint8Array[]): Uint8Array {
  const { width, height, depth, samples, colour, compression, isPredicted, rowsPerStrip, palette } = header;
  const fields: readonly (readonly [tag: number, values: readonly number[], type: number])[] = [
    [TAG.width, [width], LONG],
    [TAG.height, [height], LONG],
    [TAG.bits, new Array<number>(samples).fill(depth), SHORT],
    [TAG.compression, [compression === LZW ? LZW : 1], SHORT],
    [TAG.colour, [colour], SHORT],
    [TAG.offsets, contents.map(() => 0), LONG],
    [TAG.samples, [samples], SHORT],
    [TAG.rows, [rowsPerStrip], LONG],
    [TAG.counts, contents.map(({ length }) => length), LONG],
    [TAG.predictor, [isPredicted ? 2 : 1], SHORT],
    ...palette === null ? [] : [[TAG.palette, palette, SHORT] as const],
    ...samples === 4 ? [[TAG.extra, [2], SHORT] as const] : [],
  ];
  const sizeOf = (values: readonly number[], type: number) => values.length * (type === SHORT ? 2 : 4);
  const values = 8 + 2 + fields.length * ENTRY + 4;
  const pixels = fields.reduce((at, [, list, type]) => at + Math.max(4, sizeOf(list, type)), values);
  const file = new Uint8Array(contents.reduce((at, { length }) => at + length, pixels));
  const view = new DataView(file.buffer);
  const little = header.isLittleEndian;
  file.set(little ? [0x49, 0x49, 42, 0] : [0x4d, 0x4d, 0, 42]);
  view.setUint32(4, 8, little);
  view.setUint16(8, fields.length, little);
  let free = values;
  const put = (list: readonly number[], { type, at }: { readonly type: number; readonly at: number }) =>
    list.forEach((value, i) =>
      type === SHORT ? view.setUint16(at + 2 * i, value, little) : view.setUint32(at + 4 * i, value, little)
    );
  fields.forEach(([tag, list, type], entry) => {
    const at = 10 + entry * ENTRY;
    view.setUint16(at, tag, little);
    view.setUint16(at + 2, type, little);
    view.setUint32(at + 4, list.length, little);
    let content = list;
    if (tag === TAG.offsets) {
      let place = pixels;
      content = contents.map(({ length }) => (place += length) - length);
    }
    const isInline = sizeOf(list, type) <= 4;
    if (!isInline) view.setUint32(at + 8, free, little);
    put(content, { type, at: isInline ? at + 8 : free });
    free += Math.max(4, sizeOf(list, type));
  });
  let place = pixels;
  for (const content of contents) {
    file.set(content, place);
    place += content.length;
  }
  return file;
}

const damage = (what: string) => new Error(`the TIFF data is damaged: ${what}`);
