/**
 * Detection in tiles over a data set, image by image: what `detect --tile` would find in each, so that its numbers can be
 * told as those of whole images are. There are no losses: an object that two tiles show would count twice.
 */

import type { DinoConfig } from "../config/mod.ts";
import type { TileOptions } from "../config/tile_options.ts";
import { transformsOf } from "../data/configured_transforms.ts";
import { type BadImage, type Dataset, type Image, type ImageEntry, readEntry } from "../data/mod.ts";
import { DinogradError } from "../../engine/errors.ts";
import { inUnit } from "../../engine/profile/profiled_device.ts";
import { detectImage } from "../inference/detect_image.ts";
import type { Detections, Dino } from "../model/mod.ts";
import { imagesNamed, type PassOptions, requireSome } from "./each_batch.ts";
import type { Evaluation } from "./evaluate.ts";
import { asResults, type detectDataset } from "./detect_dataset.ts";
import { type CocoDetection, CocoEvaluator } from "./mod.ts";
import { explainingNonfinite } from "./nonfinite.ts";

interface TiledOptions extends Omit<PassOptions, "loader"> {
  readonly dataset: Dataset;
  readonly config: DinoConfig;
  readonly tile: TileOptions;
  /** The most tiles that go through the model together; it changes no number. */
  readonly batchSize: number;
  /** Images with more pixels are refused by their headers. */
  readonly maxPixels: number;
  /** Leave out images that cannot be read. */
  readonly skipBad: boolean;
}

/**
 * Evaluates a model by what it finds in tiles. Returns nothing if it was asked to stop. Leaves the model in the mode it
 * was in. `losses` has none.
 * @throws {DinogradError} of kind "data" where an image cannot be read, or, where these are left out, none can
 */
export async function evaluateTiled(model: Dino, options: TiledOptions): Promise<Evaluation | undefined> {
  const evaluator = new CocoEvaluator(options.dataset.groundTruth, { useCategories: options.config.useCats });
  const skipped = await detectTiled(model, options, (imageId, found) => evaluator.add(imageId, found));
  if (skipped === undefined) return undefined;
  return { ...evaluator.evaluate(), losses: {}, detections: evaluator.detections(), skipped };
}

/** Detects in every image without looking at its truth: see `detectDataset`. Throws as above. */
export async function detectTiledDataset(model: Dino, options: TiledOptions): ReturnType<typeof detectDataset> {
  const detections: CocoDetection[] = [];
  const skipped = await detectTiled(model, options, (imageId, found) => detections.push(...asResults(imageId, found)));
  return skipped && { detections, skipped };
}

/** Detects in every image, and hands over what was found. Returns the images that were left out. */
async function detectTiled(
  model: Dino,
  { dataset, config, tile, batchSize, maxPixels, skipBad, progress, maxBatches = Infinity, shouldStop }: TiledOptions,
  take: (imageId: number, found: Detections) => void,
): Promise<readonly BadImage[] | undefined> {
  const transforms = transformsOf(config, false);
  const skipped: BadImage[] = [];
  const training = model.training;
  model.evaluate();
  try {
    for (let index = 0; index < Math.min(dataset.length, maxBatches); index++) {
      const imageId = dataset.imageIds[index];
      const image = await read(dataset.entry(index));
      if (image instanceof DinogradError) skipped.push({ imageId, reason: image.message });
      else {
        try {
          const detecting = { config, transforms, tile, batchSize };
          const run = () => inUnit(model.device, "image", () => detectImage(model, image, detecting));
          take(imageId, await explainingNonfinite(model, run));
        } catch (error) {
          throw error instanceof DinogradError ? imagesNamed(error, { targets: [{ imageId }] }) : error;
        }
      }
      progress?.update(index + 1);
      // A signal is only seen when the event loop turns.
      await new Promise((resolve) => setTimeout(resolve, 0));
      if (shouldStop?.()) return undefined;
    }
  } finally {
    progress?.finish();
    model.train(training);
  }
  requireSome(dataset.length - skipped.length, skipped);
  return skipped;

  async function read(entry: ImageEntry): Promise<Image | DinogradError> {
    try {
      return await readEntry(entry, { exifOrientation: transforms.exifOrientation, maxPixels });
    } catch (error) {
      if (skipBad && error instanceof DinogradError && error.kind === "data") return error;
      throw error;
    }
  }
}
