import type { Tensor } from "../../../engine/mod.ts";
import { yours } from "./exercise.ts";

/**
 * y = x / √(Σ x²) along each row (the last axis), with one kernel over rows (`defineRows`): the rows of `y` have length 1.
 * `x` and `y` have one shape.
 */
export function normalize(x: Tensor, y: Tensor): void {
  return yours();
}
