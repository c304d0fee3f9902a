import type { Tensor } from "../../../../engine/mod.ts";

export function onceOnly(
  anchor: Tensor,
  steps: readonly Tensor[],
  refine: (step: Tensor, box: Tensor) => Tensor,
): Tensor[] {
  let box = anchor;
  return steps.map((step) => box = refine(step, box.detach()));
}
