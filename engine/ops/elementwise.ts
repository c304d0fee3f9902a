/** Arithmetic and activations, each one expression. Operands broadcast; a plain number takes no tensor. */

import { ShapeError } from "../errors.ts";
import { constant, type Expr, select } from "../kernel/language/expr.ts";
import { defineRows } from "../launch/rows.ts";
import { formatShape, sameShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { pointwise } from "./pointwise.ts";

/**
 * An op on two tensors, or on a tensor and a number.
 *
 * @category Pointwise
 */
export type BinaryFunction = (x: Tensor, y: Tensor | number) => Tensor;
/**
 * An op on every element of one tensor.
 *
 * @category Pointwise
 */
export type UnaryFunction = (x: Tensor) => Tensor;

/** A binary op in its two forms: with a tensor, and with a number that changes without compiling anything. */
export function binary(
  name: string,
  define: (x: Expr, y: Expr) => Expr,
  slopes?: "none" | ((x: Expr, y: Expr) => readonly [Expr, Expr]),
): BinaryFunction {
  const tensors = pointwise(name, { tensors: 2, slopes }, define);
  const number = pointwise(`${name}_number`, {
    tensors: 1,
    scalars: 1,
    slopes: typeof slopes === "function" ? (x, y) => slopes(x, y).slice(0, 1) : slopes,
  }, define);
  return (x, y) => typeof y === "number" ? number([x], [y]) : tensors([x, y]);
}

/** An op on every element of one tensor, with the derivative that `slope` gives or, without it, the derived one. */
export function unary(name: string, define: (x: Expr) => Expr, slope?: (x: Expr) => Expr): UnaryFunction {
  const op = pointwise(name, { tensors: 1, slopes: slope && ((x) => [slope(x)]) }, define);
  return (x) => op([x]);
}

/**
 * x + y.
 *
 * @category Pointwise
 */
export const add: BinaryFunction = binary("add", (x, y) => x.add(y));
/**
 * x - y.
 *
 * @category Pointwise
 */
export const sub: BinaryFunction = binary("sub", (x, y) => x.sub(y));
/**
 * x · y.
 *
 * @category Pointwise
 */
export const mul: BinaryFunction = binary("mul", (x, y) => x.mul(y));
/**
 * x / y.
 *
 * @category Pointwise
 */
export const div: BinaryFunction = binary("div", (x, y) => x.div(y));
/**
 * The larger of two.
 *
 * @category Pointwise
 */
export const maximum: BinaryFunction = binary("maximum", (x, y) => x.max(y));
/**
 * The smaller of two.
 *
 * @category Pointwise
 */
export const minimum: BinaryFunction = binary("minimum", (x, y) => x.min(y));

/**
 * -x.
 *
 * @category Pointwise
 */
export const neg: UnaryFunction = unary("neg", (x) => x.neg());
/**
 * eˣ.
 *
 * @category Pointwise
 */
export const exp: UnaryFunction = unary("exp", (x) => x.exp());
/**
 * The natural logarithm.
 *
 * @category Pointwise
 */
export const log: UnaryFunction = unary("log", (x) => x.log());
/**
 * √x.
 *
 * @category Pointwise
 */
export const sqrt: UnaryFunction = unary("sqrt", (x) => x.sqrt());
/**
 * x².
 *
 * @category Pointwise
 */
export const square: UnaryFunction = unary("square", (x) => x.square());
/**
 * |x|; its gradient at 0 is 0.
 *
 * @category Pointwise
 */
export const abs: UnaryFunction = unary("abs", (x) => x.abs());
/**
 * The sine of radians.
 *
 * @category Pointwise
 */
export const sin: UnaryFunction = unary("sin", (x) => x.sin());
/**
 * The cosine of radians.
 *
 * @category Pointwise
 */
export const cos: UnaryFunction = unary("cos", (x) => x.cos());
/**
 * The largest whole number that is not above x; no gradient flows.
 *
 * @category Pointwise
 */
export const floor: UnaryFunction = unary("floor", (x) => x.floor());
/**
 * max(x, 0).
 *
 * @category Pointwise
 */
export const relu: UnaryFunction = unary("relu", (x) => x.max(0));
/**
 * 1 / (1 + e⁻ˣ).
 *
 * @category Pointwise
 */
export const sigmoid: UnaryFunction = unary("sigmoid", (x) => x.sigmoid());
/**
 * tanh(x) = 2 sigmoid(2x) - 1.
 *
 * @category Pointwise
 */
export const tanh: UnaryFunction = unary("tanh", (x) => x.mul(2).sigmoid().mul(2).sub(1));
/**
 * The exact GELU (Hendrycks and Gimpel, arXiv:1606.08415): x Φ(x).
 *
 * @category Pointwise
 */
export const gelu: UnaryFunction = unary("gelu", (x) => x.mul(0.5).mul(x.mul(Math.SQRT1_2).erf().add(1)));

const clampOp = pointwise("clamp", { tensors: 1, scalars: 2 }, (x, low, high) => x.max(low).min(high));
/**
 * Limits to low..high; no gradient flows where the limit is reached.
 *
 * @category Pointwise
 */
export const clamp = (x: Tensor, low: number, high: number): Tensor => clampOp([x], [low, high]);

/** The expression behind `inverseSigmoid`, for kernels that continue with it. */
export function clampedLogit(x: Expr, epsilon: Expr | number): Expr {
  const inside = x.max(0).min(1);
  return inside.max(epsilon).div(constant(1).sub(inside).max(epsilon)).log();
}

const logitOp = pointwise("inverse_sigmoid", { tensors: 1, scalars: 1 }, clampedLogit);
/**
 * The logit of x clamped to 0..1, with both x and 1-x kept at least `epsilon` (the official code's `inverse_sigmoid`,
 * where epsilon is 1e-3).
 *
 * @category Pointwise
 */
export const inverseSigmoid = (x: Tensor, epsilon = 1e-3): Tensor => logitOp([x], [epsilon]);

const whereOp = pointwise("where", { tensors: 3 }, (mask, x, y) => select(constant(0).lt(mask), x, y));
/**
 * `x` where the mask is positive, else `y`; also where the other one is infinite or NaN.
 *
 * @category Pointwise
 */
export const where = (mask: Tensor, x: Tensor, y: Tensor): Tensor => whereOp([mask, x, y]);

const maskedFillOp = pointwise(
  "masked_fill",
  { tensors: 2, scalars: 1 },
  (x, mask, value) => select(constant(0).lt(mask), value, x),
);
/**
 * `x`, but `value` where the mask is positive.
 *
 * @category Pointwise
 */
export const maskedFill = (x: Tensor, mask: Tensor, value: number): Tensor => maskedFillOp([x, mask], [value]);

const accumulateKernel = defineRows({
  name: "accumulate",
  inputs: ["target", "other"],
  define: ({ target, other }) => ({ target: target.add(other) }),
});
/**
 * target += other, in place. Not recorded.
 * @throws {ShapeError} unless the shapes are equal
 */
export function accumulate(target: Tensor, other: Tensor): void {
  if (!sameShape(target.shape, other.shape)) {
    const [wanted, found] = [target.shape, other.shape].map(formatShape);
    throw new ShapeError(`accumulate: expected a tensor ${wanted} but found ${found}`);
  }
  accumulateKernel.launch(target.shape, { target, other });
}

const blendKernel = defineRows({
  name: "blend",
  inputs: ["target", "other"],
  scalars: ["keep", "rest"],
  define: ({ target, other, keep, rest }) => ({ target: target.mul(keep).add(other.mul(rest)) }),
});
/** target = target * keep + other * (1 - keep), in place: a moving average. Not recorded. */
export function blend(target: Tensor, other: Tensor, keep: number): void {
  blendKernel.launch(target.shape, { target, other, keep, rest: 1 - keep });
}
