/**
 * Pointwise ops from expressions. `pointwise("sigmoid", (x) => x.sigmoid())` is a complete op: it broadcasts, runs as
 * one kernel, and its gradient is derived by the chain rule and runs as one kernel too.
 */

import { derivatives, isPlainInput } from "../kernel/language/derivative.ts";
import { type Expr, input, inputsOf, scalar, substitute } from "../kernel/language/expr.ts";
import type { RowOutput } from "../kernel/language/recipes.ts";
import { defineOp } from "../op.ts";
import { broadcastShapes, sameShape, type Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { PointwiseKernel } from "./pointwise_kernel.ts";
import { reduceTo, Reduction } from "./reduce.ts";

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
  const forward = new PointwiseKernel(name, [{ per: "element", value }], scalarCount);
  const gradient = new PointwiseGradient(name, value, arity);
  const op = defineOp<readonly Tensor[], readonly number[], Record<string, Tensor>>({
    name,
    output: (operands) => ({ shape: broadcastShapes(name, operands.map((operand) => operand.shape)) }),
    run: ({ inputs, output, options, device }) =>
      forward.launch(device, { shape: output.shape, operands: inputs, results: [output], scalars: options }),
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
  readonly #kernels = new Map<string, { readonly kernel: PointwiseKernel; readonly used: readonly number[] }>();
  readonly #reductions = new Map<number, { readonly reduction: Reduction; readonly used: readonly number[] }>();

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
      const { kernel, used } = this.#kernel(together);
      for (const i of together) result[i] = gradOutput.empty(gradOutput.shape);
      kernel.launch(gradOutput.device, {
        shape: gradOutput.shape,
        operands: used.map((i) => operands[i]!), // `reads` made sure that they were saved
        results: together.map((i) => result[i]!),
        scalars: call.scalars,
      });
    }
    return result;
  }

  /** One kernel for all gradients that have the output's shape. */
  #kernel(wanted: readonly number[]) {
    const key = wanted.join();
    let found = this.#kernels.get(key);
    if (!found) {
      const { used, exprs } = compact(wanted.map((i) => this.#derivatives[i]));
      const outputs = exprs.map((value): RowOutput => ({ per: "element", value }));
      found = { kernel: new PointwiseKernel(`${this.name}_gradient`, outputs, this.arity.scalars), used };
      this.#kernels.set(key, found);
    }
    return found;
  }

  /** The gradient of a stretched operand: computed and summed over what it stretched along, in one go. */
  #reduce(i: number, operands: readonly (Tensor | undefined)[], shape: Shape, scalars: readonly number[]): Tensor {
    let found = this.#reductions.get(i);
    if (!found) {
      const { used, exprs } = compact([this.#derivatives[i]]);
      found = { reduction: new Reduction(`${this.name}_gradient_sum`, "sum", exprs[0], this.arity.scalars), used };
      this.#reductions.set(i, found);
    }
    const read = found.used.map((at) => operands[at]!); // `reads` made sure that they were saved
    return reduceTo(found.reduction, read, { over: operands[operands.length - 1]!.shape, to: shape, scalars });
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
