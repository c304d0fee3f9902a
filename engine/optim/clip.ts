/**
 * Clipping by the global norm. The norm and the coefficient stay on the device; nothing is read back.
 */

import { withoutGradient } from "../autograd.ts";
import { ArgumentError } from "../errors.ts";
import { defineReduction } from "../launch/reduction.ts";
import { defineRows } from "../launch/rows.ts";
import type { Parameter } from "../parameter.ts";
import { concat } from "../ops/layout.ts";
import { scoped } from "../scope.ts";
import type { Tensor } from "../tensor.ts";

const sumOfSquares = defineReduction({
  name: "sum_of_squares",
  op: "sum",
  inputs: ["gradient"],
  value: ({ gradient }) => gradient.square(),
});
const coefficientOf = defineRows({
  name: "clip_coefficient",
  inputs: ["norm"],
  scalars: ["maxNorm"],
  define: ({ norm, maxNorm }) => ({ coefficient: maxNorm.div(norm.add(1e-6)).min(1) }),
});

/**
 * The outcome of clipping, still on the device.
 *
 * @category Optimizers
 */
export interface ClipResult {
  /** √Σ g² over all gradients; one element. */
  readonly norm: Tensor;
  /** min(1, maxNorm / (norm + 1e-6)); one element, for the optimizer. Undefined without a limit. */
  readonly coefficient: Tensor | undefined;
}

/**
 * Measures the global norm of all gradients and how much they are to shrink. `maxNorm` 0 means no limit.
 * @throws {ArgumentError} where there is no gradient at all, or the limit is negative or NaN
 * @category Optimizers
 */
export function clipGradNorm(parameters: Iterable<Parameter>, maxNorm: number): ClipResult {
  if (!(maxNorm >= 0)) {
    throw new ArgumentError(`clipGradNorm: expected a largest norm of at least 0 but found ${maxNorm}`);
  }
  return withoutGradient(() => {
    return scoped((inner) => {
      const sums: Tensor[] = [];
      for (const { grad } of parameters) {
        if (grad) sums.push(sumOfSquares.reduce({ over: [grad.size], to: [1] }, { gradient: grad.alias([grad.size]) }));
      }
      if (sums.length === 0) throw new ArgumentError("clipGradNorm: expected at least one gradient but found none");
      const norm = inner.keep(concat(sums, 0).sum(0, { keepDims: true }).sqrt());
      if (maxNorm === 0) return { norm, coefficient: undefined };
      const coefficient = inner.keep(norm.empty([1]));
      coefficientOf.launch([1], { norm, maxNorm, coefficient });
      return { norm, coefficient };
    });
  });
}
