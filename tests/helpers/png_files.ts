/** Writes PNG files of every kind, sound and unsound: whatever a test wants to be wrong is given in its place. */
import { Buffer } from "node:buffer";
import { crc32, deflateSync } from "node:zlib";
import { joinBytes } from "./bytes.ts";

/** What a file is made of; what is absent is right. */
export interface PngParts {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colourType: number;
  readonly interlace?: number;
  /** What the data inflates to. Default: rows of zeros without filters, as many as there should be. */
  readonly rows?: Uint8Array;
  /** The data itself, in so many chunks as here are. Default: `rows`, deflated, in one. */
  readonly streams?: readonly Uint8Array[];
  /** Red, green and blue of each entry. Default: as many grays as the depth has indices; only for colour type 3. */
  readonly palette?: Uint8Array;
  /** Chunks between palette and data. */
  readonly before?: readonly Uint8Array[];
  /** Chunks between data and end. */
  readonly after?: readonly Uint8Array[];
  readonly end?: Uint8Array;
}

export const PNG_SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
/** Samples of a pixel by colour type. */
export const PNG_CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
/** Colour types and depths that exist. */
export const PNG_KINDS: readonly (readonly [colourType: number, depth: number])[] = [
  ...[1, 2, 4, 8, 16].map((depth) => [0, depth] as const),
  ...[1, 2, 4, 8].map((depth) => [3, depth] as const),
  ...[2, 4, 6].flatMap((colourType) => [[colourType, 8], [colourType, 16]] as const),
];

/** A chunk with its length and a right checksum. */
export function pngChunk(name: string, content: Uint8Array = new Uint8Array()): Uint8Array {
  const named = joinBytes(new TextEncoder().encode(name), content);
  return joinBytes(bigEndian(content.length), named, bigEndian(crc32(named)));
}

/** Bytes of each row, the filter included, in the order in which the file has them. */
export function pngRowBytes({ width, height, depth, colourType, interlace = 0 }: PngParts): number[] {
  const bits = depth * (PNG_CHANNELS[colourType] ?? 1);
  const passes = interlace === 0 ? [[0, 0, 1, 1]] : [
    [0, 0, 8, 8],
    [4, 0, 8, 8],
    [0, 4, 4, 8],
    [2, 0, 4, 4],
    [0, 2, 2, 4],
    [1, 0, 2, 2],
    [0, 1, 1, 2],
  ];
  return passes.flatMap(([x, y, across, down]) => {
    const columns = Math.ceil((width - x) / across), rows = Math.ceil((height - y) / down);
    return columns > 0 && rows > 0 ? new Array<number>(rows).fill(1 + Math.ceil(columns * bits / 8)) : [];
  });
}

/** The file. */
export function pngFile(parts: PngParts): Uint8Array {
  const { width, height, depth, colourType, interlace = 0, before = [], after = [], end = pngChunk("IEND") } = parts;
  const header = joinBytes(bigEndian(width), bigEndian(height), Uint8Array.of(depth, colourType, 0, 0, interlace));
  const grays = Uint8Array.from({ length: 3 * Math.min(256, 2 ** depth) }, (_, at) => Math.floor(at / 3));
  const palette = parts.palette ?? (colourType === 3 ? grays : undefined);
  const rows = () => parts.rows ?? new Uint8Array(pngRowBytes(parts).reduce((sum, bytes) => sum + bytes, 0));
  const streams = parts.streams ?? [deflate(rows())];
  return joinBytes(
    PNG_SIGNATURE,
    pngChunk("IHDR", header),
    ...(palette ? [pngChunk("PLTE", palette)] : []),
    ...before,
    ...streams.map((stream) => pngChunk("IDAT", stream)),
    ...after,
    end,
  );
}

/** A zlib stream. */
export function deflate(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(deflateSync(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)));
}

function bigEndian(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}
