import { yours } from "./exercise.ts";

/**
 * The change of logits that moves a box to another in one step: `refine(step(from, to), from)` is `to`, where refine is
 * sigmoid(step + logit(from)), coordinate by coordinate. All coordinates are inside 0..1.
 */
export function step(from: readonly number[], to: readonly number[]): number[] {
  return yours();
}
