/**
 * Kernels over rows, by name: every operand broadcasts to one shape, whose last axis are the columns of a row. A kernel may
 * reduce along its row and store values per element or per row; without either it is a pointwise kernel, for which
 * neighbouring axes are merged wherever all operands allow it.
 *
 *     const softmax = defineRows({
 *       name: "softmax",
 *       inputs: ["x"],
 *       define: ({ x }, { max, sumKeeping }) => {
 *         const { total, kept } = sumKeeping("y", x.sub(max(x)).exp());
 *         return { y: kept.div(total) };
 *       },
 *     });
 *     softmax.launch(x.shape, { x, y });
 *
 * An output with an input's name is written over that input.
 */

import { type Expr, input, kept, reduced, scalar } from "../kernel/language/expr.ts";
import type { Along, OperandNames, RowOutput, RowRecipe, RowReduction } from "../kernel/language/recipes.ts";
import type { ReduceOp } from "../kernel/language/value.ts";
import { memoize } from "../memoize.ts";
import { broadcastStrides, collapseDimensions, type Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { OperandError } from "../errors.ts";
import { requireBroadcast, requireSize, requireType } from "../operands.ts";
import { numbersByName, refuseDuplicates, refuseOthers, tensorsByName } from "./names.ts";

/**
 * Reductions along the row, for the `define` of a kernel. Each gives one number per row.
 *
 * @category Own operations
 */
export interface RowReductions {
  /** The sum over the columns. */
  sum(value: Expr): Expr;
  /** The largest over the columns; NaN where there is one. */
  max(value: Expr): Expr;
  /**
   * The sum, which leaves every value in the kernel's first output, of the given name: `kept` reads it there, so what is
   * expensive is computed once. What the output is written over must not be read any more.
   */
  sumKeeping(output: string, value: Expr): { readonly total: Expr; readonly kept: Expr };
}

/**
 * What a kernel over rows is.
 *
 * @category Own operations
 */
export interface RowsDefinition<Input extends string, Scalar extends string, Output extends string> {
  /** Names the kernel, in messages and generated code. */
  readonly name: string;
  /** Operands that are read, f32. */
  readonly inputs: readonly Input[];
  /** Numbers given at launch: a new value compiles nothing. */
  readonly scalars?: readonly Scalar[];
  /** Outputs with one number per row. Their values may use no operand that changes along the row. */
  readonly perRow?: readonly string[];
  /** What is stored, by the names of the outputs. Reductions go through `row`, in the order of their use. */
  readonly define: (
    operands: { readonly [Name in Input | Scalar]: Expr },
    row: RowReductions,
  ) => { readonly [Name in Output]: Expr };
}

/**
 * A kernel over rows that can be launched.
 *
 * @category Own operations
 */
export interface Rows<Operand extends string, Scalar extends string> {
  /**
   * Runs the kernel over a shape to which all inputs broadcast. Outputs have this shape, those per row one element for each
   * row.
   * @throws {OperandError} on a name that is missing, unknown or of no use
   * @throws {DTypeError} on integers
   * @throws {ShapeError} on a tensor that does not broadcast to the shape, or a result that does not fill it
   */
  launch(shape: Shape, call: { readonly [N in Operand]: Tensor } & { readonly [N in Scalar]: number }): void;
}

/**
 * Makes a kernel of its definition.
 * @throws {OperandError} where two names are the same
 * @category Own operations
 */
export function defineRows<
  const Input extends string,
  const Scalar extends string = never,
  Output extends string = never,
>(
  definition: RowsDefinition<Input, Scalar, Output>,
): Rows<Input | Output, Scalar> {
  const { name, inputs, scalars = [], perRow = [], define } = definition;
  refuseDuplicates(name, [...inputs, ...scalars]);
  const names = Object.fromEntries([
    ...inputs.map((each, i) => [each, input(i)]),
    ...scalars.map((each, i) => [each, scalar(i)]),
  ]) as Parameters<typeof define>[0]; // exactly the names of inputs and scalars
  const row = new ReductionList();
  const values: [string, Expr][] = Object.entries(define(names, row));
  if (row.keepsIn !== undefined && row.keepsIn !== values[0][0]) {
    throw new OperandError(`${name}: expected values to be kept in the first output but found "${row.keepsIn}"`);
  }
  const unknown = perRow.find((each) => !values.some(([output]) => output === each));
  if (unknown !== undefined) throw new OperandError(`${name}: expected outputs in perRow but found "${unknown}"`);
  const isInput = (output: string) => (inputs as readonly string[]).includes(output);
  const outputs = values.map(([output, value]): RowOutput => ({
    per: perRow.includes(output) ? "row" : "element",
    value,
    into: isInput(output) ? (inputs as readonly string[]).indexOf(output) : undefined,
  }));
  const results = values.map(([output]) => output).filter((output) => !isInput(output));
  const buffers = [...inputs, ...results];
  const kernel = new NumberedRows(name, outputs, {
    reductions: row.list,
    scalars: scalars.length,
    names: { buffers, scalars },
  });
  return {
    launch: (shape, call) => {
      const tensors = tensorsByName(name, buffers, call);
      const numbers = numbersByName(name, scalars, call);
      refuseOthers(name, call, inputs, results, scalars);
      const operands = tensors.slice(0, inputs.length);
      kernel.launch(shape, { operands, results: tensors.slice(inputs.length), scalars: numbers });
    },
  };
}

/** Notes what a definition reduces, in order. */
class ReductionList implements RowReductions {
  readonly list: RowReduction[] = [];
  keepsIn: string | undefined;

  readonly sum = (value: Expr): Expr => this.#reduce("sum", value);
  readonly max = (value: Expr): Expr => this.#reduce("max", value);
  readonly sumKeeping = (output: string, value: Expr) => {
    this.keepsIn = output;
    return { total: this.#reduce("sum", value, 0), kept: kept(0) };
  };

  #reduce(op: ReduceOp, value: Expr, keep?: number): Expr {
    const name = `${op}${this.list.length}`;
    this.list.push({ name, op, value, keep });
    return reduced(name);
  }
}

/**
 * A kernel over rows whose operands have numbers instead of names: what `defineRows` makes, and what derived gradients,
 * which nobody writes by hand, use directly.
 */
export class NumberedRows {
  readonly #reductions: readonly RowReduction[];
  readonly #scalars: number;
  readonly #names: OperandNames | undefined;
  /** By the number of dimensions that a row number splits into, and how each operand moves along the row. */
  readonly #recipe = memoize((rank: number, ...inputs: Along[]): RowRecipe => ({
    kind: "row",
    name: this.name,
    rank,
    inputs,
    scalars: this.#scalars,
    reductions: this.#reductions,
    outputs: this.outputs,
    names: this.#names,
  }));

  constructor(
    readonly name: string,
    readonly outputs: readonly RowOutput[],
    options: {
      readonly reductions?: readonly RowReduction[];
      readonly scalars?: number;
      readonly names?: OperandNames;
    } = {},
  ) {
    this.#names = options.names;
    this.#reductions = options.reductions ?? [];
    this.#scalars = options.scalars ?? 0;
  }

  /** Runs it: `results` has a tensor for each output that is not written over an operand. */
  launch(
    shape: Shape,
    call: {
      readonly operands: readonly Tensor[];
      readonly results: readonly Tensor[];
      readonly scalars?: readonly number[];
    },
  ): void {
    const { operands, results, scalars } = call;
    this.#check(shape, operands, results);
    if (shape.includes(0)) return;
    const strides = operands.map((operand) => broadcastStrides(operand.shape, shape));
    const { outer, columns, outerStrides, along } = this.#layOut(shape, strides);
    (operands[0] ?? results[0]).device.row({
      recipe: this.#recipe(outer.length, ...along),
      inputs: operands.map(({ buffer }) => buffer),
      outputs: results.map(({ buffer }) => buffer),
      outer,
      columns,
      strides: outerStrides,
      scalars,
    });
  }

  /** Operands broadcast to the shape, results fill it. */
  #check(shape: Shape, operands: readonly Tensor[], results: readonly Tensor[]): void {
    const nameOf = (i: number) => this.#names?.buffers[i] ?? `operand ${i}`;
    operands.forEach((operand, i) => {
      requireType(this.name, nameOf(i), { operand, dtype: "f32" });
      requireBroadcast(this.name, nameOf(i), { operand, to: shape });
    });
    let result = 0;
    for (const { per, into } of this.outputs) {
      const i = into ?? operands.length + result;
      const operand = into === undefined ? results[result++] : operands[into];
      requireType(this.name, nameOf(i), { operand, dtype: "f32" });
      requireSize(this.name, nameOf(i), { operand, shape: per === "row" ? shape.slice(0, -1) : shape });
    }
  }

  /** Rows and columns with as few dimensions as the operands allow. Where rows mean nothing, columns merge too. */
  #layOut(shape: Shape, strides: readonly number[][]) {
    const hasRows = this.#reductions.length > 0 || this.outputs.some(({ per }) => per === "row");
    const last = shape.length - 1;
    const merged = hasRows
      ? collapseDimensions(shape.slice(0, last), strides.map((stride) => stride.slice(0, last)))
      : collapseDimensions(shape, strides);
    if (hasRows) {
      const along = strides.map((stride) => stride[last] as Along); // operands are contiguous: 1, or 0 where they stretch
      return { outer: merged.dimensions, columns: shape[last], outerStrides: merged.strides, along };
    }
    const inner = merged.dimensions.length - 1;
    const single = inner === 0;
    return {
      outer: single ? [1] : merged.dimensions.slice(0, inner),
      columns: merged.dimensions[inner],
      outerStrides: merged.strides.map((stride) => single ? [0] : stride.slice(0, inner)),
      along: merged.strides.map((stride) => stride[inner] as Along), // as above
    };
  }
}
