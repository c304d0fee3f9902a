/** Sums, means and maxima over axes. */

import { select } from "../kernel/language/expr.ts";
import { defineReduction, plain } from "../launch/reduction.ts";
import { defineRows } from "../launch/rows.ts";
import { defineOp } from "../op.ts";
import { formatShape, normalizeAxis, type Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** Writes out an operand that stretches: the gradient of a sum. */
const expand = defineRows({ name: "expand", inputs: ["x"], define: ({ x }) => ({ y: x }) });

/** `x` stretched to `shape`, to which it broadcasts. Not recorded. */
export function expandTo(x: Tensor, shape: Shape): Tensor {
  const y = x.empty(shape);
  expand.launch(shape, { x, y });
  return y;
}

function axesOf(name: string, x: Tensor, axes: number | readonly number[] | undefined): Set<number> {
  const list = axes === undefined ? x.shape.map((_, axis) => axis) : typeof axes === "number" ? [axes] : axes;
  return new Set(list.map((axis) => normalizeAxis(name, axis, x.rank)));
}

const kept = (x: Tensor, axes: ReadonlySet<number>) => x.shape.map((dimension, axis) => axes.has(axis) ? 1 : dimension);
const dropped = (x: Tensor, axes: ReadonlySet<number>) => x.shape.filter((_, axis) => !axes.has(axis));

const sumOp = defineOp<readonly [Tensor], ReadonlySet<number>>({
  name: "sum",
  output: ([x], axes) => ({ shape: kept(x, axes) }),
  run: ({ inputs: [x], output }) =>
    plain.sum.reduceInto(output, { over: x.shape, to: output.shape }, { operands: [x] }),
  gradient: ({ gradOutput, shapes: [shape] }) => [expandTo(gradOutput, shape)],
});

/** Sums over axes (default: all); they disappear unless `keepDims` leaves them as 1. */
export function sum(x: Tensor, axes?: number | readonly number[], options: { keepDims?: boolean } = {}): Tensor {
  const over = axesOf("sum", x, axes);
  const total = sumOp([x], over);
  return options.keepDims ? total : total.reshape(dropped(x, over));
}

/** Means over axes (default: all); they disappear unless `keepDims` leaves them as 1. */
export function mean(x: Tensor, axes?: number | readonly number[], options: { keepDims?: boolean } = {}): Tensor {
  const count = [...axesOf("mean", x, axes)].reduce((product, axis) => product * x.shape[axis], 1);
  return sum(x, axes, options).mul(1 / count);
}

/** How many elements are the largest: those that are not less. */
const countLargest = defineReduction({
  name: "count_largest",
  op: "sum",
  inputs: ["x", "largest"],
  value: ({ x, largest }) => select(largest.le(x), 1, 0),
});
/** Equal ones share the gradient. */
const maxGradient = defineRows({
  name: "max_gradient",
  inputs: ["x", "largest", "count", "dy"],
  define: ({ x, largest, count, dy }) => ({ dx: select(largest.le(x), dy.div(count), 0) }),
});

const maxOp = defineOp<readonly [Tensor], ReadonlySet<number>, { x: Tensor; largest: Tensor }>({
  name: "max",
  output: ([x], axes) => ({ shape: kept(x, axes) }),
  run: ({ inputs: [x], output }) =>
    plain.max.reduceInto(output, { over: x.shape, to: output.shape }, { operands: [x] }),
  save: ({ inputs: [x], output }) => ({ x, largest: output }),
  gradient: ({ gradOutput, saved: { x, largest } }) => {
    const count = countLargest.reduce({ over: x.shape, to: largest.shape }, { x, largest });
    const dx = x.empty(x.shape);
    maxGradient.launch(x.shape, { x, largest, count, dy: gradOutput, dx });
    return [dx];
  },
});

/** The largest element along an axis, which disappears. Equal ones share the gradient. */
export function max(x: Tensor, axis: number): Tensor {
  const over = new Set([normalizeAxis("max", axis, x.rank)]);
  if (x.shape[[...over][0]] === 0) {
    throw new RangeError(`max: expected a non-empty axis but found ${formatShape(x.shape)}`);
  }
  return maxOp([x], over).reshape(dropped(x, over));
}
