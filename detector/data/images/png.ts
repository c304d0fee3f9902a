/** PNG: decoded from what `png_chunks.ts` has found sound, encoded the way that compresses well. */
import { deflateZlib } from "./zlib_stream.ts";
import { type Image, type Pixels, rgbImage } from "./image.ts";
import { pngFile, soundPng } from "./png_chunks.ts";
import { filterRows, pixelsOfRows } from "./png_rows.ts";

/**
 * Decodes any PNG: grayscale, colour or palette, with or without alpha, 1 to 16 bits, interlaced or not.
 * @param options.maxPixels as in `DecodeOptions`
 * @throws {Error} that says what is wrong
 */
export async function decodePng(bytes: Uint8Array, options: { readonly maxPixels: number }): Promise<Image> {
  const { header, palette, rows } = await soundPng(bytes, options);
  const { width, height } = header;
  try {
    return { width, height, data: pixelsOfRows(rows, header, palette) };
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`the PNG data is damaged (${message})`, { cause });
  }
}

/**
 * Encodes an 8-bit RGB PNG. Alpha is left out.
 * @throws {ShapeError} where there is another number of bytes than of three or four for each pixel
 * @category Image files
 */
export function encodePng(image: Pixels): Uint8Array<ArrayBuffer> {
  const { width, height, data } = rgbImage("encodePng", image);
  return pngFile({ width, height }, deflateZlib(filterRows(data, { rowBytes: 3 * width, pixelBytes: 3 })));
}
