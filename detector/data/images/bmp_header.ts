/**
 * The head of a BMP file (Windows bitmaps: BITMAPCOREHEADER, BITMAPINFOHEADER and its successors), read strictly, and the
 * file put together again in the one form that the decoder reads rightly: a header of 40 bytes, a full palette, pixels
 * right behind it, an even width where a byte holds two pixels.
 */
import { requirePixels } from "../../config/pixel_limit.ts";

/** What the header says, found possible. */
interface BmpHeader {
  /** In pixels, at least 1. */
  readonly width: number;
  /** In pixels, at least 1. */
  readonly height: number;
  /** Whether the first row of the file is the top one; mostly it is the bottom one. */
  readonly isTopDown: boolean;
  /** Bits of a pixel: 1, 4 or 8 of a palette, 24 or 32 of blue, green, red (and a byte that says nothing). */
  readonly depth: number;
  /** Where the palette begins, the bytes of an entry and how many there are. */
  readonly palette: { readonly at: number; readonly entryBytes: number; readonly entries: number };
  /** Where the pixels begin. */
  readonly pixelsAt: number;
}

const FILE_HEADER = 14, CORE_HEADER = 12, INFO_HEADER = 40;
/** Sizes of headers that there are: OS/2's, Windows's, and those with masks and colour spaces. */
const HEADER_SIZES = [CORE_HEADER, INFO_HEADER, 52, 56, 108, 124];
const DEPTHS = [1, 4, 8, 24, 32];

/** Whether the bytes begin as a BMP file does. */
export function isBmp(bytes: Uint8Array): boolean {
  return bytes[0] === 0x42 && bytes[1] === 0x4d;
}

/** Reads the header alone. @throws Error that says what is wrong with it, or which kind is not supported */
export function readBmpHeader(bytes: Uint8Array): BmpHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < FILE_HEADER + CORE_HEADER) throw new Error("the file is truncated before its header");
  const pixelsAt = view.getUint32(10, true), size = view.getUint32(FILE_HEADER, true);
  if (!HEADER_SIZES.includes(size)) throw damage(`a header of ${size} bytes does not exist`);
  if (bytes.length < FILE_HEADER + size) throw new Error("the file is truncated before its header");
  const isCore = size === CORE_HEADER;
  const width = isCore ? view.getUint16(18, true) : view.getInt32(18, true);
  const signedHeight = isCore ? view.getUint16(20, true) : view.getInt32(22, true);
  const depth = view.getUint16(isCore ? 24 : 28, true);
  const compression = isCore ? 0 : view.getUint32(30, true);
  const height = Math.abs(signedHeight);
  if (width < 1 || height < 1) throw damage(`its size is ${width} x ${signedHeight}`);
  if (compression !== 0 || !DEPTHS.includes(depth)) {
    throw new Error(
      `expected a BMP of plain rows with ${DEPTHS.join(", ")} bits a pixel but found ` +
        `${depth} bits and compression ${compression}; convert it to PNG`,
    );
  }
  const most = depth <= 8 ? 2 ** depth : 0;
  const claimed = isCore ? 0 : view.getUint32(46, true);
  const entries = claimed === 0 ? most : Math.min(claimed, most);
  const palette = { at: FILE_HEADER + size, entryBytes: isCore ? 3 : 4, entries };
  if (pixelsAt < palette.at + palette.entryBytes * entries) throw damage("its pixels begin before its head ends");
  return { width, height, isTopDown: signedHeight < 0, depth, palette, pixelsAt };
}

/** A file that the decoder reads rightly. @throws Error where it has too many pixels, or not all that it promises */
export function plainBmp(bytes: Uint8Array, { maxPixels }: { readonly maxPixels: number }) {
  const header = readBmpHeader(bytes);
  requirePixels(header, maxPixels);
  const { width, height, isTopDown, depth, palette, pixelsAt } = header;
  const length = Math.ceil(width * depth / 32) * 4 * height;
  if (pixelsAt + length > bytes.length) throw new Error("the file is truncated");
  const entries = depth <= 8 ? 2 ** depth : 0;
  const start = FILE_HEADER + INFO_HEADER + 4 * entries;
  const file = new Uint8Array(start + length);
  const view = new DataView(file.buffer);
  file.set([0x42, 0x4d]);
  view.setUint32(2, file.length, true);
  view.setUint32(10, start, true);
  view.setUint32(14, INFO_HEADER, true);
  // The decoder stops at the end of the first row whose last byte holds one pixel; the other is there, as padding.
  const paddedWidth = depth === 4 ? width + width % 2 : width;
  view.setInt32(18, paddedWidth, true);
  view.setInt32(22, isTopDown ? -height : height, true);
  view.setUint16(26, 1, true);
  view.setUint16(28, depth, true);
  for (let entry = 0; entry < palette.entries; entry++) {
    const from = palette.at + palette.entryBytes * entry;
    file.set(bytes.subarray(from, from + 3), FILE_HEADER + INFO_HEADER + 4 * entry);
  }
  file.set(bytes.subarray(pixelsAt, pixelsAt + length), start);
  return { header, file, paddedWidth };
}

const damage = (what: string) => new Error(`the BMP data is damaged: ${what}`);
