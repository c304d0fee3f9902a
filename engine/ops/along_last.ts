/** Ops that work on rows, for any axis. */

import { normalizeAxis } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { transpose } from "./rearrange.ts";

/** Runs an op on the rows of x along an axis, which is brought to the end and back. */
export function alongLast(
  name: string,
  { x, axis }: { readonly x: Tensor; readonly axis: number },
  run: (rows: Tensor) => Tensor,
): Tensor {
  const at = normalizeAxis(name, axis, x.rank);
  return transpose(run(transpose(x, at, -1)), at, -1);
}
