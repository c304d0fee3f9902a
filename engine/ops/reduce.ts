/** Sums, means, products and extrema over axes; see also `statistics.ts`. */

import { ShapeError } from "../errors.ts";
import { type Expr, select } from "../kernel/language/expr.ts";
import { defineReduction, plain } from "../launch/reduction.ts";
import { defineRows } from "../launch/rows.ts";
import { defineOp } from "../op.ts";
import { formatShape, normalizeAxis, type Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { linesOf } from "./lines.ts";
import { productAlong } from "./scan.ts";

/** Writes out an operand that stretches: the gradient of a sum. */
export const expand = defineRows({ name: "expand", inputs: ["x"], define: ({ x }) => ({ y: x }) });

/** `x` stretched to `shape`, to which it broadcasts. Not recorded. */
function expandTo(x: Tensor, shape: Shape): Tensor {
  const y = x.empty(shape);
  expand.launch(shape, { x, y });
  return y;
}

/** The axes of a reduction, each in 0..rank-1. */
export function axesOf(name: string, x: Tensor, axes: Axes | undefined): Set<number> {
  const list = axes === undefined ? x.shape.map((_, axis) => axis) : typeof axes === "number" ? [axes] : axes;
  return new Set(list.map((axis) => normalizeAxis(name, axis, x.rank)));
}

/** How many elements go into one result of a reduction. */
export const countOver = (name: string, x: Tensor, axes: Axes | undefined): number =>
  [...axesOf(name, x, axes)].reduce((product, axis) => product * x.shape[axis], 1);

/** The shape that a reduction leaves with `keepDims`. */
export const kept = (x: Tensor, axes: ReadonlySet<number>): Shape =>
  x.shape.map((dimension, axis) => axes.has(axis) ? 1 : dimension);
/** The shape that it leaves without. */
export const dropped = (x: Tensor, axes: ReadonlySet<number>): Shape => x.shape.filter((_, axis) => !axes.has(axis));

const sumOp = defineOp<readonly [Tensor], ReadonlySet<number>>({
  name: "sum",
  output: ([x], axes) => ({ shape: kept(x, axes) }),
  run: ({ inputs: [x], output }) =>
    plain.sum.reduceInto(output, { over: x.shape, to: output.shape }, { operands: [x] }),
  gradient: ({ gradOutput, shapes: [shape] }) => [expandTo(gradOutput, shape)],
});

/**
 * One axis, or several; negative ones count from the last.
 *
 * @category Reductions
 */
export type Axes = number | readonly number[];

/**
 * What becomes of the axes of a reduction.
 *
 * @category Reductions
 */
export interface ReduceOptions {
  /** Whether they stay, with size 1. Default: they disappear. */
  readonly keepDims?: boolean;
}

/**
 * Sums over axes (default: all); they disappear unless `keepDims` leaves them as 1.
 *
 * @category Reductions
 */
export function sum(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  const over = axesOf("sum", x, axes);
  const total = sumOp([x], over);
  return options.keepDims ? total : total.reshape(dropped(x, over));
}

/**
 * Means over axes (default: all); they disappear unless `keepDims` leaves them as 1.
 *
 * @category Reductions
 */
export function mean(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  const count = countOver("mean", x, axes);
  return sum(x, axes, options).mul(1 / count);
}

/** The ops `max` and `min` on a set of axes, which stay with size 1. Equal elements share the gradient. */
function extremumOp(op: "max" | "min", names: { readonly count: string; readonly gradient: string }) {
  /** Whether x is the extremum, and not beyond it, which only NaN is. */
  const isExtremum = (x: Expr, extremum: Expr) => op === "max" ? extremum.le(x) : x.le(extremum);
  const countEqual = defineReduction({
    name: names.count,
    op: "sum",
    inputs: ["x", "extremum"],
    value: ({ x, extremum }) => select(isExtremum(x, extremum), 1, 0),
  });
  const share = defineRows({
    name: names.gradient,
    inputs: ["x", "extremum", "count", "dy"],
    define: ({ x, extremum, count, dy }) => ({ dx: select(isExtremum(x, extremum), dy.div(count), 0) }),
  });
  return defineOp<readonly [Tensor], ReadonlySet<number>, { x: Tensor; extremum: Tensor }>({
    name: op,
    output: ([x], axes) => ({ shape: kept(x, axes) }),
    run: ({ inputs: [x], output }) =>
      plain[op].reduceInto(output, { over: x.shape, to: output.shape }, { operands: [x] }),
    save: ({ inputs: [x], output }) => ({ x, extremum: output }),
    gradient: ({ gradOutput, saved: { x, extremum } }) => {
      const count = countEqual.reduce({ over: x.shape, to: extremum.shape }, { x, extremum });
      const dx = x.empty(x.shape);
      share.launch(x.shape, { x, extremum, count, dy: gradOutput, dx });
      return [dx];
    },
  });
}

const maxOp = extremumOp("max", { count: "count_largest", gradient: "max_gradient" });
const minOp = extremumOp("min", { count: "count_smallest", gradient: "min_gradient" });

function extremum(
  op: "max" | "min",
  x: Tensor,
  { axes, keepDims }: ReduceOptions & { readonly axes?: Axes },
): Tensor {
  const over = axesOf(op, x, axes);
  if ([...over].some((axis) => x.shape[axis] === 0)) {
    throw new ShapeError(`${op}: expected a non-empty axis but found ${formatShape(x.shape)}`);
  }
  const result = (op === "max" ? maxOp : minOp)([x], over);
  return keepDims ? result : result.reshape(dropped(x, over));
}

/**
 * The largest element over axes (default: all), which disappear unless `keepDims` leaves them as 1. Equal ones share the
 * gradient. NaN is larger than everything.
 *
 * @throws {RangeError} where one of the axes is empty
 * @category Reductions
 */
export const max = (x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor =>
  extremum("max", x, { axes, ...options });

/**
 * The smallest element over axes; otherwise as `max`. NaN is smaller than everything, too.
 *
 * @throws {RangeError} where one of the axes is empty
 * @category Reductions
 */
export const min = (x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor =>
  extremum("min", x, { axes, ...options });

/**
 * The product over axes (default: all); they disappear unless `keepDims` leaves them as 1. 1 where there is nothing to
 * multiply. The gradient is right also where elements are 0.
 *
 * @category Reductions
 */
export function prod(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  const over = axesOf("prod", x, axes);
  const all = over.size === x.rank && x.rank > 1 ? x.reshape([x.size]) : undefined;
  const result = all
    ? productAlong([all], linesOf("prod", all.shape, 0))
    : [...over].reduce((product, axis) => productAlong([product], linesOf("prod", product.shape, axis)), x);
  return result.reshape(options.keepDims ? kept(x, over) : dropped(x, over));
}
