/**
 * Softmax over the last axis: subtract the maximum, exponentiate, divide by the sum; one row kernel each way. The
 * exponentials stay in the output while they are summed.
 */

import { input, kept, reduced } from "../kernel/language/expr.ts";
import type { RowRecipe } from "../kernel/language/recipes.ts";
import { defineOp } from "../op.ts";
import type { Tensor } from "../tensor.ts";
import { launchRowRecipe } from "./rows.ts";

const forward: RowRecipe = {
  kind: "row",
  name: "softmax",
  rank: 1,
  inputs: [1],
  scalars: 0,
  reductions: [
    { name: "largest", op: "max", value: input(0) },
    { name: "total", op: "sum", value: input(0).sub(reduced("largest")).exp(), keep: 0 },
  ],
  outputs: [{ per: "element", value: kept().div(reduced("total")) }],
};

/** dx = y (dy - Σ y dy), from y = softmax(x). */
const backward: RowRecipe = {
  kind: "row",
  name: "softmax_gradient",
  rank: 1,
  inputs: [1, 1],
  scalars: 0,
  reductions: [{ name: "dot", op: "sum", value: input(0).mul(input(1)) }],
  outputs: [{ per: "element", value: input(0).mul(input(1).sub(reduced("dot"))) }],
};

const softmaxOp = defineOp<readonly [Tensor], void, { y: Tensor }>({
  name: "softmax",
  output: ([x]) => {
    if (x.rank === 0) throw new RangeError("softmax: expected at least one axis but found a scalar");
    return { shape: x.shape };
  },
  run: ({ inputs: [x], output }) => launchRowRecipe(forward, { rows: [x], results: [output] }),
  save: ({ output }) => ({ y: output }),
  gradient: ({ gradOutput, saved: { y } }) => {
    const dx = y.empty(y.shape);
    launchRowRecipe(backward, { rows: [y, gradOutput], results: [dx] });
    return [dx];
  },
});

/** e^x / Σ e^x along the last axis. A row of only -Infinity gives NaN, as in PyTorch. */
export const softmax = (x: Tensor): Tensor => softmaxOp([x]);
