import type { Tensor } from "../../../engine/mod.ts";
import { yours } from "./exercise.ts";

/**
 * The standard deviation of all elements, a scalar: the root of the mean of (x - mean)². Nothing else that this makes may
 * outlive the call.
 */
export function standardDeviation(x: Tensor): Tensor {
  return yours();
}
