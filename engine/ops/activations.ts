/** Activations beside `relu`, `gelu`, `sigmoid` and `tanh`, which are in `elementwise.ts`. */

import { constant, select } from "../kernel/language/expr.ts";
import type { Tensor } from "../tensor.ts";
import { unary, type UnaryFunction } from "./elementwise.ts";
import { pointwise } from "./pointwise.ts";

/**
 * log(1 + eˣ), which neither overflows nor loses small values.
 * @category Pointwise
 */
export const softplus: UnaryFunction = unary(
  "softplus",
  (x) => x.max(0).add(x.abs().neg().exp().log1p()),
  (x) => x.sigmoid(),
);

/**
 * x sigmoid(x), also called swish (Elfwing et al., arXiv:1702.03118).
 * @category Pointwise
 */
export const silu: UnaryFunction = unary("silu", (x) => x.mul(x.sigmoid()));

/**
 * x · min(max(x + 3, 0), 6) / 6 (Howard et al., arXiv:1905.02244).
 * @category Pointwise
 */
export const hardswish: UnaryFunction = unary("hardswish", (x) => x.mul(x.add(3).max(0).min(6)).div(6));

const leakyReluOp = pointwise(
  "leaky_relu",
  { tensors: 1, scalars: 1, slopes: (x, slope) => [select(x.gt(0), 1, slope)] },
  (x, slope) => select(x.gt(0), x, x.mul(slope)),
);
/**
 * x where it is positive, else `slope` · x. Default 0.01.
 * @category Pointwise
 */
export const leakyRelu = (x: Tensor, slope = 0.01): Tensor => leakyReluOp([x], [slope]);

const eluOp = pointwise(
  "elu",
  { tensors: 1, scalars: 1, slopes: (x, alpha) => [select(x.gt(0), constant(1), alpha.mul(x.min(0).exp()))] },
  (x, alpha) => select(x.gt(0), x, alpha.mul(x.expm1())),
);
/**
 * x where it is positive, else `alpha` · (eˣ − 1) (Clevert et al., arXiv:1511.07289). Default 1.
 * @category Pointwise
 */
export const elu = (x: Tensor, alpha = 1): Tensor => eluOp([x], [alpha]);
