import type { Tensor } from "../../../engine/mod.ts";
import { yours } from "./exercise.ts";

/**
 * Three refinement steps from `anchor` with the tape cut between them: the loss of a box reaches its own step alone (look
 * forward once). Gives the three boxes. `refine(step, box)` moves a box.
 */
export function onceOnly(
  anchor: Tensor,
  steps: readonly Tensor[],
  refine: (step: Tensor, box: Tensor) => Tensor,
): Tensor[] {
  return yours();
}
