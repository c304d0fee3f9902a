/**
 * How images come to an evaluation: one by one, as in the official code. In a batch of several sizes the smaller images
 * are padded, and a model's numbers depend on how much (see "Padding" in docs/from-official-dino.md), so that AP would
 * depend on the batch size. Training and `eval` both take this loader and therefore give the same numbers.
 */

import type { DinoConfig } from "../config/mod.ts";
import { transformsOf } from "../data/configured_transforms.ts";
import { type Dataset, Loader } from "../data/mod.ts";
import { DEFAULT_WORKERS } from "../data/loader.ts";

/** Loads the images of a data set in their order, each in a batch of its own. Close it when done. */
export function evaluationLoader(
  dataset: Dataset,
  { config, workers, maxPixels, skipBad }: {
    /** Says how images are prepared. */
    readonly config: DinoConfig;
    /** Threads that load images, or null for the default. */
    readonly workers: number | null;
    /** Larger images are refused by their headers. */
    readonly maxPixels: number;
    /** Continue without images that cannot be read: their batches are empty. */
    readonly skipBad: boolean;
  },
): Loader {
  return new Loader(dataset, {
    batchSize: 1,
    seed: 0, // nothing is drawn
    workers: workers ?? DEFAULT_WORKERS,
    transforms: transformsOf(config, false),
    maxPixels,
    training: false,
    skipBad,
  });
}
