/**
 * Evaluation while a model runs: detections come in image by image, the numbers at the end. Only images that were
 * seen are evaluated, so a run over part of a data set gives the numbers of that part.
 */
import { DinogradError } from "../../engine/errors.ts";
import { type CocoEvalResult, evaluateDetections } from "./coco_eval.ts";
import type { CocoAnnotations, CocoDetection, CocoEvalOptions } from "./types.ts";

/**
 * What a model found in one image: `boxes` is `[n, 4]`, left, top, right, bottom in pixels of the original image.
 *
 * @category Evaluation
 */
export interface ImageDetections {
  /** `[n]`, each in 0..1, in any order. */
  readonly scores: ArrayLike<number>;
  /** Category ids of the annotation file. */
  readonly labels: ArrayLike<number>;
  /** `[n, 4]`: left, top, right, bottom in pixels of the original image. */
  readonly boxes: ArrayLike<number>;
}

/**
 * Collects the detections of one pass over a data set.
 *
 * @category Evaluation
 */
export class CocoEvaluator {
  readonly #truth: CocoAnnotations;
  readonly #options: Omit<CocoEvalOptions, "imageIds">;
  readonly #byImage = new Map<number, CocoDetection[]>();

  /** `truth` is what detections are compared with; images that are never added do not count. */
  constructor(truth: CocoAnnotations, options: Omit<CocoEvalOptions, "imageIds"> = {}) {
    this.#truth = truth;
    this.#options = options;
  }

  /**
   * Add one image's detections.
   * @throws {DinogradError} of kind "data" if the image was added before.
   */
  add(imageId: number, { scores, labels, boxes }: ImageDetections): void {
    if (this.#byImage.has(imageId)) {
      throw new DinogradError("data", `evaluation: expected every image once but found image ${imageId} again`);
    }
    if (boxes.length !== scores.length * 4 || labels.length !== scores.length) {
      throw new RangeError(
        `evaluation: expected boxes [n, 4], labels [n] for scores [${scores.length}] but found ` +
          `${boxes.length} box numbers and ${labels.length} labels`,
      );
    }
    this.#byImage.set(
      imageId,
      Array.from(scores, (score, i) => ({
        image_id: imageId,
        category_id: labels[i],
        bbox: [boxes[i * 4], boxes[i * 4 + 1], boxes[i * 4 + 2] - boxes[i * 4], boxes[i * 4 + 3] - boxes[i * 4 + 1]],
        score,
      })),
    );
  }

  /** Images that were added so far. */
  get size(): number {
    return this.#byImage.size;
  }

  /** All detections so far, images in the order of their ids: the order in which they came does not matter. */
  detections(): CocoDetection[] {
    return [...this.#byImage].sort(([a], [b]) => a - b).flatMap(([, detections]) => detections);
  }

  /** The numbers for the images added so far. */
  evaluate(): CocoEvalResult {
    return evaluateDetections(this.#truth, this.detections(), {
      ...this.#options,
      imageIds: [...this.#byImage.keys()],
    });
  }
}
