/** The head of a BMP file (Windows bitmaps: BITMAPCOREHEADER, BITMAPINFOHEADER and its successors), read strictly. */

/** What the header says, found possible. */
export interface BmpHeader {
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

const damage = (what: string) => new Error(`the BMP data is damaged: ${what}`);
