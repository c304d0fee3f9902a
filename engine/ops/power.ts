/** Powers and what is close to them. */

import { constant, type Expr, select } from "../kernel/language/expr.ts";
import { memoize } from "../memoize.ts";
import type { Tensor } from "../tensor.ts";
import { binary, sqrt, square, unary, type UnaryFunction } from "./elementwise.ts";

/**
 * 1 / x.
 * @category Pointwise
 */
export const reciprocal: UnaryFunction = unary("reciprocal", (x) => x.reciprocal());
/**
 * 1 / √x.
 * @category Pointwise
 */
export const rsqrt: UnaryFunction = unary("rsqrt", (x) => x.sqrt().reciprocal());
/**
 * eˣ − 1, exact also near 0.
 * @category Pointwise
 */
export const expm1: UnaryFunction = unary("expm1", (x) => x.expm1());
/**
 * The natural logarithm of 1 + x, exact also near 0.
 * @category Pointwise
 */
export const log1p: UnaryFunction = unary("log1p", (x) => x.log1p());

/** One of two values, by whether a = b. */
const whenEqual = (
  { a, b }: { readonly a: Expr; readonly b: Expr },
  yes: Expr | number,
  no: Expr | number,
): Expr => select(a.le(b), select(b.le(a), yes, no), no);

/**
 * xʸ as IEEE 754 has it: |x|ʸ = e^(y log |x|), negated for a negative x and an odd y; NaN for a negative x and a y that
 * is no whole number; 1 where y is 0 or |x| is 1.
 */
function powerOf(x: Expr, y: Expr): Expr {
  const logarithm = x.abs().log();
  const exponent = whenEqual({ a: logarithm, b: constant(0) }, 0, y.mul(logarithm));
  const magnitude = whenEqual({ a: y, b: constant(0) }, 1, exponent.exp());
  const isEven = { a: y.mul(0.5).floor().mul(2), b: y };
  const ofNegative = whenEqual({ a: y.floor(), b: y }, whenEqual(isEven, magnitude, magnitude.neg()), NaN);
  return select(x.lt(0), ofNegative, magnitude);
}

/** The slopes are y xʸ⁻¹, 0 where y is, and xʸ log x, 0 for 0ʸ. */
const power = binary("pow", powerOf, (x, y) => [
  whenEqual({ a: y, b: constant(0) }, 0, y.mul(powerOf(x, y.sub(1)))),
  whenEqual({ a: x, b: constant(0) }, select(y.ge(0), constant(0), -Infinity), powerOf(x, y).mul(x.log())),
]);

/** Whole exponents up to here are products, which are exact where the result is. */
const LARGEST_PRODUCT = 16;

/** xⁿ by squaring, for n ≥ 1. */
function productOf(x: Expr, n: number): Expr {
  if (n === 1) return x;
  const root = productOf(x, n >> 1).square();
  return n % 2 === 0 ? root : root.mul(x);
}

const wholePower = memoize((n: number) =>
  unary(
    `pow_${n}`,
    (x) => n < 0 ? productOf(x, -n).reciprocal() : productOf(x, n),
    (x) => (n < 0 ? productOf(x, 1 - n).reciprocal() : n === 1 ? constant(1) : productOf(x, n - 1)).mul(n),
  )
);

/**
 * xʸ, element by element; operands broadcast. A negative x has a power for a whole y only (NaN otherwise). Numbers in
 * −16..16 that are whole, and ½, are exact to the last rounding; others err by some 1e-7 · |y log x|.
 *
 * ```ts
 * import { createCpuDevice, pow, tensor } from "@dinograd/dinograd/engine";
 *
 * const device = await createCpuDevice();
 * const x = tensor(device, [-2, 3]);
 * console.log(await pow(x, 3).data()); // [ -8, 27 ]
 * await device.destroy();
 * ```
 *
 * @category Pointwise
 */
export function pow(x: Tensor, y: Tensor | number): Tensor {
  if (y === 0.5) return sqrt(x);
  if (y === 2) return square(x);
  const isProduct = typeof y === "number" && Number.isInteger(y) && y !== 0 && Math.abs(y) <= LARGEST_PRODUCT;
  return isProduct ? wholePower(y)(x) : power(x, y);
}
