/** One pass of a model over a data set, whatever is asked of its outputs. */

import { DinogradError } from "../../engine/errors.ts";
import { inUnit } from "../../engine/profile/profiled_device.ts";
import type { Progress } from "../config/mod.ts";
import { type BadImage, type Batch, describeBad, type Loader } from "../data/mod.ts";
import type { Dino } from "../model/dino.ts";
import { explainingNonfinite } from "./nonfinite.ts";

export interface PassOptions {
  readonly loader: Loader;
  readonly progress?: Progress;
  /** Stop after so many batches. */
  readonly maxBatches?: number;
  /** Asked for after every batch; true leaves early. */
  readonly shouldStop?: () => boolean;
}

/**
 * Does some work with every batch that has images in it. Returns the images that could not be read and were left out, or
 * nothing if it was asked to stop.
 * @throws {DinogradError} of the work, with the images that it was about; as `requireSome` where every image was left out
 */
export async function eachBatch(
  model: Dino,
  { loader, progress, maxBatches, shouldStop }: PassOptions,
  work: (batch: Batch) => Promise<void>,
): Promise<readonly BadImage[] | undefined> {
  const skipped: BadImage[] = [];
  let images = 0;
  let batches = 0;
  try {
    for await (const batch of loader.epoch(0)) {
      skipped.push(...batch.skipped ?? []);
      if (batch.targets.length > 0) {
        const run = () => explainingNonfinite(model, () => work(batch));
        await namingImages(batch, () => inUnit(model.device, "batch", run));
      }
      progress?.update(images += batch.targets.length);
      if (shouldStop?.()) return undefined;
      if (++batches === maxBatches) break;
    }
  } finally {
    progress?.finish();
  }
  requireSome(images, skipped);
  return skipped;
}

/** @throws {DinogradError} of kind "data" where images were left out and none is left: numbers of nothing mislead */
export function requireSome(images: number, skipped: readonly BadImage[]): void {
  if (images > 0 || skipped.length === 0) return;
  throw new DinogradError(
    "data",
    `evaluation: expected images that can be read but found none: ${describeBad(skipped)}`,
  );
}

/** Runs, and names the images in the message where the model cannot take them: a strip may have too few tokens. */
async function namingImages(batch: Batch, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    throw error instanceof DinogradError ? imagesNamed(error, batch) : error;
  }
}

/** The same error with the ids of the images that it is about. */
export function imagesNamed(
  error: DinogradError,
  { targets }: { readonly targets: readonly { readonly imageId: number }[] },
): DinogradError {
  const ids = targets.map(({ imageId }) => imageId).join(", ");
  return new DinogradError(error.kind, `image ${ids}: ${error.message}`, { cause: error, code: error.code });
}
