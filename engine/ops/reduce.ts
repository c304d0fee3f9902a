/**
 * Sums, means and maxima over axes. A reduction evaluates an expression of its operands on the fly, so "multiply, then
 * sum" reads its operands once and stores only the sum.
 */

import { type Expr, input, reduced } from "../kernel/language/expr.ts";
import type { ReduceOp } from "../kernel/language/value.ts";
import type { Along, ColumnRecipe, RowRecipe } from "../kernel/language/recipes.ts";
import { defineOp } from "../op.ts";
import { broadcastStrides, collapseDimensions, formatShape, normalizeAxis, type Shape, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { PointwiseKernel } from "./pointwise_kernel.ts";

/** An expression reduced over axes, with its kernels by rank and operand layout. */
export class Reduction {
  readonly #rows = new Map<string, RowRecipe>();
  readonly #columns = new Map<string, ColumnRecipe>();

  constructor(readonly name: string, readonly op: ReduceOp, readonly value: Expr, readonly scalars = 0) {}

  row(rank: number, inputs: readonly Along[]): RowRecipe {
    const key = `${rank}:${inputs.join("")}`;
    let recipe = this.#rows.get(key);
    if (!recipe) {
      const { name, op, value, scalars } = this;
      const reductions = [{ name: "total", op, value }];
      recipe = {
        kind: "row",
        name,
        rank,
        inputs,
        scalars,
        reductions,
        outputs: [{ per: "row", value: reduced("total") }],
      };
      this.#rows.set(key, recipe);
    }
    return recipe;
  }

  column(inputs: readonly Along[]): ColumnRecipe {
    const key = inputs.join("");
    let recipe = this.#columns.get(key);
    if (!recipe) {
      const { name, op, value, scalars } = this;
      this.#columns.set(key, recipe = { kind: "column", name, inputs, scalars, op, value });
    }
    return recipe;
  }
}

/** Reductions of one tensor as it is. */
const plain: Record<ReduceOp, Reduction> = {
  sum: new Reduction("sum", "sum", input(0)),
  max: new Reduction("max", "max", input(0)),
  min: new Reduction("min", "min", input(0)),
};

/** Writes out operands that stretch: the gradient of a sum. */
const expand = new PointwiseKernel("expand", [{ per: "element", value: input(0) }]);

/** `x` stretched to `shape`, to which it broadcasts. Not recorded. */
export function expandTo(x: Tensor, shape: Shape): Tensor {
  const output = x.empty(shape);
  expand.launch(x.device, { shape, operands: [x], results: [output] });
  return output;
}

export interface ReduceShapes {
  /** Where the expression is evaluated; all operands broadcast to it. */
  readonly over: Shape;
  /** What it is reduced to; broadcasts to `over`. */
  readonly to: Shape;
  readonly scalars?: readonly number[];
}

/** Evaluates a reduction's expression and reduces it. Adjacent axes go in one launch, the last ones first. */
export function reduceTo(reduction: Reduction, operands: readonly Tensor[], shapes: ReduceShapes): Tensor {
  const output = operands[0].empty(shapes.to);
  reduceInto(output, reduction, operands, shapes);
  return output;
}

function reduceInto(output: Tensor, reduction: Reduction, operands: readonly Tensor[], shapes: ReduceShapes): void {
  const { over, to, scalars } = shapes;
  if (sizeOf(to) === 0) return;
  if (sizeOf(over) === 0) return void output.fill(reduction.op === "sum" ? 0 : NaN);
  // Beside the operands' strides goes the target's, which is 0 exactly where we reduce: it keeps reduced and kept
  // dimensions apart when neighbours merge.
  const merged = collapseDimensions(over, [to, ...operands.map((x) => x.shape)].map((s) => broadcastStrides(s, over)));
  const [target, ...strides] = merged.strides;
  let { dimensions } = merged;
  let axis = target.lastIndexOf(0);
  if (axis === -1 || dimensions[axis] === 1) {
    // Nothing to reduce: rows of one element.
    dimensions = [...dimensions, 1];
    strides.forEach((stride) => stride.push(0));
    axis = dimensions.length - 1;
  }
  const remaining = target.map((stride, at) => stride === 0 && at < axis && dimensions[at] !== 1);
  const rest = dimensions.map((dimension, at) => at === axis ? 1 : dimension);
  const partial = remaining.includes(true) ? output.empty(rest) : output;
  const call = { dimensions, axis, strides, operands, target: partial, scalars };
  if (axis === dimensions.length - 1) launchRows(reduction, call);
  else if (!launchColumns(reduction, call)) {
    const laidOut = output.empty(over);
    new PointwiseKernel(reduction.name, [{ per: "element", value: reduction.value }], reduction.scalars)
      .launch(output.device, { shape: over, operands, results: [laidOut], scalars });
    return reduceInto(output, plain[reduction.op], [laidOut], { over, to });
  }
  if (partial !== output) {
    const final = rest.map((dimension, at) => remaining[at] ? 1 : dimension);
    reduceInto(output, plain[reduction.op], [partial], { over: rest, to: final });
  }
}

interface ReduceCall {
  readonly dimensions: readonly number[];
  readonly axis: number;
  readonly strides: readonly (readonly number[])[];
  readonly operands: readonly Tensor[];
  readonly target: Tensor;
  readonly scalars?: readonly number[];
}

/** The reduced axis is the last: one row per result. */
function launchRows(reduction: Reduction, call: ReduceCall): void {
  const { axis } = call;
  const outer = axis === 0 ? [1] : call.dimensions.slice(0, axis);
  call.target.device.row({
    recipe: reduction.row(outer.length, call.strides.map((stride) => stride[axis] as Along)), // contiguous: 0 or 1
    inputs: call.operands.map((operand) => operand.buffer),
    outputs: [call.target.buffer],
    outer,
    columns: call.dimensions[axis],
    strides: call.strides.map((stride) => axis === 0 ? [0] : stride.slice(0, axis)),
    scalars: call.scalars,
  });
}

/** The reduced axis has others behind it. Says no where operands stretch in different ways on one side of the axis. */
function launchColumns(reduction: Reduction, call: ReduceCall): boolean {
  const { dimensions, strides, operands, target, axis } = call;
  const inner = merge(dimensions, strides, axis + 1, dimensions.length);
  const outer = merge(dimensions, strides, 0, axis);
  if (!inner || !outer) return false;
  target.device.column({
    recipe: reduction.column(inner.strides.map((stride) => stride as Along)), // contiguous: 0 or 1
    inputs: operands.map((operand) => operand.buffer),
    output: target.buffer,
    outer: outer.size,
    reduced: dimensions[axis],
    inner: inner.size,
    strides: strides.map((stride, i) => [outer.strides[i], stride[axis]] as const),
    scalars: call.scalars,
  });
  return true;
}

/** Dimensions begin … end-1 as one, if every operand walks them in one stride. */
function merge(dimensions: readonly number[], strides: readonly (readonly number[])[], begin: number, end: number) {
  const { dimensions: merged, strides: stride } = collapseDimensions(
    dimensions.slice(begin, end),
    strides.map((s) => s.slice(begin, end)),
  );
  return merged.length > 1 ? undefined : { size: merged[0], strides: stride.map(([s]) => s) };
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
  run: ({ inputs: [x], output }) => reduceInto(output, plain.sum, [x], { over: x.shape, to: output.shape }),
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
  return reduceTo(plain.max, [x], { over: x.shape, to: kept(x, over) }).reshape(dropped(x, over));
}
