import { yours } from "./exercise.ts";

/**
 * The score threshold with the best F1, the harmonic mean of precision and recall: one of the scores, at which detections of
 * that score still count. `found` is in any order; of equal F1 the higher threshold.
 */
export function bestThreshold(found: readonly { score: number; right: boolean }[], objects: number): number {
  return yours();
}
