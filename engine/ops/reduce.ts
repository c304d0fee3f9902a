/** Sums, means and maxima over axes. */

import { plain } from "../launch/reduction.ts";
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

/** The largest element along an axis, which disappears. Has no gradient: it serves selection. */
export function max(x: Tensor, axis: number): Tensor {
  const over = new Set([normalizeAxis("max", axis, x.rank)]);
  if (x.shape[[...over][0]] === 0) {
    throw new RangeError(`max: expected a non-empty axis but found ${formatShape(x.shape)}`);
  }
  return plain.max.reduce({ over: x.shape, to: kept(x, over) }, [x]).reshape(dropped(x, over));
}
