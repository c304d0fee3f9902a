import { yours } from "./exercise.ts";

/** What AdamW remembers of a parameter. */
export interface Moments {
  m: number;
  v: number;
  /** Steps made so far. */
  steps: number;
}

/**
 * One step of AdamW on one number (arXiv:1711.05101, algorithm 2): gives the new value and the new moments. β1 = 0.9, β2 =
 * 0.999, ε = 1e-8; `rate` is the learning rate, `decay` the weight decay, which is multiplied by the rate.
 */
export function adamw(
  value: number,
  call: { gradient: number; moments: Moments; rate: number; decay: number },
): { value: number; moments: Moments } {
  return yours();
}
