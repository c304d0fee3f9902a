/** Detections of a whole data set without looking at its truth: what a test server asks for. */

import { withoutGradient } from "../../engine/autograd.ts";
import { scoped } from "../../engine/scope.ts";
import { tensor } from "../../engine/tensor.ts";
import type { DinoConfig } from "../config/mod.ts";
import type { BadImage, Batch } from "../data/mod.ts";
import type { CocoDetection } from "./mod.ts";
import { type Detections, type Dino, postprocess, postprocessOptions } from "../model/mod.ts";
import { eachBatch, type PassOptions } from "./each_batch.ts";

/**
 * Detects in every image; boxes are left, top, width, height in pixels of the original image, as COCO results files have
 * them. The model is in evaluation mode. Returns nothing if it was asked to stop.
 */
export async function detectDataset(
  model: Dino,
  options: PassOptions & { readonly config: DinoConfig },
): Promise<{ readonly detections: CocoDetection[]; readonly skipped: readonly BadImage[] } | undefined> {
  const detections: CocoDetection[] = [];
  const skipped = await eachBatch(model, options, async (batch) => {
    const found = await detectBatch(model, batch, options.config);
    found.forEach((one, i) => detections.push(...asResults(batch.targets[i].imageId, one)));
  });
  return skipped && { detections, skipped };
}

/** What was found in an image, as in a COCO results file. */
export function asResults(imageId: number, { scores, labels, boxes }: Detections): CocoDetection[] {
  return Array.from(scores, (score, k) => ({
    image_id: imageId,
    category_id: labels[k],
    bbox: cornerAndSize(boxes.subarray(4 * k, 4 * k + 4)),
    score,
  }));
}

async function detectBatch(model: Dino, batch: Batch, config: DinoConfig): Promise<Detections[]> {
  return await scoped(async () => {
    const pixels = tensor(model.device, batch.images, batch.shape);
    const outputs = withoutGradient(() => model.forward({ images: pixels, mask: batch.mask, auxiliary: false }));
    return await postprocess(
      outputs,
      batch.targets.map(({ originalSize }) => originalSize),
      postprocessOptions(config),
    );
  });
}

const cornerAndSize = ([left, top, right, bottom]: Float64Array) => [left, top, right - left, bottom - top];
