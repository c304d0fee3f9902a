/** The image of a data set's entry: from memory, or from its file. */

import type { ImageEntry } from "./dataset.ts";
import type { Image } from "./images/image.ts";
import { type DecodeOptions, readImage } from "./images/image_codec.ts";

/** Pixels in memory are taken as they are. Throws as `readImage`. */
export async function readEntry(
  { path, image }: ImageEntry,
  options: Omit<DecodeOptions, "name"> = {},
): Promise<Image> {
  return image ?? await readImage(path, options);
}
