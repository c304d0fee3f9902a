/** Whole numbers and remainders. Where a function is made of steps, its gradient is zero. */

import { constant, type Expr, select } from "../kernel/language/expr.ts";
import { binary, type BinaryFunction, unary, type UnaryFunction } from "./elementwise.ts";

/**
 * −1, 0 or 1; NaN stays. No gradient flows.
 * @category Pointwise
 */
export const sign: UnaryFunction = unary(
  "sign",
  (x) => select(x.gt(0), 1, select(x.lt(0), -1, x)),
  () => constant(0),
);

/**
 * The smallest whole number that is not below x; no gradient flows.
 * @category Pointwise
 */
export const ceil: UnaryFunction = unary("ceil", (x) => x.neg().floor().neg());

/**
 * The whole number nearest to x, the even one of two; no gradient flows.
 * @category Pointwise
 */
export const round: UnaryFunction = unary("round", (x) => {
  const below = x.floor();
  const rest = x.sub(below);
  const isEven = below.mul(0.5).floor().mul(2).ge(below);
  const nearest = select(rest.lt(0.5), below, select(rest.gt(0.5), below.add(1), select(isEven, below, below.add(1))));
  return select(x.abs().lt(2 ** 23), nearest, x); // larger floats are whole already
}, () => constant(0));

/** x − y ⌊x / y⌋, brought into 0..y where rounding has led out of it. */
function remainderOf(x: Expr, y: Expr): Expr {
  const quotient = x.div(y).floor();
  // Nothing of an infinite y, which would make NaN of 0.
  const taken = select(quotient.abs().gt(0), y.mul(quotient), 0);
  const direction = select(y.lt(0), constant(-1), 1);
  const rest = x.sub(taken).mul(direction);
  const divisor = y.abs();
  return select(rest.lt(0), rest.add(divisor), select(rest.ge(divisor), rest.sub(divisor), rest)).mul(direction);
}

/**
 * The remainder x − y ⌊x / y⌋, which has the sign of y, as `%` in Python; operands broadcast. Accurate where x / y is far
 * below 2²⁴.
 *
 * @category Pointwise
 */
export const mod: BinaryFunction = binary("mod", remainderOf, (x, y) => [constant(1), x.div(y).floor().neg()]);
