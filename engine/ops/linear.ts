/**
 * y = activation(x·Wᵀ + b) in one kernel: bias and activation are the product's epilogue.
 */

import { ShapeError } from "../errors.ts";
import type { EpilogueDefinition } from "../device/device.ts";
import { constant, input, select } from "../kernel/language/expr.ts";
import { defineRows } from "../launch/rows.ts";
import { defineOp } from "../op.ts";
import { formatShape, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { columnMajor, multiply, rowMajor } from "./matmul.ts";
import { sum } from "./reduce.ts";

/**
 * What follows in the same kernel.
 *
 * @category Linear algebra
 */
export interface LinearOptions {
  /** What is applied last, within the same kernel. Default: nothing. */
  readonly activation?: "relu";
}

const epilogues: Record<"bias" | "bias_relu" | "relu", EpilogueDefinition> = {
  bias: { name: "bias", value: input(0).add(input(1)), operands: ["column"] },
  bias_relu: { name: "bias_relu", value: input(0).add(input(1)).max(0), operands: ["column"] },
  relu: { name: "relu", value: input(0).max(0), operands: [] },
};

/** The gradient before a ReLU, from its output: dy where y > 0. */
const reluGradient = defineRows({
  name: "relu_gradient",
  inputs: ["dy", "y"],
  define: ({ dy, y }) => ({ dx: select(constant(0).lt(y), dy, 0) }),
});

/** dy where y > 0, else 0. Not recorded. */
export function throughRelu(gradOutput: Tensor, y: Tensor): Tensor {
  const dx = gradOutput.empty(y.shape);
  reluGradient.launch(y.shape, { dy: gradOutput, y, dx });
  return dx;
}

type LinearInputs = readonly [x: Tensor, weight: Tensor, bias: Tensor | undefined];
interface LinearSaved extends Record<string, Tensor | undefined> {
  readonly x: Tensor | undefined;
  readonly weight: Tensor | undefined;
  readonly y: Tensor | undefined;
}

const linearOp = defineOp<LinearInputs, LinearOptions, LinearSaved>({
  name: "linear",
  output: ([x, weight, bias]) => {
    const [outFeatures, inFeatures] = weight.shape;
    if (weight.rank !== 2 || x.rank < 1 || x.shape[x.rank - 1] !== inFeatures || (bias && bias.size !== outFeatures)) {
      const found = [x, weight, ...(bias ? [bias] : [])].map((t) => formatShape(t.shape)).join(", ");
      throw new ShapeError(`linear: expected x [..., in], weight [out, in] and bias [out] but found ${found}`);
    }
    return { shape: [...x.shape.slice(0, -1), outFeatures] };
  },
  run: ({ inputs: [x, weight, bias], options, output, device }) => {
    const [n, k] = weight.shape;
    const name = bias ? (options.activation ? "bias_relu" : "bias") : options.activation;
    device.matmul({
      m: output.size / Math.max(n, 1),
      n,
      k,
      outerBatch: 1,
      innerBatch: 1,
      a: x.buffer,
      aLayout: rowMajor(k),
      b: weight.buffer,
      bLayout: columnMajor(k),
      out: output.buffer,
      outLayout: rowMajor(n),
      epilogue: name && { definition: epilogues[name], operands: bias ? [bias.buffer] : [] },
    });
  },
  save: ({ inputs: [x, weight], options, output, needs }) => ({
    x: needs[1] ? x : undefined,
    weight: needs[0] ? weight : undefined,
    y: options.activation ? output : undefined,
  }),
  gradient: ({ gradOutput, saved: { x, weight, y }, shapes: [xShape, [n, k]], needs }) => {
    const m = sizeOf(xShape) / k;
    const gradient = y ? throughRelu(gradOutput, y) : gradOutput;
    let gradX: Tensor | undefined;
    let gradWeight: Tensor | undefined;
    if (weight) {
      gradX = gradient.empty(xShape);
      multiply({ a: gradient, b: weight, out: gradX }, {
        ...{ batch: 1, m, n: k, k: n },
        aLayout: rowMajor(n),
        bLayout: rowMajor(k),
      });
    }
    if (x) {
      gradWeight = gradient.empty([n, k]);
      multiply({ a: gradient, b: x, out: gradWeight }, {
        ...{ batch: 1, m: n, n: k, k: m },
        aLayout: columnMajor(n),
        bLayout: rowMajor(k),
      });
    }
    return [gradX, gradWeight, needs[2] ? sum(gradient.reshape([m, n]), 0) : undefined];
  },
});

/**
 * x [..., in], weight [out, in], bias [out] (optional): activation(x·Wᵀ + b), [..., out].
 * @throws {ShapeError} where the shapes do not fit
 * @category Linear algebra
 */
export const linear = (
  x: Tensor,
  parameters: { readonly weight: Tensor; readonly bias?: Tensor },
  options: LinearOptions = {},
): Tensor => linearOp([x, parameters.weight, parameters.bias], options);
