/**
 * Pointwise ops from expressions. `pointwise("sigmoid", (x) => x.sigmoid())` is a complete op: it broadcasts, runs as
 * one kernel, and its gradient is derived by the chain rule and runs as one kernel too.
 */

import { derivatives, isPlainInput } from "../kernel/language/derivative.ts";
import { type Expr, input, inputsOf, scalar, substitute } from "../kernel/language/expr.ts";
import type { RowOutput } from "../kernel/language/recipes.ts";
import { NumberedReduction } from "../launch/reduction.ts";
import { NumberedRows } from "../launch/rows.ts";
import { memoize } from "../memoize.ts";
import { defineOp } from "../op.ts";
import { broadcastShapes, sameShape, type Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** How many tensors and numbers a pointwise op takes. */
export interface PointwiseArity {
  readonly tensors: number;
  /** Numbers read as `scalar(i)`: a new value compiles nothing. */
  readonly scalars?: number;
}

/**
 * Defines an op that computes each element from the operands' elements at the same place. `define` gets the operands'
 * expressions, then the scalars'.
 */
export function pointwise(
  name: string,
  arity: PointwiseArity,
  define: (...arguments_: Expr[]) => Expr,
): (operands: readonly Tensor[], scalars?: readonly number[]) => Tensor {
  const scalarCount = arity.scalars ?? 0;
  const value = define(
    ...Array.from({ length: arity.tensors }, (_, i) => input(i)),
    ...Array.from({ length: scalarCount }, (_, i) => scalar(i)),
  );
  const forward = new NumberedRows(name, [{ per: "element", value }], { scalars: scalarCount });
  const gradient = new PointwiseGradient(name, value, arity);
  const op = defineOp<readonly Tensor[], readonly number[], Record<string, Tensor>>({
    name,
    output: (operands) => ({ shape: broadcastShapes(name, operands.map((operand) => operand.shape)) }),
    run: ({ inputs, output, options }) =>
      forward.launch(output.shape, { operands: inputs, results: [output], scalars: options }),
    save: ({ inputs, needs }) => {
      const read = gradient.reads(needs);
      return Object.fromEntries(inputs.map((operand, i) => [`x${i}`, operand]).filter((_, i) => read.has(i)));
    },
    gradient: ({ gradOutput, saved, needs, shapes, options }) =>
      gradient.run({ gradOutput, operands: shapes.map((_, i) => saved[`x${i}`]), needs, shapes, scalars: options }),
  });
  return (operands, scalars = []) => op(operands, scalars);
}

/** The derived gradients of one pointwise op: kernels by which inputs need one and which of them were stretched. */
class PointwiseGradient {
  /** d value / d input(i), times the incoming gradient, which is the input after the operands. */
  readonly #derivatives: readonly Expr[];
  /** One kernel for all gradients that have the output's shape. */
  readonly #kernel = memoize((...wanted: readonly number[]) => {
    const { used, exprs } = compact(wanted.map((i) => this.#derivatives[i]));
    const outputs = exprs.map((value): RowOutput => ({ per: "element", value }));
    return { kernel: new NumberedRows(`${this.name}_gradient`, outputs, this.arity), used };
  });
  /** The gradient of a stretched operand: computed and summed over what it stretched along, in one go. */
  readonly #reduction = memoize((i: number) => {
    const { used, exprs: [value] } = compact([this.#derivatives[i]]);
    const { scalars } = this.arity;
    return { reduction: new NumberedReduction(`${this.name}_gradient_sum`, "sum", { value, scalars }), used };
  });

  constructor(readonly name: string, value: Expr, readonly arity: PointwiseArity) {
    const all = Array.from({ length: arity.tensors }, (_, i) => i);
    this.#derivatives = derivatives(value, all, input(arity.tensors));
  }

  /** The operands that the needed gradients read. */
  reads(needs: readonly boolean[]): Set<number> {
    const read = new Set<number>();
    this.#derivatives.forEach((derivative, i) => needs[i] && inputsOf(derivative, read));
    read.delete(this.arity.tensors);
    return read;
  }

  run(call: {
    readonly gradOutput: Tensor;
    readonly operands: readonly (Tensor | undefined)[];
    readonly needs: readonly boolean[];
    readonly shapes: readonly Shape[];
    readonly scalars: readonly number[];
  }): (Tensor | undefined)[] {
    const { gradOutput } = call;
    const operands = [...call.operands, gradOutput];
    const result = call.shapes.map((): Tensor | undefined => undefined);
    const together: number[] = [];
    call.shapes.forEach((shape, i) => {
      if (!call.needs[i]) return;
      if (!sameShape(shape, gradOutput.shape)) result[i] = this.#reduce(i, operands, shape, call.scalars);
      else if (isPlainInput(this.#derivatives[i], this.arity.tensors)) result[i] = gradOutput;
      else together.push(i);
    });
    if (together.length > 0) {
      const { kernel, used } = this.#kernel(...together);
      for (const i of together) result[i] = gradOutput.empty(gradOutput.shape);
      kernel.launch(gradOutput.shape, {
        operands: used.map((i) => operands[i]!), // `reads` made sure that they were saved
        results: together.map((i) => result[i]!),
        scalars: call.scalars,
      });
    }
    return result;
  }

  #reduce(i: number, operands: readonly (Tensor | undefined)[], shape: Shape, scalars: readonly number[]): Tensor {
    const { reduction, used } = this.#reduction(i);
    const read = used.map((at) => operands[at]!); // `reads` made sure that they were saved
    return reduction.reduce({ over: operands[operands.length - 1]!.shape, to: shape }, read, scalars);
  }
}

/** Renumbers inputs so that only those which are read remain. */
function compact(exprs: readonly Expr[]): { used: number[]; exprs: Expr[] } {
  const read = new Set<number>();
  exprs.forEach((expr) => inputsOf(expr, read));
  const used = [...read].sort((a, b) => a - b);
  const done = new Map<Expr, Expr>();
  return { used, exprs: exprs.map((expr) => substitute(expr, (i) => input(used.indexOf(i)), done)) };
}
