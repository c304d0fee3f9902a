/** Spread and size of what lies along axes. */

import { select } from "../kernel/language/expr.ts";
import type { Tensor } from "../tensor.ts";
import { unary } from "./elementwise.ts";
import { pow } from "./power.ts";
import { type Axes, countOver, max, mean, min, type ReduceOptions, sum } from "./reduce.ts";
import { bool } from "./compare.ts";

/** √x with a slope of 0 at 0, where the root of a sum of squares has none. */
const root = unary("root", (x) => x.sqrt(), (x) => select(x.gt(0), x.sqrt().mul(2).reciprocal(), 0));

/**
 * What becomes of the axes, and what the sum of squares is divided by.
 *
 * @category Reductions
 */
export interface SpreadOptions extends ReduceOptions {
  /** Is subtracted from the count of elements: 1 for the unbiased estimate, 0 for the mean of squares. Default 1. */
  readonly correction?: number;
}

/**
 * The variance over axes (default: all): the sum of (x − mean)², divided by the count of elements less `correction`. NaN
 * where that is 0.
 *
 * @category Reductions
 */
export function variance(x: Tensor, axes?: Axes, options: SpreadOptions = {}): Tensor {
  const { correction = 1, ...rest } = options;
  const deviation = x.sub(mean(x, axes, { keepDims: true }));
  return sum(deviation.square(), axes, rest).div(Math.max(0, countOver("variance", x, axes) - correction));
}

/**
 * The standard deviation over axes: the root of `variance`. Its gradient is 0 where all elements are equal.
 *
 * @category Reductions
 */
export const std = (x: Tensor, axes?: Axes, options: SpreadOptions = {}): Tensor => root(variance(x, axes, options));

/**
 * What becomes of the axes, and which norm is meant.
 *
 * @category Reductions
 */
export interface NormOptions extends ReduceOptions {
  /** p of (Σ |x|ᵖ)^(1/p); Infinity and -Infinity for the largest and smallest |x|, 0 for how many are not 0. Default 2. */
  readonly order?: number;
}

/**
 * The norm of what lies along axes (default: all). The gradient of the default one is 0 at 0.
 *
 * ```ts
 * import { createCpuDevice, norm, tensor } from "@dinograd/dinograd/engine";
 *
 * const device = await createCpuDevice();
 * const x = tensor(device, [3, 4, 6, 8], [2, 2]);
 * console.log(await norm(x, 1).data()); // [ 5, 10 ]
 * await device.destroy();
 * ```
 *
 * @category Reductions
 */
export function norm(x: Tensor, axes?: Axes, options: NormOptions = {}): Tensor {
  const { order = 2, ...rest } = options;
  if (order === 2) return root(sum(x.square(), axes, rest));
  if (order === 0) return sum(bool(x), axes, rest);
  const magnitude = x.abs();
  if (order === 1) return sum(magnitude, axes, rest);
  if (order === Infinity) return max(magnitude, axes, rest);
  if (order === -Infinity) return min(magnitude, axes, rest);
  return pow(sum(pow(magnitude, order), axes, rest), 1 / order);
}
