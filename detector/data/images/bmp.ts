/** BMP: plain rows, whose pixels are indices of a palette or blue, green, red. Loaded when the first BMP file is met. */
import { requirePixels } from "../../config/pixel_limit.ts";
import { type BmpHeader, readBmpHeader } from "./bmp_header.ts";
import type { Image } from "./image.ts";

/**
 * Decodes an uncompressed BMP of 1, 4, 8, 24 or 32 bits; a fourth byte is dropped. An index that the palette lacks is
 * black.
 * @param options.maxPixels as in `DecodeOptions`
 * @throws Error that says what is wrong
 */
export function decodeBmp(bytes: Uint8Array, options: { readonly maxPixels: number }): Image {
  const header = readBmpHeader(bytes);
  requirePixels(header, options.maxPixels);
  const { width, height, isTopDown, depth, pixelsAt } = header;
  const rowBytes = Math.ceil(width * depth / 32) * 4;
  if (pixelsAt + rowBytes * height > bytes.length) throw new Error("the file is truncated");
  const colours = depth <= 8 ? paletteOf(bytes, header) : null;
  const data = new Uint8Array(width * height * 3);
  for (let y = 0, to = 0; y < height; y++) {
    const row = pixelsAt + rowBytes * (isTopDown ? y : height - 1 - y);
    for (let x = 0; x < width; x++, to += 3) {
      const bit = x * depth;
      const at = row + (bit >> 3);
      const source = colours ?? bytes;
      const from = colours ? 3 * (bytes[at] >> (8 - depth - (bit & 7)) & (2 ** depth - 1)) : at;
      data[to] = source[from + 2];
      data[to + 1] = source[from + 1];
      data[to + 2] = source[from];
    }
  }
  return { width, height, data };
}

/** Blue, green and red of every index that there can be. */
function paletteOf(bytes: Uint8Array, { depth, palette: { at, entryBytes, entries } }: BmpHeader): Uint8Array {
  const colours = new Uint8Array(3 * 2 ** depth);
  for (let entry = 0; entry < entries; entry++) {
    const from = at + entryBytes * entry;
    colours.set(bytes.subarray(from, from + 3), 3 * entry);
  }
  return colours;
}
