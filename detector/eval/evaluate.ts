/**
 * One pass over a validation set: losses, detections, and COCO's twelve numbers. Images should come one by one (see
 * `evaluationLoader`): what pads them changes the numbers.
 */

import { withoutGradient } from "../../engine/autograd.ts";
import { DinogradError } from "../../engine/errors.ts";
import { scoped } from "../../engine/scope.ts";
import { tensor } from "../../engine/tensor.ts";
import type { DinoConfig } from "../config/mod.ts";
import type { BadImage, Batch, Dataset } from "../data/mod.ts";
import { eachBatch, type PassOptions } from "./each_batch.ts";
import { type CocoDetection, type CocoEvalResult, CocoEvaluator } from "./mod.ts";
import { Criterion } from "../loss/criterion.ts";
import { loggedLosses } from "../loss/weights.ts";
import type { Dino } from "../model/dino.ts";
import { postprocessOptions } from "../model/options.ts";
import { postprocess } from "../model/postprocess.ts";

/**
 * COCO's numbers with the losses and detections that they go with.
 *
 * @category Evaluation
 */
export interface Evaluation extends CocoEvalResult {
  /**
   * Means over batches, by the names under which the official code logs them: see `loggedLosses`; "loss" is the sum. None
   * where images are cut into tiles.
   */
  readonly losses: Readonly<Record<string, number>>;
  /** Everything that was found, image by image, boxes as in a COCO results file. */
  readonly detections: readonly CocoDetection[];
  /** Images that could not be read and were left out, where the loader allows that: the numbers are those of the rest. */
  readonly skipped: readonly BadImage[];
}

interface EvaluateOptions extends PassOptions {
  readonly dataset: Dataset;
  readonly config: DinoConfig;
}

/**
 * Evaluates a model. Returns nothing if it was asked to stop. Leaves the model in the mode it was in.
 * @throws {DinogradError} of kind "data" where an image cannot be read, or, where these are left out, none can
 */
export async function evaluateModel(model: Dino, options: EvaluateOptions): Promise<Evaluation | undefined> {
  const { dataset, config } = options;
  const evaluator = new CocoEvaluator(dataset.groundTruth, { useCategories: config.useCats });
  const losses = new Means();
  const criterion = new Criterion(config);
  const training = model.training;
  model.evaluate();
  try {
    const skipped = await eachBatch(
      model,
      options,
      (batch) => evaluateBatch(model, batch, { criterion, config, evaluator, losses }),
    );
    if (skipped === undefined) return undefined;
    return { ...evaluator.evaluate(), losses: losses.values(), detections: evaluator.detections(), skipped };
  } finally {
    model.train(training);
  }
}

async function evaluateBatch(
  model: Dino,
  batch: Batch,
  { criterion, config, evaluator, losses }: {
    criterion: Criterion;
    config: DinoConfig;
    evaluator: CocoEvaluator;
    losses: Means;
  },
): Promise<void> {
  await scoped(async (inner) => {
    const images = tensor(model.device, batch.images, batch.shape);
    const outputs = withoutGradient(() => model.forward({ images, mask: batch.mask }));
    const sizes = batch.targets.map(({ originalSize }) => originalSize);
    // Before the losses: it tells outputs that are no numbers by what they are.
    const found = await postprocess(outputs, sizes, postprocessOptions(config));
    const { total, values } = await inner.run(() => criterion.losses(outputs, batch.targets));
    const loss = await total.item();
    if (!Number.isFinite(loss)) throw new DinogradError("nonfinite", `expected a finite loss but found ${loss}`);
    losses.add({ ...loggedLosses(values, criterion.weights), loss });
    found.forEach((detections, i) => evaluator.add(batch.targets[i].imageId, detections));
  });
}

/** Averages of named numbers. */
class Means {
  readonly #sums = new Map<string, number>();
  #count = 0;

  add(values: Readonly<Record<string, number>>): void {
    this.#count++;
    for (const [name, value] of Object.entries(values)) this.#sums.set(name, (this.#sums.get(name) ?? 0) + value);
  }
  values(): Record<string, number> {
    return Object.fromEntries([...this.#sums].map(([name, sum]) => [name, sum / this.#count]));
  }
}
