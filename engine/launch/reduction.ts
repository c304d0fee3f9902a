/**
 * Reductions over any axes, by name. A reduction evaluates an expression of its operands on the fly, so "multiply, then sum"
 * reads its operands once and stores only the sum.
 *
 *     const dot = defineReduction({ name: "dot", op: "sum", inputs: ["x", "y"], value: ({ x, y }) => x.mul(y) });
 *     const perRow = dot.reduce({ over: [rows, columns], to: [rows, 1] }, { x, y });
 */

import { type Expr, input, reduced, scalar } from "../kernel/language/expr.ts";
import type { Along, ColumnRecipe, OperandNames, RowRecipe } from "../kernel/language/recipes.ts";
import type { ReduceOp } from "../kernel/language/value.ts";
import { memoize } from "../memoize.ts";
import { broadcastStrides, collapseDimensions, type Shape, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { requireBroadcast, requireSize, requireType } from "../operands.ts";
import { numbersByName, refuseDuplicates, refuseOthers, tensorsByName } from "./names.ts";
import { NumberedRows } from "./rows.ts";

/**
 * A reduction: the names of its operands, and what is reduced how.
 *
 * @category Own operations
 */
export interface ReductionDefinition<Input extends string, Scalar extends string> {
  /** Names the kernel, in messages and generated code. */
  readonly name: string;
  /** How two values join. */
  readonly op: ReduceOp;
  /** Operands, f32. */
  readonly inputs: readonly Input[];
  /** Numbers given at launch. */
  readonly scalars?: readonly Scalar[];
  /** What is reduced, per element. */
  readonly value: (operands: { readonly [Name in Input | Scalar]: Expr }) => Expr;
}

/**
 * From where to where a reduction goes.
 *
 * @category Own operations
 */
export interface ReduceShapes {
  /** Where the expression is evaluated; all operands broadcast to it. */
  readonly over: Shape;
  /** What it is reduced to; broadcasts to `over`. */
  readonly to: Shape;
}

/**
 * A reduction that can be launched.
 *
 * @category Own operations
 */
export interface Reduces<Input extends string, Scalar extends string> {
  /**
   * A new tensor with the reduced values.
   * @throws {OperandError} on a name that is missing, unknown or of no use
   * @throws {DTypeError} on integers
   * @throws {ShapeError} on a tensor that does not broadcast to `over`
   */
  reduce(shapes: ReduceShapes, call: { readonly [N in Input]: Tensor } & { readonly [N in Scalar]: number }): Tensor;
}

/**
 * Makes a reduction of its definition.
 * @throws {OperandError} where two names are the same
 * @category Own operations
 */
export function defineReduction<const Input extends string, const Scalar extends string = never>(
  definition: ReductionDefinition<Input, Scalar>,
): Reduces<Input, Scalar> {
  const { name, op, inputs, scalars = [], value } = definition;
  refuseDuplicates(name, [...inputs, ...scalars]);
  const names = Object.fromEntries([
    ...inputs.map((each, i) => [each, input(i)]),
    ...scalars.map((each, i) => [each, scalar(i)]),
  ]) as Parameters<typeof value>[0]; // exactly the names of inputs and scalars
  const reduction = new NumberedReduction(name, op, {
    value: value(names),
    scalars: scalars.length,
    names: { buffers: [...inputs, "total"], scalars },
  });
  return {
    reduce: (shapes, call) => {
      const operands = tensorsByName(name, inputs, call);
      refuseOthers(name, call, inputs, scalars);
      return reduction.reduce(shapes, operands, numbersByName(name, scalars, call));
    },
  };
}

/** A reduction whose operands have numbers instead of names, with its kernels by rank and layout. */
export class NumberedReduction {
  readonly #value: Expr;
  readonly #scalars: number;
  readonly #names: OperandNames | undefined;
  readonly #row = memoize((rank: number, ...inputs: Along[]): RowRecipe => ({
    kind: "row",
    name: this.name,
    rank,
    inputs,
    scalars: this.#scalars,
    reductions: [{ name: "total", op: this.op, value: this.#value }],
    outputs: [{ per: "row", value: reduced("total") }],
    names: this.#names,
  }));
  readonly #column = memoize((...inputs: Along[]): ColumnRecipe => ({
    kind: "column",
    name: this.name,
    inputs,
    scalars: this.#scalars,
    op: this.op,
    value: this.#value,
    names: this.#names,
  }));
  /** The expression alone, for operands that no column kernel can walk. */
  readonly #elements: NumberedRows;

  constructor(
    readonly name: string,
    readonly op: ReduceOp,
    { value, scalars = 0, names }: {
      readonly value: Expr;
      readonly scalars?: number;
      readonly names?: OperandNames;
    },
  ) {
    this.#names = names;
    this.#value = value;
    this.#scalars = scalars;
    this.#elements = new NumberedRows(name, [{ per: "element", value }], { scalars });
  }

  /** A new tensor with the reduced values. */
  reduce(shapes: ReduceShapes, operands: readonly Tensor[], scalars?: readonly number[]): Tensor {
    const output = operands[0].empty(shapes.to);
    this.reduceInto(output, shapes, { operands, scalars });
    return output;
  }

  /** Overwrites `output`, shaped `to`. Adjacent axes go in one launch, the last ones first. */
  reduceInto(
    output: Tensor,
    { over, to }: ReduceShapes,
    { operands, scalars }: { readonly operands: readonly Tensor[]; readonly scalars?: readonly number[] },
  ): void {
    operands.forEach((operand, i) => {
      const name = this.#names?.buffers[i] ?? `operand ${i}`;
      requireType(this.name, name, { operand, dtype: "f32" });
      requireBroadcast(this.name, name, { operand, to: over });
    });
    requireSize(this.name, "total", { operand: output, shape: to });
    if (sizeOf(to) === 0) return;
    if (sizeOf(over) === 0) return void output.fill(this.op === "sum" ? 0 : NaN);
    // Beside the operands' strides goes the target's, which is 0 exactly where we reduce: it keeps reduced and kept
    // dimensions apart when neighbours merge.
    const shapes = [to, ...operands.map(({ shape }) => shape)];
    const merged = collapseDimensions(over, shapes.map((shape) => broadcastStrides(shape, over)));
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
    if (axis === dimensions.length - 1) this.#launchRows(call);
    else if (!this.#launchColumns(call)) {
      const laidOut = output.empty(over);
      this.#elements.launch(over, { operands, results: [laidOut], scalars });
      return plain[this.op].reduceInto(output, { over, to }, { operands: [laidOut] });
    }
    if (partial !== output) {
      const final = rest.map((dimension, at) => remaining[at] ? 1 : dimension);
      plain[this.op].reduceInto(output, { over: rest, to: final }, { operands: [partial] });
    }
  }

  /** The reduced axis is the last: one row per result. */
  #launchRows({ axis, dimensions, strides, operands, target, scalars }: ReduceCall): void {
    const outer = axis === 0 ? [1] : dimensions.slice(0, axis);
    target.device.row({
      recipe: this.#row(outer.length, ...strides.map((stride) => stride[axis] as Along)), // contiguous: 0 or 1
      inputs: operands.map(({ buffer }) => buffer),
      outputs: [target.buffer],
      outer,
      columns: dimensions[axis],
      strides: strides.map((stride) => axis === 0 ? [0] : stride.slice(0, axis)),
      scalars,
    });
  }

  /** The reduced axis has others behind it. False where operands stretch in different ways on one side of the axis. */
  #launchColumns({ axis, dimensions, strides, operands, target, scalars }: ReduceCall): boolean {
    const inner = merge(dimensions, strides, axis + 1, dimensions.length);
    const outer = merge(dimensions, strides, 0, axis);
    if (!inner || !outer) return false;
    target.device.column({
      recipe: this.#column(...inner.strides.map((stride) => stride as Along)), // contiguous: 0 or 1
      inputs: operands.map(({ buffer }) => buffer),
      output: target.buffer,
      outer: outer.size,
      reduced: dimensions[axis],
      inner: inner.size,
      strides: strides.map((stride, i) => [outer.strides[i], stride[axis]] as const),
      scalars,
    });
    return true;
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

/** Reductions of one tensor as it is. */
export const plain: Readonly<Record<ReduceOp, NumberedReduction>> = {
  sum: new NumberedReduction("sum", "sum", { value: input(0) }),
  max: new NumberedReduction("max", "max", { value: input(0) }),
  min: new NumberedReduction("min", "min", { value: input(0) }),
};

/** Dimensions begin … end-1 as one, if every operand walks them in one stride. */
function merge(dimensions: readonly number[], strides: readonly (readonly number[])[], begin: number, end: number) {
  const { dimensions: merged, strides: stride } = collapseDimensions(
    dimensions.slice(begin, end),
    strides.map((s) => s.slice(begin, end)),
  );
  return merged.length > 1 ? undefined : { size: merged[0], strides: stride.map(([s]) => s) };
}
