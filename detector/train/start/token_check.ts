/**
 * Whether images have as many tokens as the model has queries: each query begins as one of them. Known from the sizes of
 * images before anything is computed, instead of in the middle of the first evaluation.
 */

import { DinogradError } from "../../../engine/errors.ts";
import type { DinoConfig } from "../../config/mod.ts";
import { readBytes } from "../../data/data_files.ts";
import { type CocoDataset, sizeOfImage } from "../../data/mod.ts";
import { transformsOf } from "../../data/configured_transforms.ts";
import { resizesOf } from "../image_sizes.ts";

interface Size {
  readonly width: number;
  readonly height: number;
}

/** How many tokens an image of that size has on all feature levels. */
export function tokensOf({ width, height }: Size, config: DinoConfig): number {
  const { return_interm_indices: stages, num_feature_levels: levels, dilation } = config;
  const strides = stages.map((stage) => 4 * 2 ** (dilation && stage === 3 ? 2 : stage));
  let sides = strides.map((stride) => [Math.ceil(height / stride), Math.ceil(width / stride)]);
  while (sides.length < levels) sides = [...sides, sides[sides.length - 1].map((side) => Math.ceil(side / 2))];
  return sides.slice(0, levels).reduce((sum, [rows, columns]) => sum + rows * columns, 0);
}

/**
 * Refuses a training whose evaluation would stop at an image: validation images go one by one, in one size each. Sizes are
 * those that annotations state, and the image's own where it comes to that.
 * @throws DinogradError("config") that names the smallest image
 */
export async function requireTokens(val: CocoDataset, config: DinoConfig): Promise<void> {
  const resizes = transformsOf(config, false).steps.flatMap(resizesOf);
  const tokens = (size: Size) => tokensOf(resizes.reduce((image, resize) => resize(image), size), config);
  let smallest = { index: -1, tokens: Infinity };
  for (let index = 0; index < val.length; index++) {
    const size = val.statedSize(index);
    if (size === null || !(size.width >= 1 && size.height >= 1)) continue;
    const found = tokens(size);
    if (found < smallest.tokens) smallest = { index, tokens: found };
  }
  if (smallest.tokens >= config.num_queries) return;
  const path = val.imagePath(smallest.index);
  const { exif_orientation: exifOrientation } = config;
  const real = await readBytes(path)
    .then((bytes) => sizeOfImage(bytes, { name: path, exifOrientation }))
    .catch(() => null); // it may be missing, where such images are left out
  if (real === null || tokens(real) >= config.num_queries) return; // not this one; others are met as they come
  throw new DinogradError(
    "config",
    `num_queries: expected at most ${
      tokens(real)
    }, as many tokens as ${path} of ${real.width} x ${real.height} pixels has, ` +
      `but found ${config.num_queries}; larger data_aug_scales give images more tokens`,
  );
}
