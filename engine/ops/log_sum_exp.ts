/** log Σ eˣ over any axes, and log softmax, without overflow: the largest element is subtracted first. */

import { type Expr, select } from "../kernel/language/expr.ts";
import { defineReduction, plain } from "../launch/reduction.ts";
import { defineRows } from "../launch/rows.ts";
import { defineOp } from "../op.ts";
import type { Tensor } from "../tensor.ts";
import { alongLast } from "./along_last.ts";
import { type Axes, axesOf, dropped, kept, type ReduceOptions } from "./reduce.ts";

/** What is subtracted: the largest element; 0 where it is infinite, since ∞ − ∞ is nothing. */
const shiftOf = (largest: Expr): Expr => select(largest.abs().lt(Infinity), largest, 0);

const sumOfPowers = defineReduction({
  name: "sum_of_powers",
  op: "sum",
  inputs: ["x", "largest"],
  value: ({ x, largest }) => x.sub(shiftOf(largest)).exp(),
});
const logOf = defineRows({
  name: "log_sum_exp",
  inputs: ["largest", "total"],
  define: ({ largest, total }) => ({ y: total.log().add(shiftOf(largest)) }),
});
/** dx = dy softmax(x) = dy e^(x - y); 0 where nothing is in the sum. */
const backward = defineRows({
  name: "log_sum_exp_gradient",
  inputs: ["x", "y", "dy"],
  define: ({ x, y, dy }) => ({ dx: dy.mul(x.sub(select(y.gt(-Infinity), y, 0)).exp()) }),
});

const logSumExpOp = defineOp<readonly [Tensor], ReadonlySet<number>, { x: Tensor; y: Tensor }>({
  name: "logSumExp",
  output: ([x], axes) => ({ shape: kept(x, axes) }),
  run: ({ inputs: [x], output: y }) => {
    if (x.size === 0) return void y.fill(-Infinity);
    const shapes = { over: x.shape, to: y.shape };
    const largest = plain.max.reduce(shapes, [x]);
    const total = sumOfPowers.reduce(shapes, { x, largest });
    logOf.launch(y.shape, { largest, total, y });
  },
  save: ({ inputs: [x], output: y }) => ({ x, y }),
  gradient: ({ gradOutput: dy, saved: { x, y } }) => {
    const dx = x.empty(x.shape);
    backward.launch(x.shape, { x, y, dy, dx });
    return [dx];
  },
});

/**
 * log Σ eˣ over axes (default: all); they disappear unless `keepDims` leaves them as 1. −Infinity where there is nothing
 * to add.
 *
 * @category Reductions
 */
export function logSumExp(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  const over = axesOf("logSumExp", x, axes);
  const result = logSumExpOp([x], over);
  return options.keepDims ? result : result.reshape(dropped(x, over));
}

const forwardRows = defineRows({
  name: "log_softmax",
  inputs: ["x"],
  define: ({ x }, { max, sum }) => {
    const shifted = x.sub(max(x));
    return { y: shifted.sub(sum(shifted.exp()).log()) };
  },
});
/** dx = dy - e^y Σ dy. */
const backwardRows = defineRows({
  name: "log_softmax_gradient",
  inputs: ["y", "dy"],
  define: ({ y, dy }, { sum }) => ({ dx: dy.sub(y.exp().mul(sum(dy))) }),
});
const logSoftmaxOp = defineOp<readonly [Tensor], void, { y: Tensor }>({
  name: "logSoftmax",
  output: ([x]) => ({ shape: x.shape }),
  run: ({ inputs: [x], output: y }) => forwardRows.launch(x.shape, { x, y }),
  save: ({ output }) => ({ y: output }),
  gradient: ({ gradOutput: dy, saved: { y } }) => {
    const dx = y.empty(y.shape);
    backwardRows.launch(y.shape, { y, dy, dx });
    return [dx];
  },
});

/**
 * log(e^x / Σ e^x) along an axis, by default the last, exact also where the softmax itself is too small for a float. A row
 * of only -Infinity gives NaN, as with `softmax`.
 *
 * @category Reductions
 */
export const logSoftmax = (x: Tensor, axis = -1): Tensor =>
  alongLast("logSoftmax", { x, axis }, (rows) => logSoftmaxOp([rows]));
