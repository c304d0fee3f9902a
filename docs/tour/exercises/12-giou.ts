import { yours } from "./exercise.ts";

/** The generalised intersection over union of two boxes (left, top, right, bottom): from -1 to 1. */
export function giou(a: readonly number[], b: readonly number[]): number {
  return yours();
}
