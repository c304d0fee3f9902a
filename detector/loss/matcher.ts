/**
 * Which query answers for which object (DETR, arXiv:2005.12872): the assignment of least cost, where a pair's cost weighs
 * the focal classification cost, the L1 distance and the generalised IoU. Computed on the host in float64.
 */

import { boxAt, cornersOf } from "../data/boxes.ts";
import { generalizedIou } from "./boxes.ts";
import { linearSumAssignment } from "./hungarian.ts";

/** Keeps logarithms finite; the official value. */
const LOG_EPSILON = 1e-8;

export interface MatcherOptions {
  /** `HungarianMatcher`: one query per object. `SimpleMinsumMatcher`: each object takes its cheapest query. */
  readonly type: "HungarianMatcher" | "SimpleMinsumMatcher";
  readonly classCost: number;
  readonly boxCost: number;
  readonly giouCost: number;
  /** Balance of the focal cost. */
  readonly alpha: number;
}

/**
 * An image's labels [objects] and boxes [objects, 4] (cx, cy, w, h in 0..1).
 *
 * @category Losses
 */
export interface MatchTarget {
  /** [n, 4]: centre and size as fractions of the image. */
  readonly boxes: ArrayLike<number>;
  /** [n]: class indices, which are category ids. */
  readonly labels: ArrayLike<number>;
}

/** An image's class logits [queries, classes] and boxes [queries, 4] (cx, cy, w, h in 0..1), read back. */
export interface HostPredictions {
  /** [queries, classes] */
  readonly logits: ArrayLike<number>;
  /** [queries, 4] */
  readonly boxes: ArrayLike<number>;
  readonly queries: number;
  readonly classes: number;
}

/**
 * `queries[i]` answers for `objects[i]`.
 *
 * @category Losses
 */
export interface Match {
  /** Indices of queries; each once with the Hungarian matcher. */
  readonly queries: Int32Array;
  /** Indices of objects of the image's target, as many as there are queries. */
  readonly objects: Int32Array;
}

/** The cost of every pair, [queries, objects]. */
export function matchingCosts(
  predictions: HostPredictions,
  target: MatchTarget,
  options: MatcherOptions,
): Float64Array {
  const { logits, boxes, queries, classes } = predictions;
  const { classCost, boxCost, giouCost, alpha } = options;
  const objects = target.labels.length;
  const costs = new Float64Array(queries * objects);
  const targetBoxes = Array.from({ length: objects }, (_, j) => boxAt(target.boxes, j));
  const targetCorners = targetBoxes.map(cornersOf);
  for (let i = 0; i < queries; i++) {
    const box = boxAt(boxes, i);
    const corners = cornersOf(box);
    for (let j = 0; j < objects; j++) {
      const p = 1 / (1 + Math.exp(-logits[i * classes + target.labels[j]]));
      const positive = alpha * (1 - p) ** 2 * -Math.log(p + LOG_EPSILON);
      const negative = (1 - alpha) * p ** 2 * -Math.log(1 - p + LOG_EPSILON);
      const goal = targetBoxes[j];
      const distance = Math.abs(box[0] - goal[0]) + Math.abs(box[1] - goal[1]) + Math.abs(box[2] - goal[2]) +
        Math.abs(box[3] - goal[3]);
      costs[i * objects + j] = boxCost * distance + classCost * (positive - negative) -
        giouCost * generalizedIou(corners, targetCorners[j]);
    }
  }
  return costs;
}

/**
 * Matches one image's objects.
 * @throws {DinogradError} of kind "nonfinite" where predictions are not finite.
 */
export function match(predictions: HostPredictions, target: MatchTarget, options: MatcherOptions): Match {
  const objects = target.labels.length;
  if (objects === 0) return { queries: new Int32Array(0), objects: new Int32Array(0) };
  const costs = matchingCosts(predictions, target, options);
  if (options.type === "HungarianMatcher") {
    const { rows, columns } = linearSumAssignment(costs, [predictions.queries, objects]);
    return { queries: rows, objects: columns };
  }
  const cheapest = (j: number) => {
    let best = 0;
    for (let i = 1; i < predictions.queries; i++) if (costs[i * objects + j] < costs[best * objects + j]) best = i;
    return best;
  };
  const all = Int32Array.from({ length: objects }, (_, j) => j);
  return { queries: all.map(cheapest), objects: all };
}
