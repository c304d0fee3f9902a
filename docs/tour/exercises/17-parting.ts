import { yours } from "./exercise.ts";

/** A line of two runs' traces. */
export interface Line {
  step: number;
  loss: number;
}

/** The first step at which two traces have different bits (NaN equals NaN, -0 is not 0); undefined where none is. */
export function parting(a: readonly Line[], b: readonly Line[]): number | undefined {
  return yours();
}
