/**
 * From predictions to detections: the best (query, class) pairs of each image, boxes in pixels of the original image.
 */

import type { TensorData } from "../../engine/dtype.ts";
import { DinogradError } from "../../engine/errors.ts";
import { topK } from "../../engine/ops/top_k.ts";
import { scoped } from "../../engine/scope.ts";
import { boxAt, intersectionOverUnion } from "../data/boxes.ts";
import type { Predictions } from "./outputs.ts";

/**
 * What was found in one image, best first.
 *
 * @category Model
 */
export interface Detections {
  /** [n], in 0..1. */
  readonly scores: Float64Array;
  /** [n]: category ids. */
  readonly labels: Int32Array;
  /** [n, 4]: corners x1, y1, x2, y2 in pixels (see `boxFormat`), beyond the image's edges unless they were clipped. */
  readonly boxes: Float64Array;
}

/**
 * How many detections are kept of an image, and whether they are suppressed or cut.
 *
 * @category Model
 */
export interface PostprocessOptions {
  /** Detections per image (before suppression). */
  readonly numSelect: number;
  /** Suppress boxes that overlap a better one by more than this, whatever their classes; 0 or less: never. */
  readonly nmsIouThreshold?: number;
  /** Cut boxes at the edges of the image, and leave out those of which nothing remains. Default false. */
  readonly clip?: boolean;
  /** `xyxy` corners (default), `xywh` corner and size, `cxcywh` centre and size. */
  readonly boxFormat?: "xyxy" | "xywh" | "cxcywh";
}

/**
 * The best detections of every image, best first.
 * @param sizes [height, width] of each original image, to whose pixels boxes are scaled
 * @throws {DinogradError} of kind "config" where fewer than `numSelect` pairs exist, "nonfinite" where scores or boxes
 * are no numbers: nothing found is what an image without objects gives, and not a model that is broken
 * @category Model
 */
export async function postprocess(
  { predLogits, predBoxes }: Predictions,
  sizes: readonly (readonly [height: number, width: number])[],
  options: PostprocessOptions,
): Promise<Detections[]> {
  const { numSelect, nmsIouThreshold = -1, clip = false, boxFormat = "xyxy" } = options;
  const [batch, queries, classes] = predLogits.shape;
  if (sizes.length !== batch) throw new RangeError(`postprocess: expected ${batch} sizes but found ${sizes.length}`);
  if (numSelect > queries * classes) {
    throw new DinogradError(
      "config",
      `num_select: expected at most num_queries x num_classes (${queries * classes}) but found ${numSelect}`,
    );
  }
  return await scoped(async () => {
    // The sigmoid grows with its argument, so the best logits are the best scores, without its rounding.
    const best = topK(predLogits.detach().reshape([batch, queries * classes]), numSelect);
    const [logits, indices, boxes] = await Promise.all([best.values.data(), best.indices.data(), predBoxes.data()]);
    requireFinite("logit", logits); // NaN is the largest of all
    requireFinite("box", boxes);
    return sizes.map(([height, width], image) => {
      const first = image * numSelect;
      const corners: Detections = {
        scores: Float64Array.from({ length: numSelect }, (_, k) => 1 / (1 + Math.exp(-logits[first + k]))),
        labels: Int32Array.from({ length: numSelect }, (_, k) => indices[first + k] % classes),
        boxes: new Float64Array(numSelect * 4),
      };
      for (let k = 0; k < numSelect; k++) {
        const at = (image * queries + Math.floor(indices[first + k] / classes)) * 4;
        const [x, y, w, h] = [boxes[at] * width, boxes[at + 1] * height, boxes[at + 2] * width, boxes[at + 3] * height];
        corners.boxes.set([x - w / 2, y - h / 2, x + w / 2, y + h / 2], k * 4);
      }
      const apart = nmsIouThreshold > 0 ? suppress(corners, nmsIouThreshold) : corners;
      const kept = clip ? clipped(apart, { width, height }) : apart;
      return { ...kept, boxes: inFormat(kept.boxes, boxFormat) };
    });
  });
}

function requireFinite(what: "logit" | "box", numbers: TensorData): void {
  const odd = numbers.find((number) => !Number.isFinite(number));
  if (odd === undefined) return;
  throw new DinogradError("nonfinite", `expected finite outputs of the model but found a ${what} of ${odd}`);
}

/** Corners in another format; overlaps are always those of corners. */
function inFormat(corners: Float64Array, format: NonNullable<PostprocessOptions["boxFormat"]>): Float64Array {
  if (format === "xyxy") return corners;
  const boxes = new Float64Array(corners.length);
  for (let at = 0; at < corners.length; at += 4) {
    const [left, top, right, bottom] = corners.subarray(at, at + 4);
    const [width, height] = [right - left, bottom - top];
    boxes.set(
      format === "xywh" ? [left, top, width, height] : [left + width / 2, top + height / 2, width, height],
      at,
    );
  }
  return boxes;
}

/** Keeps, from the best on, what overlaps nothing kept by more than the threshold. Boxes are corners. */
function suppress(detections: Detections, threshold: number): Detections {
  const { scores, boxes } = detections;
  const kept: number[] = [];
  for (let i = 0; i < scores.length; i++) {
    const box = boxAt(boxes, i);
    if (kept.every((better) => intersectionOverUnion(boxAt(boxes, better), box) <= threshold)) kept.push(i);
  }
  return chosen(detections, kept);
}

/** Cuts boxes, which are corners, at the edges of an image; leaves out those without area. */
function clipped(
  { scores, labels, boxes }: Detections,
  { width, height }: { readonly width: number; readonly height: number },
): Detections {
  const within = boxes.map((value, at) => Math.max(0, Math.min(at % 2 === 0 ? width : height, value)));
  const kept = [...scores.keys()].filter((i) =>
    within[4 * i + 2] > within[4 * i] && within[4 * i + 3] > within[4 * i + 1]
  );
  return chosen({ scores, labels, boxes: within }, kept);
}

/** Some of the detections, in the given order. */
function chosen({ scores, labels, boxes }: Detections, indices: readonly number[]): Detections {
  return {
    scores: Float64Array.from(indices, (i) => scores[i]),
    labels: Int32Array.from(indices, (i) => labels[i]),
    boxes: Float64Array.from(indices.flatMap((i) => [...boxes.subarray(4 * i, 4 * i + 4)])),
  };
}
