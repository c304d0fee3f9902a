/**
 * BMP through `bmp-ts`, which is given only what `bmp_header.ts` has made plain: of compressed rows and odd masks it
 * makes wrong pixels. Loaded when the first BMP file is met.
 */
import { decode } from "bmp-ts";
import { nodeBuffer } from "../../../platform/node_codecs.ts";
import { plainBmp } from "./bmp_header.ts";
import type { Image } from "./image.ts";

/**
 * Decodes an uncompressed BMP of 1, 4, 8, 24 or 32 bits; a fourth byte is dropped.
 * @param options.maxPixels as in `DecodeOptions`
 * @throws Error that says what is wrong
 */
export function decodeBmp(bytes: Uint8Array, options: { readonly maxPixels: number }): Image {
  const { header: { width, height }, file, paddedWidth } = plainBmp(bytes, options);
  const buffer = nodeBuffer(file) as Parameters<typeof decode>[0]; // a Buffer, whose type is Node's alone
  const { data } = decode(buffer); // four bytes a pixel: nothing, blue, green, red
  const rgb = new Uint8Array(width * height * 3);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0, from = 4 * paddedWidth * y; x < width; x++, from += 4, to += 3) {
      rgb[to] = data[from + 3];
      rgb[to + 1] = data[from + 2];
      rgb[to + 2] = data[from + 1];
    }
  }
  return { width, height, data: rgb };
}
