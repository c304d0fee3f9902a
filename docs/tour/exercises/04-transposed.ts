import type { Tensor } from "../../../engine/mod.ts";
import { yours } from "./exercise.ts";

/**
 * c = a bᵀ with a kernel of your own: a is [m, k], b is [n, k], c is [m, n]. Both operands are read along their rows here,
 * which is why attention's scores are a product of this kind.
 */
export function productTransposed(a: Tensor, b: Tensor, c: Tensor): void {
  return yours();
}
