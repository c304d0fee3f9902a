/**
 * Clipping by the global norm. The norm and the coefficient stay on the device; nothing is read back.
 */

import { withoutGradient } from "../autograd.ts";
import { constant, input, scalar } from "../kernel/language/expr.ts";
import type { Parameter } from "../nn/module.ts";
import { concat } from "../ops/layout.ts";
import { PointwiseKernel } from "../ops/pointwise_kernel.ts";
import { reduceTo, Reduction } from "../ops/reduce.ts";
import { scope } from "../scope.ts";
import type { Tensor } from "../tensor.ts";

const squares = new Reduction("sum_of_squares", "sum", input(0).square());
const coefficientKernel = new PointwiseKernel(
  "clip_coefficient",
  [{ per: "element", value: scalar(0).div(input(0).add(1e-6)).min(constant(1)) }],
  1,
);

/** The outcome of clipping, still on the device. */
export interface ClipResult {
  /** √Σ g² over all gradients; one element. */
  readonly norm: Tensor;
  /** min(1, maxNorm / (norm + 1e-6)); one element, for the optimizer. Undefined without a limit. */
  readonly coefficient: Tensor | undefined;
}

/** Measures the global norm of all gradients and how much they are to shrink. `maxNorm` 0 means no limit. */
export function clipGradNorm(parameters: Iterable<Parameter>, maxNorm: number): ClipResult {
  return withoutGradient(() => {
    using inner = scope();
    const sums: Tensor[] = [];
    for (const { grad } of parameters) {
      if (grad) sums.push(reduceTo(squares, [grad.alias([grad.size])], { over: [grad.size], to: [1] }));
    }
    if (sums.length === 0) throw new RangeError("clipGradNorm: expected at least one gradient but found none");
    const norm = inner.keep(concat(sums, 0).sum(0, { keepDims: true }).sqrt());
    if (maxNorm <= 0) return { norm, coefficient: undefined };
    const coefficient = inner.keep(norm.empty([1]));
    coefficientKernel.launch(norm.device, { shape: [1], operands: [norm], results: [coefficient], scalars: [maxNorm] });
    return { norm, coefficient };
  });
}
