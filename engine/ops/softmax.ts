/**
 * Softmax over the rows of an axis: subtract the maximum, exponentiate, divide by the sum; one row kernel each way. The
 * exponentials stay in the output while they are summed. Attention has the same two expressions in kernels of its own, where
 * scaling, bias and masks come before.
 */

import { ShapeError } from "../errors.ts";
import type { Expr } from "../kernel/language/expr.ts";
import { defineRows, type RowReductions } from "../launch/rows.ts";
import { defineOp } from "../op.ts";
import type { Tensor } from "../tensor.ts";
import { alongLast } from "./along_last.ts";

/** softmax(x) along the row: e^(x - max x) / Σ e^(x - max x). The exponentials are kept in the kernel's first output. */
export function softmaxOf(x: Expr, output: string, { max, sumKeeping }: RowReductions): Expr {
  const { total, kept } = sumKeeping(output, x.sub(max(x)).exp());
  return kept.div(total);
}

/** dx = y (dy - Σ y dy), from y = softmax(x). */
function softmaxGradientOf({ y, dy }: { readonly y: Expr; readonly dy: Expr }, { sum }: RowReductions): Expr {
  return y.mul(dy.sub(sum(y.mul(dy))));
}

const forward = defineRows({
  name: "softmax",
  inputs: ["x"],
  define: ({ x }, row) => ({ y: softmaxOf(x, "y", row) }),
});

const backward = defineRows({
  name: "softmax_gradient",
  inputs: ["y", "dy"],
  define: (each, row) => ({ dx: softmaxGradientOf(each, row) }),
});

const backwardInPlace = defineRows({
  name: "scaled_softmax_gradient",
  inputs: ["y", "dy"],
  scalars: ["scale"],
  define: (each, row) => ({ dy: softmaxGradientOf(each, row).mul(each.scale) }),
});

/** What reaches x of y = softmax(scale · x), written over dy. Not recorded. */
export const throughScaledSoftmax = (dy: Tensor, { y, scale }: { readonly y: Tensor; readonly scale: number }): void =>
  backwardInPlace.launch(dy.shape, { y, dy, scale });

const softmaxOp = defineOp<readonly [Tensor], void, { y: Tensor }>({
  name: "softmax",
  output: ([x]) => {
    if (x.rank === 0) throw new ShapeError("softmax: expected at least one axis but found a scalar");
    return { shape: x.shape };
  },
  run: ({ inputs: [x], output }) => forward.launch(x.shape, { x, y: output }),
  save: ({ output }) => ({ y: output }),
  gradient: ({ gradOutput, saved: { y } }) => {
    const dx = y.empty(y.shape);
    backward.launch(y.shape, { y, dy: gradOutput, dx });
    return [dx];
  },
});

/**
 * e^x / Σ e^x along an axis, by default the last. A row of only -Infinity gives NaN, as in PyTorch.
 *
 * @category Reductions
 */
export const softmax = (x: Tensor, axis = -1): Tensor =>
  axis === -1 ? softmaxOp([x]) : alongLast("softmax", { x, axis }, (rows) => softmaxOp([rows]));
