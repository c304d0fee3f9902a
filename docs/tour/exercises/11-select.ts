import { yours } from "./exercise.ts";

/**
 * The `count` tokens whose best class scores highest, the best first; of equal ones the earlier. `scores` is [tokens][classes].
 */
export function select(scores: readonly number[][], count: number): number[] {
  return yours();
}
