/**
 * TIFF through `tiff`, which is given only what `tiff_header.ts` has made plain. Samples of 16 bits keep their high byte,
 * alpha is dropped. Loaded when the first TIFF file is met.
 */
import { decode } from "tiff";
import type { Image } from "./image.ts";
import { plainTiff } from "./tiff_header.ts";

/**
 * Decodes the first picture of a TIFF file.
 * @param options.maxPixels as in `DecodeOptions`
 * @throws {Error} that says what is wrong
 */
export async function decodeTiff(bytes: Uint8Array, options: { readonly maxPixels: number }): Promise<Image> {
  const { header: { width, height, depth, samples, palette }, file } = await plainTiff(bytes, options);
  const [{ data }] = decode(file, { pages: [0] });
  const shift = depth === 16 ? 8 : 0;
  const rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < rgb.length; from += samples, to += 3) {
    for (let channel = 0; channel < 3; channel++) {
      const sample = data[samples === 1 ? from : from + channel];
      rgb[to + channel] = palette === null ? sample >> shift : palette[256 * channel + sample] >> 8;
    }
  }
  return { width, height, data: rgb };
}
