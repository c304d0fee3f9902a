/**
 * What models chain, each one line over the op in `ops/`, where it is described at length. Operands broadcast as in NumPy.
 */

import type { DType } from "./dtype.ts";
import { argmax, argmin } from "./ops/arg_extremum.ts";
import { cast } from "./ops/cast.ts";
import * as compare from "./ops/compare.ts";
import * as pointwise from "./ops/elementwise.ts";
import { concat, permute, reshape, slice, type SliceOptions } from "./ops/layout.ts";
import { logSoftmax, logSumExp } from "./ops/log_sum_exp.ts";
import { matmul } from "./ops/matmul.ts";
import * as power from "./ops/power.ts";
import { at, broadcastTo, flip, split, squeeze, tile, transpose, unsqueeze } from "./ops/rearrange.ts";
import { type Axes, max, mean, min, prod, type ReduceOptions, sum } from "./ops/reduce.ts";
import * as rounding from "./ops/rounding.ts";
import { cumsum } from "./ops/scan.ts";
import { softmax } from "./ops/softmax.ts";
import { argsort, sort, type SortOptions } from "./ops/sort.ts";
import { norm, type NormOptions, type SpreadOptions, std, variance } from "./ops/statistics.ts";
import { gather } from "./ops/take_along.ts";
import type { Shape } from "./shape.ts";
import type { Tensor } from "./tensor.ts";

/**
 * The methods of a `Tensor` that compute. None changes it: each gives a new tensor.
 *
 * @category Tensors
 */
export abstract class TensorMethods {
  /** x + y. */
  add(this: Tensor, other: Tensor | number): Tensor {
    return pointwise.add(this, other);
  }
  /** x - y. */
  sub(this: Tensor, other: Tensor | number): Tensor {
    return pointwise.sub(this, other);
  }
  /** x · y. */
  mul(this: Tensor, other: Tensor | number): Tensor {
    return pointwise.mul(this, other);
  }
  /** x / y. */
  div(this: Tensor, other: Tensor | number): Tensor {
    return pointwise.div(this, other);
  }
  /** -x. */
  neg(this: Tensor): Tensor {
    return pointwise.neg(this);
  }
  /** eˣ. */
  exp(this: Tensor): Tensor {
    return pointwise.exp(this);
  }
  /** The natural logarithm. */
  log(this: Tensor): Tensor {
    return pointwise.log(this);
  }
  /** √x. */
  sqrt(this: Tensor): Tensor {
    return pointwise.sqrt(this);
  }
  /** x². */
  square(this: Tensor): Tensor {
    return pointwise.square(this);
  }
  /** |x|. */
  abs(this: Tensor): Tensor {
    return pointwise.abs(this);
  }
  /** max(x, 0). */
  relu(this: Tensor): Tensor {
    return pointwise.relu(this);
  }
  /** x Φ(x), the exact GELU. */
  gelu(this: Tensor): Tensor {
    return pointwise.gelu(this);
  }
  /** 1 / (1 + e⁻ˣ). */
  sigmoid(this: Tensor): Tensor {
    return pointwise.sigmoid(this);
  }
  /** The hyperbolic tangent. */
  tanh(this: Tensor): Tensor {
    return pointwise.tanh(this);
  }
  /** Limited to low..high. */
  clamp(this: Tensor, low: number, high: number): Tensor {
    return pointwise.clamp(this, low, high);
  }
  /** xʸ, for a negative x only of whole y. */
  pow(this: Tensor, other: Tensor | number): Tensor {
    return power.pow(this, other);
  }
  /** 1 / x. */
  reciprocal(this: Tensor): Tensor {
    return power.reciprocal(this);
  }
  /** 1 / √x. */
  rsqrt(this: Tensor): Tensor {
    return power.rsqrt(this);
  }
  /** The larger of two. */
  maximum(this: Tensor, other: Tensor | number): Tensor {
    return pointwise.maximum(this, other);
  }
  /** The smaller of two. */
  minimum(this: Tensor, other: Tensor | number): Tensor {
    return pointwise.minimum(this, other);
  }
  /** The sine of radians. */
  sin(this: Tensor): Tensor {
    return pointwise.sin(this);
  }
  /** The cosine of radians. */
  cos(this: Tensor): Tensor {
    return pointwise.cos(this);
  }
  /** The largest whole number that is not above x. */
  floor(this: Tensor): Tensor {
    return pointwise.floor(this);
  }
  /** The smallest whole number that is not below x. */
  ceil(this: Tensor): Tensor {
    return rounding.ceil(this);
  }
  /** The nearest whole number, the even one of two. */
  round(this: Tensor): Tensor {
    return rounding.round(this);
  }
  /** −1, 0 or 1. */
  sign(this: Tensor): Tensor {
    return rounding.sign(this);
  }
  /** The value where a mask is positive, else x. */
  maskedFill(this: Tensor, mask: Tensor, value: number): Tensor {
    return pointwise.maskedFill(this, mask, value);
  }

  // Masks: 1 where it holds, else 0. Of floats or integers.

  /** Whether x = y. */
  eq(this: Tensor, other: Tensor | number): Tensor {
    return compare.eq(this, other);
  }
  /** Whether x ≠ y. */
  ne(this: Tensor, other: Tensor | number): Tensor {
    return compare.ne(this, other);
  }
  /** Whether x < y. */
  lt(this: Tensor, other: Tensor | number): Tensor {
    return compare.lt(this, other);
  }
  /** Whether x ≤ y. */
  le(this: Tensor, other: Tensor | number): Tensor {
    return compare.le(this, other);
  }
  /** Whether x > y. */
  gt(this: Tensor, other: Tensor | number): Tensor {
    return compare.gt(this, other);
  }
  /** Whether x ≥ y. */
  ge(this: Tensor, other: Tensor | number): Tensor {
    return compare.ge(this, other);
  }
  /** Whether x is not 0. */
  bool(this: Tensor): Tensor {
    return compare.bool(this);
  }
  /** x with other elements: "f32" or "i32", for which what is behind the point is cut off. */
  cast(this: Tensor, dtype: DType): Tensor {
    return cast(this, dtype);
  }

  // Along axes, by default all; `keepDims` leaves them with size 1.

  /** The sum. */
  sum(this: Tensor, axes?: Axes, options?: ReduceOptions): Tensor {
    return sum(this, axes, options);
  }
  /** The mean. */
  mean(this: Tensor, axes?: Axes, options?: ReduceOptions): Tensor {
    return mean(this, axes, options);
  }
  /** The product. */
  prod(this: Tensor, axes?: Axes, options?: ReduceOptions): Tensor {
    return prod(this, axes, options);
  }
  /** The largest element. */
  max(this: Tensor, axes?: Axes, options?: ReduceOptions): Tensor {
    return max(this, axes, options);
  }
  /** The smallest element. */
  min(this: Tensor, axes?: Axes, options?: ReduceOptions): Tensor {
    return min(this, axes, options);
  }
  /** The variance, unbiased unless `correction` is 0. */
  var(this: Tensor, axes?: Axes, options?: SpreadOptions): Tensor {
    return variance(this, axes, options);
  }
  /** The standard deviation, the root of `var`. */
  std(this: Tensor, axes?: Axes, options?: SpreadOptions): Tensor {
    return std(this, axes, options);
  }
  /** The norm: by default the root of the sum of squares. */
  norm(this: Tensor, axes?: Axes, options?: NormOptions): Tensor {
    return norm(this, axes, options);
  }
  /** log Σ eˣ. */
  logSumExp(this: Tensor, axes?: Axes, options?: ReduceOptions): Tensor {
    return logSumExp(this, axes, options);
  }
  /** Where the largest element stands along an axis, which disappears, or among all; i32. */
  argmax(this: Tensor, axis?: number): Tensor {
    return argmax(this, axis);
  }
  /** Where the smallest element stands. */
  argmin(this: Tensor, axis?: number): Tensor {
    return argmin(this, axis);
  }

  // Along one axis; shaped as x.

  /** eˣ / Σ eˣ, by default along the last axis. */
  softmax(this: Tensor, axis?: number): Tensor {
    return softmax(this, axis);
  }
  /** log(eˣ / Σ eˣ), by default along the last axis. */
  logSoftmax(this: Tensor, axis?: number): Tensor {
    return logSoftmax(this, axis);
  }
  /** Each element plus all before it. */
  cumsum(this: Tensor, axis: number): Tensor {
    return cumsum(this, axis);
  }
  /** In order, by default along the last axis, from the smallest up. */
  sort(this: Tensor, axis?: number, options?: SortOptions): Tensor {
    return sort(this, axis, options);
  }
  /** Where the elements stand that come first, second, …; i32. */
  argsort(this: Tensor, axis?: number, options?: SortOptions): Tensor {
    return argsort(this, axis, options);
  }
  /** Element number `indices[…]` of each line along an axis. */
  gather(this: Tensor, axis: number, indices: Tensor): Tensor {
    return gather(this, axis, indices);
  }

  // Other shapes and orders.

  /**
   * [..., m, k] times [..., k, n] or [k, n].
   * @throws {ShapeError} where the shapes do not fit
   */
  matmul(this: Tensor, other: Tensor): Tensor {
    return matmul(this, other);
  }
  /**
   * One dimension may be -1: it takes what is left. Shares the memory.
   * @throws {ShapeError} where the shape has other elements
   */
  reshape(this: Tensor, shape: Shape): Tensor {
    return reshape(this, shape);
  }
  /** Axis i of the result is axis `axes[i]` of this; copies. */
  permute(this: Tensor, axes: readonly number[]): Tensor {
    return permute(this, axes);
  }
  /** Elements begin … end-1 along an axis, or every `step`-th; negative numbers count from its end. */
  slice(this: Tensor, axis: number, begin?: number, end?: number, options?: SliceOptions): Tensor {
    return slice(this, axis, begin, end, options);
  }
  /** This and the others, one after the other along an axis. */
  concat(this: Tensor, others: readonly Tensor[], axis: number): Tensor {
    return concat([this, ...others], axis);
  }
  /** The part at one place of an axis, which disappears. */
  at(this: Tensor, axis: number, index: number): Tensor {
    return at(this, axis, index);
  }
  /** Two axes exchanged, by default the last two. */
  transpose(this: Tensor, first?: number, second?: number): Tensor {
    return transpose(this, first, second);
  }
  /** Without axes of size 1: the given ones, or all. */
  squeeze(this: Tensor, axes?: Axes): Tensor {
    return squeeze(this, axes);
  }
  /** With a further axis of size 1. */
  unsqueeze(this: Tensor, axis: number): Tensor {
    return unsqueeze(this, axis);
  }
  /** Turned around along axes, by default all. */
  flip(this: Tensor, axes?: Axes): Tensor {
    return flip(this, axes);
  }
  /** Copies, so many along each of the last axes. */
  tile(this: Tensor, counts: readonly number[]): Tensor {
    return tile(this, counts);
  }
  /** Stretched to a shape. */
  broadcastTo(this: Tensor, shape: Shape): Tensor {
    return broadcastTo(this, shape);
  }
  /** In parts of one size along an axis, by default the first, or of the given sizes. */
  split(this: Tensor, sizes: number | readonly number[], axis?: number): Tensor[] {
    return split(this, sizes, axis);
  }
}
