/**
 * Trigonometric and hyperbolic functions and their inverses, in radians. Each is put together so that nothing cancels, and
 * has its derivative written out: formulas that are exact at the ends of a range divide by zero there.
 */

import { constant, type Expr, select } from "../kernel/language/expr.ts";
import type { Tensor } from "../tensor.ts";
import { unary, type UnaryFunction } from "./elementwise.ts";
import { pointwise } from "./pointwise.ts";

/** f(|x|) with the sign of x, for odd functions. */
const odd = (x: Expr, of: (magnitude: Expr) => Expr): Expr => {
  const value = of(x.abs());
  return select(x.lt(0), value.neg(), value);
};
/** 1 − x². */
const oneMinusSquare = (x: Expr) => constant(1).sub(x).mul(x.add(1));

/**
 * The tangent of radians.
 * @category Pointwise
 */
export const tan: UnaryFunction = unary(
  "tan",
  (x) => x.sin().div(x.cos()),
  (x) => x.cos().square().reciprocal(),
);
/**
 * The arc sine, −π/2..π/2; NaN outside of −1..1.
 * @category Pointwise
 */
export const asin: UnaryFunction = unary(
  "asin",
  (x) => x.div(oneMinusSquare(x).sqrt()).atan(),
  (x) => oneMinusSquare(x).sqrt().reciprocal(),
);
/**
 * The arc cosine, 0..π; NaN outside of −1..1.
 * @category Pointwise
 */
export const acos: UnaryFunction = unary(
  "acos",
  (x) => constant(1).sub(x).div(x.add(1)).sqrt().atan().mul(2),
  (x) => oneMinusSquare(x).sqrt().reciprocal().neg(),
);
/**
 * The arc tangent, −π/2..π/2.
 * @category Pointwise
 */
export const atan: UnaryFunction = unary("atan", (x) => x.atan());

const atan2Op = pointwise("atan2", {
  tensors: 2,
  slopes: (y, x) => {
    const square = x.square().add(y.square());
    return [x.div(square), y.neg().div(square)];
  },
}, (y, x) =>
  odd(y, (height) => {
    const width = x.abs();
    const steep = height.gt(width);
    const larger = select(steep, height, width);
    const ratio = select(larger.gt(0), select(steep, width, height).div(larger), 0);
    const angle = select(steep, constant(Math.PI / 2).sub(ratio.atan()), ratio.atan());
    return select(x.lt(0), constant(Math.PI).sub(angle), angle);
  }));
/**
 * The angle of the point (x, y) from the x axis, −π..π; operands broadcast.
 * @category Pointwise
 */
export const atan2 = (y: Tensor, x: Tensor): Tensor => atan2Op([y, x]);

/** (e^m + e^−m) / 2, in halves that overflow no sooner than the sum. */
const coshOf = (x: Expr) => {
  const half = x.abs().mul(0.5).exp();
  return half.mul(0.5).mul(half).add(constant(0.5).div(half).div(half));
};
/** (e^x − e^−x) / 2. */
const sinhOf = (x: Expr) =>
  odd(x, (magnitude) => {
    const above = magnitude.expm1();
    const half = magnitude.mul(0.5).exp();
    const small = above.add(above.div(above.add(1))).mul(0.5);
    return select(magnitude.lt(1), small, half.mul(0.5).mul(half).sub(constant(0.5).div(half).div(half)));
  });
/**
 * The hyperbolic sine.
 * @category Pointwise
 */
export const sinh: UnaryFunction = unary("sinh", sinhOf, coshOf);
/**
 * The hyperbolic cosine.
 * @category Pointwise
 */
export const cosh: UnaryFunction = unary("cosh", coshOf, sinhOf);

/** From here on asinh x and acosh x are log 2x, and x² might overflow. */
const LARGE = 1e8;
const logOfDouble = (x: Expr) => x.log().add(Math.LN2);

/**
 * The inverse of sinh.
 * @category Pointwise
 */
export const asinh: UnaryFunction = unary(
  "asinh",
  (x) =>
    odd(x, (magnitude) => {
      const root = magnitude.square().add(1).sqrt();
      const value = magnitude.add(magnitude.square().div(root.add(1))).log1p();
      return select(magnitude.gt(LARGE), logOfDouble(magnitude), value);
    }),
  (x) => select(x.abs().gt(LARGE), x.abs(), x.square().add(1).sqrt()).reciprocal(),
);
/**
 * The inverse of cosh, 0 or more; NaN below 1.
 * @category Pointwise
 */
export const acosh: UnaryFunction = unary(
  "acosh",
  (x) => {
    const above = x.sub(1);
    return select(x.gt(LARGE), logOfDouble(x), above.add(above.mul(x.add(1)).sqrt()).log1p());
  },
  (x) => select(x.gt(LARGE), x, x.sub(1).mul(x.add(1)).sqrt()).reciprocal(),
);
/**
 * The inverse of tanh; NaN outside of −1..1.
 * @category Pointwise
 */
export const atanh: UnaryFunction = unary(
  "atanh",
  (x) => odd(x, (magnitude) => magnitude.mul(2).div(constant(1).sub(magnitude)).log1p().mul(0.5)),
  (x) => oneMinusSquare(x).reciprocal(),
);
