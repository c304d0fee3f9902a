/**
 * A large JPEG written strip by strip: mozjpeg holds a whole image several times over, which is half a gigabyte for one of
 * 24 million pixels. Each strip is encoded as a small JPEG with standard Huffman tables (`jpeg-js`), and the strips' data
 * become the restart intervals of one file (ITU-T T.81, B.2.1 and E.1.4): at a restart the coder begins anew, as it does
 * at the beginning of a file.
 */
import { nodeBuffer } from "../../../platform/node_codecs.ts";

type Codec = typeof import("jpeg-js");

/** Pixels are coded in squares of so many rows and columns. */
const BLOCK = 8;
/** The largest restart interval that a file can state, in blocks. */
const LONGEST_INTERVAL = 65_535;

/** How many rows, a multiple of eight, a strip of about that many pixels has. */
export function stripRows(width: number, pixels: number): number {
  const blocksInRow = Math.ceil(width / BLOCK);
  const rows = Math.min(Math.floor(pixels / width / BLOCK), Math.floor(LONGEST_INTERVAL / blocksInRow));
  return BLOCK * Math.max(1, rows);
}

/** Writes one image. Every strip but the last has the same number of rows, a multiple of eight. */
export class JpegStrips {
  readonly #width: number;
  readonly #height: number;
  readonly #quality: number;
  readonly #parts: Uint8Array[] = [];
  readonly #codec: Codec;
  #strips = 0;

  /** Begins an image, once the codec is loaded. */
  static async start(image: { width: number; height: number; quality?: number }): Promise<JpegStrips> {
    return new JpegStrips(image, (await import("jpeg-js")).default);
  }

  private constructor(
    { width, height, quality = 90 }: { width: number; height: number; quality?: number },
    codec: Codec,
  ) {
    this.#codec = codec;
    this.#width = width;
    this.#height = height;
    this.#quality = quality;
  }

  /** Adds the next rows: `[rows, width, 4]`, the fourth byte of a pixel is not looked at. */
  add(data: Uint8ClampedArray): void {
    const rows = data.length / 4 / this.#width;
    const pixels = nodeBuffer(data);
    const strip = this.#codec.encode({ width: this.#width, height: rows, data: pixels }, this.#quality).data;
    const scan = startOfScan(strip);
    if (this.#strips === 0) {
      this.#parts.push(this.#header(strip.subarray(0, scan.marker), rows), strip.subarray(scan.marker, scan.data));
    } else this.#parts.push(Uint8Array.of(0xff, 0xd0 + (this.#strips - 1) % 8));
    this.#parts.push(strip.subarray(scan.data, -2)); // without the end of the image
    this.#strips++;
  }

  /** Ends the file, and returns it. */
  finish(): Uint8Array {
    this.#parts.push(Uint8Array.of(0xff, 0xd9));
    const result = new Uint8Array(this.#parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of this.#parts) {
      result.set(part, at);
      at += part.length;
    }
    return result;
  }

  /** A strip's segments before its scan, for the image's height and with the restart interval. */
  #header(segments: Uint8Array, rows: number): Uint8Array {
    const interval = Math.ceil(this.#width / BLOCK) * Math.ceil(rows / BLOCK);
    const result = new Uint8Array(segments.length + 6);
    result.set(segments);
    const frame = find(segments, 0xc0);
    new DataView(result.buffer).setUint16(frame + 5, this.#height);
    result.set([0xff, 0xdd, 0, 4, interval >> 8, interval & 0xff], segments.length);
    return result;
  }
}

/** Where the segment of a marker begins, among those before the scan. */
function find(bytes: Uint8Array, marker: number): number {
  let at = 2;
  while (bytes[at + 1] !== marker) {
    if (bytes[at] !== 0xff) throw new Error(`expected a JPEG with a segment ${marker.toString(16)} but found none`);
    at += 2 + bytes[at + 2] * 256 + bytes[at + 3];
  }
  return at;
}

function startOfScan(bytes: Uint8Array): { readonly marker: number; readonly data: number } {
  const marker = find(bytes, 0xda);
  return { marker, data: marker + 2 + bytes[marker + 2] * 256 + bytes[marker + 3] };
}
