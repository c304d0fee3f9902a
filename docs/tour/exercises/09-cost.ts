import { yours } from "./exercise.ts";

/**
 * The classification part of a pair's cost, for the probability p that the query gives to the object's class: the focal loss of
 * "yes" minus that of "no", α (1 - p)² (-ln p) - (1 - α) p² (-ln (1 - p)), where 1e-8 is added inside each logarithm.
 */
export function classCost(p: number, alpha = 0.25): number {
  return yours();
}
