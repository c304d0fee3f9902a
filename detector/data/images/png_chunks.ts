/**
 * The container of a PNG file (PNG specification, third edition, sections 5 and 11), read strictly: every chunk's
 * checksum, the order of those that decide pixels, and a stream that inflates to exactly the rows that the header
 * promises.
 */
import { crc32 } from "../../../checkpoint/codec/checksums.ts";
import { isFilter, type PngHeader, rowBlocks } from "./png_rows.ts";
import { inflateZlib } from "./zlib_stream.ts";
import { requirePixels } from "../../config/pixel_limit.ts";

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
/** Bytes of the signature and the header's chunk, which is always the first. */
const HEADER_END = 33;

/** Samples of a pixel, and the depths that a sample may have, by colour type. */
const COLOUR_TYPES: ReadonlyMap<number, { readonly channels: number; readonly depths: readonly number[] }> = new Map([
  [0, { channels: 1, depths: [1, 2, 4, 8, 16] }],
  [2, { channels: 3, depths: [8, 16] }],
  [3, { channels: 1, depths: [1, 2, 4, 8] }],
  [4, { channels: 2, depths: [8, 16] }],
  [6, { channels: 4, depths: [8, 16] }],
]);

/** Whether the bytes begin as a PNG file does. */
export function isPng(bytes: Uint8Array): boolean {
  return SIGNATURE.every((byte, at) => bytes[at] === byte);
}

/** Reads the header alone. @throws Error that says what is wrong with it. */
export function readPngHeader(bytes: Uint8Array): PngHeader {
  if (bytes.length < HEADER_END) throw new Error("the file is truncated before its header");
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_END);
  if (view.getUint32(8) !== 13 || nameAt(bytes, 12) !== "IHDR") throw damage("it does not begin with a header");
  const [depth, colourType, compression, filter, interlace] = bytes.subarray(24, 29);
  const header = { width: view.getUint32(16), height: view.getUint32(20), depth, colourType };
  if (view.getUint32(29) !== crc32(bytes.subarray(12, 29))) throw damage("the header's checksum is wrong");
  if (header.width < 1 || header.height < 1 || header.width >= 2 ** 31 || header.height >= 2 ** 31) {
    throw damage(`its size is ${header.width} x ${header.height}`);
  }
  const kind = COLOUR_TYPES.get(colourType);
  if (!kind?.depths.includes(depth)) throw damage(`${depth} bits of colour type ${colourType} do not exist`);
  if (compression !== 0 || filter !== 0 || interlace > 1) {
    throw damage(`compression ${compression}, filter ${filter} and interlacing ${interlace} are not known`);
  }
  return { ...header, channels: kind.channels, isInterlaced: interlace === 1 };
}

/**
 * What decides the pixels of a PNG file, all of it checked: header, palette and inflated rows. Transparency does not.
 * @param options.maxPixels as in `DecodeOptions`
 * @throws Error that says what is wrong or missing
 */
export async function soundPng(
  bytes: Uint8Array,
  options: { readonly maxPixels: number },
): Promise<{ readonly header: PngHeader; readonly palette: Uint8Array | undefined; readonly rows: Uint8Array }> {
  const header = readPngHeader(bytes);
  requirePixels(header, options.maxPixels);
  const data: Uint8Array[] = [];
  let palette: Uint8Array | undefined;
  let last = "IHDR";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = HEADER_END; last !== "IEND";) {
    if (at + 12 > bytes.length) throw new Error("the file is truncated");
    const end = at + 12 + view.getUint32(at);
    if (end > bytes.length) throw new Error("the file is truncated");
    const name = nameAt(bytes, at + 4);
    if (crc32(bytes.subarray(at + 4, end - 4)) !== view.getUint32(end - 4)) {
      throw damage(`the checksum of its chunk ${name} is wrong`);
    }
    const content = bytes.subarray(at + 8, end - 4);
    if (name === "PLTE") {
      if (palette !== undefined || data.length > 0) throw damage("its palette is in the wrong place");
      if (content.length === 0 || content.length % 3 !== 0 || content.length > 768) {
        throw damage("its palette is broken");
      }
      palette = content;
    } else if (name === "IDAT") {
      if (data.length > 0 && last !== "IDAT") throw damage("its pixels are interrupted by another chunk");
      data.push(content);
    } else if (name !== "IEND" && isCritical(bytes[at + 4])) {
      throw damage(`its chunk ${name} is not known or in the wrong place`);
    }
    last = name;
    at = end;
  }
  if (data.length === 0) throw damage("it has no pixels");
  if (header.colourType === 3 && palette === undefined) throw damage("it has no palette");
  return { header, palette, rows: await inflateRows(join(data), header) };
}

/** Inflates the rows, and sees that they are all there and begin with a filter that exists. */
async function inflateRows(stream: Uint8Array, header: PngHeader): Promise<Uint8Array> {
  const blocks = rowBlocks(header);
  const expected = blocks.reduce((sum, { rows, rowBytes }) => sum + rows * rowBytes, 0);
  let inflated: Uint8Array;
  try {
    inflated = await inflateZlib(stream, expected); // some writers let other bytes follow
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw damage(`its pixels do not decompress as they should: ${reason}`, cause);
  }
  let at = 0;
  for (const { rows, rowBytes } of blocks) {
    for (let row = 0; row < rows; row++, at += rowBytes) {
      if (!isFilter(inflated[at])) throw damage(`a row has the filter ${inflated[at]}`);
    }
  }
  return inflated;
}

/** The file of an 8-bit RGB image, whose filtered rows are in a zlib stream. */
export function pngFile(
  { width, height }: { readonly width: number; readonly height: number },
  stream: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, 2], 8); // bits of a sample, colour type
  return join([SIGNATURE, chunkOf("IHDR", header), chunkOf("IDAT", stream), chunkOf("IEND", new Uint8Array())]);
}

/** A chunk with its length and checksum. */
function chunkOf(name: string, content: Uint8Array): Uint8Array {
  const chunk = new Uint8Array(content.length + 12);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, content.length);
  for (let at = 0; at < 4; at++) chunk[4 + at] = name.charCodeAt(at);
  chunk.set(content, 8);
  view.setUint32(8 + content.length, crc32(chunk.subarray(4, 8 + content.length)));
  return chunk;
}

/** Chunks with a capital first letter decide the picture; others may be passed over. */
const isCritical = (firstLetter: number) => (firstLetter & 0x20) === 0;

function nameAt(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4)).replaceAll(/[^A-Za-z]/g, "?");
}

function damage(what: string, cause?: unknown): Error {
  return new Error(`the PNG data is damaged (${what})`, { cause });
}

function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
