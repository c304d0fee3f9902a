import { yours } from "./exercise.ts";

/** All gradients, shrunk by one factor so that the norm of all numbers together is at most `most`; as they are if it is. */
export function clip(gradients: readonly number[][], most: number): number[][] {
  return yours();
}
