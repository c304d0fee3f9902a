import type { Tensor } from "../../../engine/mod.ts";
import { yours } from "./exercise.ts";

/**
 * An op with `defineOp` and a gradient by hand: softsign(x) = x / (1 + |x|). Its derivative is 1 / (1 + |x|)². Call it
 * "softsign".
 */
export function softsign(x: Tensor): Tensor {
  return yours();
}
