/**
 * PNG through `pngjs`, which is given only what `png_chunks.ts` has found sound, reduced to RGB the way Pillow's
 * `convert("RGB")` does: alpha and transparent colours are dropped (not blended), grayscale is repeated, 16-bit samples
 * keep their high byte.
 */
import { PNG } from "pngjs";
import { nodeBuffer } from "../../../platform/node_codecs.ts";
import { type Image, type Pixels, rgbImage } from "./image.ts";
import { soundPng } from "./png_chunks.ts";

/** What `pngjs` decodes to: RGBA, in 8-bit numbers or, unscaled, in 16-bit ones. */
interface DecodedPng {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array | Uint16Array;
}

/**
 * Decodes any PNG: grayscale, colour or palette, with or without alpha, 1 to 16 bits, interlaced or not.
 * @param options.maxPixels as in `DecodeOptions`
 * @throws {Error} that says what is wrong
 */
export function decodePng(bytes: Uint8Array, options: { readonly maxPixels: number }): Image {
  const { header: { depth }, file } = soundPng(bytes, options);
  const { width, height, data } = readPng(file, { skipRescale: depth === 16 });
  const rgb = new Uint8Array(width * height * 3);
  // pngjs always gives RGBA; 16-bit samples come as numbers of 16 bits.
  const shift = depth === 16 ? 8 : 0;
  for (let from = 0, to = 0; to < rgb.length; from += 4, to += 3) {
    rgb[to] = data[from] >> shift;
    rgb[to + 1] = data[from + 1] >> shift;
    rgb[to + 2] = data[from + 2] >> shift;
  }
  return { width, height, data: rgb };
}

/**
 * Encodes an 8-bit RGB PNG. Alpha is left out.
 * @throws {ShapeError} where there is another number of bytes than of three or four for each pixel
 */
export function encodePng(image: Pixels): Uint8Array {
  const { width, height, data } = rgbImage("encodePng", image);
  const png = new PNG({ width, height, colorType: 2, inputColorType: 2, inputHasAlpha: false, bitDepth: 8 });
  png.data = nodeBuffer(data.slice());
  const bytes: Uint8Array = PNG.sync.write(png, { colorType: 2, inputColorType: 2, inputHasAlpha: false });
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** `pngjs`'s reader. What is left for it to refuse is an index beyond the palette. */
function readPng(file: Uint8Array<ArrayBuffer>, options: { skipRescale: boolean }): DecodedPng {
  try {
    return PNG.sync.read(nodeBuffer(file), options);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`the PNG data is damaged (${message})`, { cause });
  }
}
