/**
 * Pointwise ops from expressions. `pointwise("sigmoid", (x) => x.sigmoid())` is a complete op: it broadcasts, runs as
 * one kernel, and its gradient is derived by the chain rule and runs as one kernel too.
 */

import { requireCount } from "../counted.ts";
import { derivatives, isPlainInput } from "../kernel/language/derivative.ts";
import { type Expr, input, inputsOf, scalar, substitute } from "../kernel/language/expr.ts";
import type { RowOutput } from "../kernel/language/recipes.ts";
import { NumberedReduction } from "../launch/reduction.ts";
import { NumberedRows } from "../launch/rows.ts";
import { memoize } from "../memoize.ts";
import { defineOp, type OpCall } from "../op.ts";
import { broadcastShapes, sameShape, type Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/**
 * What a pointwise op takes, and its derivatives where those of the chain rule will not do.
 *
 * @category Own operations
 */
export interface PointwiseOptions {
  /** How many tensors. They broadcast. */
  readonly tensors: number;
  /** How many numbers. A new value compiles nothing. Default 0. */
  readonly scalars?: number;
  /**
   * The derivative by each tensor, from the same expressions as the value: for functions whose formula is not smooth
   * where they are, or divides by zero in a branch that is not taken. "none": results are constants for `backward`.
   * Default: derived from the value.
   */
  readonly slopes?: "none" | ((...operands: Expr[]) => readonly Expr[]);
}

/**
 * Runs a pointwise op: its tensors, then its numbers.
 *
 * @category Own operations
 */
export type PointwiseFunction = (operands: readonly Tensor[], scalars?: readonly number[]) => Tensor;

/**
 * Defines an op that computes each element from the operands' elements at the same place, with its gradient. `define` gets
 * the tensors' expressions, then the numbers', and is called once.
 *
 * ```ts
 * import { createCpuDevice, pointwise, tensor } from "@dinograd/dinograd/engine";
 *
 * const mish = pointwise("mish", { tensors: 1 }, (x) => x.mul(x.exp().log1p().mul(2).sigmoid().mul(2).sub(1)));
 * const device = await createCpuDevice();
 * const x = tensor(device, [-1, 0, 1]);
 * x.requiresGrad = true;
 * mish([x]).sum().backward();
 * console.log(Array.from(await x.grad!.data(), (slope) => slope.toFixed(2))); // [ "0.06", "0.60", "1.05" ]
 * await device.destroy();
 * ```
 *
 * @category Own operations
 */
export function pointwise(
  name: string,
  options: PointwiseOptions,
  define: (...operands: Expr[]) => Expr,
): PointwiseFunction {
  const { tensors, scalars: scalarCount = 0, slopes } = options;
  const expressions = [
    ...Array.from({ length: tensors }, (_, i) => input(i)),
    ...Array.from({ length: scalarCount }, (_, i) => scalar(i)),
  ];
  const value = define(...expressions);
  const forward = new NumberedRows(name, [{ per: "element", value }], { scalars: scalarCount });
  const output = (operands: readonly Tensor[]) => ({
    shape: broadcastShapes(name, operands.map((operand) => operand.shape)),
  });
  const run = ({ inputs, output, options: scalars }: OpCall<readonly Tensor[], readonly number[]>) =>
    forward.launch(output.shape, { operands: inputs, results: [output], scalars });
  const checked =
    (op: (operands: readonly Tensor[], scalars: readonly number[]) => Tensor): PointwiseFunction =>
    (operands, scalars = []) => {
      requireCount(name, operands, { count: tensors, noun: "tensor" });
      requireCount(name, scalars, { count: scalarCount, noun: "number" });
      return op(operands, scalars);
    };
  if (slopes === "none") return checked(defineOp({ name, output, run, expression: value }));
  const seed = input(tensors);
  const gradient = new PointwiseGradient(name, {
    derivatives: slopes
      ? slopes(...expressions).map((slope) => seed.mul(slope))
      : derivatives(value, Array.from({ length: tensors }, (_, i) => i), seed),
    scalars: scalarCount,
  });
  return checked(defineOp<readonly Tensor[], readonly number[], Record<string, Tensor>>({
    name,
    output,
    run,
    expression: value,
    save: ({ inputs, needs }) => {
      const read = gradient.reads(needs);
      return Object.fromEntries(inputs.map((operand, i) => [`x${i}`, operand]).filter((_, i) => read.has(i)));
    },
    gradient: ({ gradOutput, saved, needs, shapes, options }) =>
      gradient.run({ gradOutput, operands: shapes.map((_, i) => saved[`x${i}`]), needs, shapes, scalars: options }),
  }));
}

/** The gradients of one pointwise op: kernels by which inputs need one and which of them were stretched. */
class PointwiseGradient {
  /** d value / d input(i), times the incoming gradient, which is the input after the operands. */
  readonly #derivatives: readonly Expr[];
  readonly #scalars: number;
  /** One kernel for all gradients that have the output's shape. */
  readonly #kernel = memoize((...wanted: readonly number[]) => {
    const { used, exprs } = compact(wanted.map((i) => this.#derivatives[i]));
    const outputs = exprs.map((value): RowOutput => ({ per: "element", value }));
    return { kernel: new NumberedRows(`${this.name}_gradient`, outputs, { scalars: this.#scalars }), used };
  });
  /** The gradient of a stretched operand: computed and summed over what it stretched along, in one go. */
  readonly #reduction = memoize((i: number) => {
    const { used, exprs: [value] } = compact([this.#derivatives[i]]);
    const options = { value, scalars: this.#scalars };
    return { reduction: new NumberedReduction(`${this.name}_gradient_sum`, "sum", options), used };
  });

  constructor(
    readonly name: string,
    { derivatives, scalars }: { readonly derivatives: readonly Expr[]; readonly scalars: number },
  ) {
    this.#derivatives = derivatives;
    this.#scalars = scalars;
  }

  /** The operands that the needed gradients read. */
  reads(needs: readonly boolean[]): Set<number> {
    const read = new Set<number>();
    this.#derivatives.forEach((derivative, i) => needs[i] && inputsOf(derivative, read));
    read.delete(this.#derivatives.length);
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
      else if (isPlainInput(this.#derivatives[i], this.#derivatives.length)) result[i] = gradOutput;
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
    if (used.length === 0) return operands[operands.length - 1]!.empty(shape).fill(0); // nothing flows
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
