/**
 * How large an image may be, decided by its header before a byte is decoded: a PNG of 45 bytes can claim 200 million pixels,
 * and a small JPEG can ask its decoder for 4 GB.
 */

/**
 * The most pixels of an image unless more are allowed: 100 million, of the order of what Pillow warns of (89 million).
 * For a moment decoding takes 13 to 20 bytes a pixel, and 40 for a PNG of 16 bits with alpha.
 *
 * @category Image files
 */
export const DEFAULT_MAX_IMAGE_PIXELS = 100_000_000;

/** @throws {Error}, with the way to allow it, if a size has more pixels than allowed */
export function requirePixels({ width, height }: { width: number; height: number }, maxPixels: number): void {
  if (width * height <= maxPixels) return;
  throw new Error(
    `expected at most ${maxPixels} pixels but its header claims ${width} x ${height} = ${width * height} ` +
      "(--max_image_pixels allows more)",
  );
}
